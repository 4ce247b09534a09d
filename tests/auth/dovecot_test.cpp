// Dovecot's protocol as bytes, and the client against a socket that plays Dovecot.
#include "auth/dovecot.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "auth/dovecot_client.h"
#include "smtp/base64.h"

namespace relais::auth {
namespace {

constexpr std::string_view kGreeting =
    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t5\nCUID\t1\n"
    "COOKIE\tabc\nDONE\n";

Request request_of(const std::string& user, const std::string& password) {
  Request request;
  request.user = user;
  request.password = password;
  request.client = IpAddress::v4(0xc0a8050a);
  request.local = IpAddress::v4(0x0a000001);
  return request;
}

using Answers = std::vector<DovecotDialogue::Answer>;

std::vector<std::pair<uint32_t, Outcome>> said(const Answers& answers) {
  std::vector<std::pair<uint32_t, Outcome>> pairs;
  for (const auto& answer : answers) pairs.emplace_back(answer.id, answer.outcome);
  return pairs;
}

TEST(dovecot, asks_once_the_other_side_has_introduced_itself) {
  DovecotDialogue dialogue(42);
  EXPECT_EQ(dialogue.output(), "VERSION\t1\t1\nCPID\t42\n");
  dialogue.output().clear();
  Answers answers;
  ASSERT_TRUE(dialogue.feed(kGreeting, answers));
  ASSERT_TRUE(dialogue.ready());
  Request request = request_of("kate", "secret");
  request.in_tls = true;
  dialogue.ask(7, request);
  EXPECT_EQ(
      dialogue.output(),
      "AUTH\t7\tPLAIN\tservice=smtp\tnologin\tlip=10.0.0.1\trip=192.168.5.10\tsecured\tresp=" +
          smtp::encode_base64(std::string_view("\0kate\0secret", 12)) + "\n");
}

TEST(dovecot, takes_answers_however_they_are_cut) {
  const std::string text = std::string(kGreeting) +
                           "OK\t1\tuser=kate\nFAIL\t2\tuser=kate\nFAIL\t3\tuser=kate\ttemp\n"
                           "FAIL\t4\tcode=temp_fail\nCONT\t5\t\nNEWS\t1\nOK\t4294967295\n";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    DovecotDialogue dialogue(1);
    Answers answers;
    ASSERT_TRUE(dialogue.feed(std::string_view(text).substr(0, cut), answers));
    ASSERT_TRUE(dialogue.feed(std::string_view(text).substr(cut), answers));
    EXPECT_EQ(said(answers),
              (std::vector<std::pair<uint32_t, Outcome>>{{1, Outcome::kYes},
                                                         {2, Outcome::kNo},
                                                         {3, Outcome::kUnavailable},
                                                         {4, Outcome::kUnavailable},
                                                         {5, Outcome::kUnavailable},
                                                         {4294967295, Outcome::kYes}}));
  }
}

TEST(dovecot, whoever_is_not_dovecot_is_found_out) {
  const std::pair<std::string, std::string> rows[] = {
      {"220 mail ESMTP\n", "does not speak Dovecot's authentication protocol"},
      {"VERSION\t2\t0\n", "speaks another version of Dovecot's authentication protocol than 1"},
      {"VERSION\n", "speaks another version of Dovecot's authentication protocol than 1"},
      {"VERSION\t1\t2\nMECH\tGSSAPI\nDONE\n", "does not offer the mechanism PLAIN"},
      {std::string(kGreeting) + "OK\tx\n", "sent an answer without a number"},
      {std::string(kGreeting) + "OK\n", "sent an answer without a number"},
      {std::string(9000, 'x'), "sent a line of more than 8192 octets"}};
  for (const auto& [bytes, problem] : rows) {
    DovecotDialogue dialogue(1);
    Answers answers;
    EXPECT_FALSE(dialogue.feed(bytes, answers)) << bytes;
    EXPECT_EQ(dialogue.problem(), problem);
  }
}

// Accepts one connection after the other, says `greeting`, and answers each AUTH by `reply`.
class PlayedDovecot {
 public:
  explicit PlayedDovecot(std::string reply)
      : path_(testing::TempDir() + "dovecot-" + std::to_string(getpid())),
        reply_(std::move(reply)) {
    unlink(path_.c_str());
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path_.data(), path_.size());
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::jthread([this] { serve(); });
  }
  ~PlayedDovecot() {
    shutdown(listener_, SHUT_RDWR);
    if (connection_ >= 0) shutdown(connection_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  std::atomic<int> connections = 0;

 private:
  void serve() {
    for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0; close(fd)) {
      connection_ = fd;
      ++connections;
      (void)!write(fd, kGreeting.data(), kGreeting.size());
      std::string got;
      char byte = 0;
      while (read(fd, &byte, 1) == 1) {
        got += byte;
        if (byte != '\n') continue;
        if (got.starts_with("AUTH\t")) {
          if (reply_.empty()) break;  // hangs up
          const std::string id = got.substr(5, got.find('\t', 5) - 5);
          const std::string line = reply_ + "\t" + id + "\tuser=kate\n";
          (void)!write(fd, line.data(), line.size());
        }
        got.clear();
      }
    }
  }

  std::string path_;
  std::string reply_;
  int listener_ = -1;
  std::atomic<int> connection_ = -1;
  std::jthread thread_;
};

Outcome ask(DovecotClient& client) {
  std::promise<Outcome> answered;
  Request request = request_of("kate", "secret");
  request.answer = [&](Outcome outcome, const std::string&) { answered.set_value(outcome); };
  EXPECT_TRUE(client.submit(std::move(request)));
  return answered.get_future().get();
}

TEST(dovecot_client, brings_the_answer) {
  for (const auto& [reply, outcome] :
       {std::pair("OK", Outcome::kYes), std::pair("FAIL", Outcome::kNo)}) {
    const PlayedDovecot dovecot(reply);
    DovecotClient client(dovecot.path(), [](const std::string&) {});
    EXPECT_EQ(ask(client), outcome);
    EXPECT_EQ(ask(client), outcome);
  }
}

TEST(dovecot_client, one_that_is_not_there_is_told_once_and_found_again) {
  std::vector<std::string> told;
  std::string path;
  {
    const PlayedDovecot dovecot("OK");
    path = dovecot.path();
  }
  DovecotClient client(path, [&](const std::string& what) { told.push_back(what); });
  EXPECT_EQ(ask(client), Outcome::kUnavailable);
  EXPECT_EQ(ask(client), Outcome::kUnavailable);
  EXPECT_EQ(told, std::vector<std::string>{path + ": No such file or directory; AUTH is answered "
                                                  "454 until it works"});
  const PlayedDovecot dovecot("OK");
  EXPECT_EQ(ask(client), Outcome::kYes);
}

// A reloaded Dovecot leaves its old process, and the old settings, to whoever stays connected.
TEST(dovecot_client, no_connection_grows_old) {
  const PlayedDovecot dovecot("OK");
  DovecotClient client(
      dovecot.path(), [](const std::string&) {}, 50);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (dovecot.connections < 3 && std::chrono::steady_clock::now() < end)
    EXPECT_EQ(ask(client), Outcome::kYes);
  EXPECT_EQ(dovecot.connections, 3);
}

TEST(dovecot_client, one_that_hangs_up_is_no_verdict) {
  const PlayedDovecot dovecot("");
  DovecotClient client(dovecot.path(), [](const std::string&) {});
  EXPECT_EQ(ask(client), Outcome::kUnavailable);
}

}  // namespace
}  // namespace relais::auth
