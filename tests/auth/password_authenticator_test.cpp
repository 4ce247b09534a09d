#include "auth/password_authenticator.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <future>
#include <thread>

#include "auth/password_hash.h"

namespace relais::auth {
namespace {

class UsersFile {
 public:
  UsersFile() : path_(testing::TempDir() + "users-" + std::to_string(getpid())) {}
  ~UsersFile() { unlink(path_.c_str()); }
  // Renamed into place, as `relais user` does.
  void write(const std::string& text) const {
    const std::string fresh = path_ + ".new";
    std::ofstream(fresh) << text;
    ASSERT_EQ(chmod(fresh.c_str(), 0600), 0);
    ASSERT_EQ(rename(fresh.c_str(), path_.c_str()), 0);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::future<Outcome> ask(PasswordAuthenticator& authenticator, const std::string& user,
                         const std::string& password, uint32_t client = 0x0a000001) {
  const auto answered = std::make_shared<std::promise<Outcome>>();
  Request request;
  request.user = user;
  request.password = password;
  request.client = IpAddress::v4(client);
  request.answer = [answered](Outcome outcome, const std::string&) {
    answered->set_value(outcome);
  };
  EXPECT_TRUE(authenticator.submit(std::move(request)));
  return answered->get_future();
}

struct Fixture : testing::Test {
  UsersFile file;
  std::vector<std::string> told;
  std::unique_ptr<PasswordAuthenticator> open(const std::string& text) {
    file.write(text);
    return std::make_unique<PasswordAuthenticator>(
        file.path(), *PasswordFile::read(file.path()), 1,
        [this](const std::string& what) { told.push_back(what); });
  }
};
using password_authenticator = Fixture;

TEST_F(password_authenticator, says_yes_to_the_right_password_alone) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\nann:" + make_hash("a") + "\n");
  EXPECT_EQ(ask(*authenticator, "kate", "secret").get(), Outcome::kYes);
  EXPECT_EQ(ask(*authenticator, "kate", "secret").get(), Outcome::kYes);  // remembered
  EXPECT_EQ(ask(*authenticator, "kate", "Secret").get(), Outcome::kNo);
  EXPECT_EQ(ask(*authenticator, "kate", "").get(), Outcome::kNo);
  EXPECT_EQ(ask(*authenticator, "ann", "secret").get(), Outcome::kNo);
  EXPECT_EQ(ask(*authenticator, "nobody", "secret").get(), Outcome::kNo);
  EXPECT_EQ(ask(*authenticator, "kate", std::string(600, 'x')).get(), Outcome::kNo);
}

TEST_F(password_authenticator, a_password_that_was_right_costs_little_the_next_time) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\n");
  const auto time = [&](const char* password, Outcome outcome) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(*authenticator, "kate", password).get(), outcome);
    return std::chrono::steady_clock::now() - begin;
  };
  const auto first = time("secret", Outcome::kYes);
  auto again = first;
  for (int i = 0; i < 5; ++i) again = std::min(again, time("secret", Outcome::kYes));
  EXPECT_LT(again * 5, first);
  EXPECT_LT(again * 5, time("wrong", Outcome::kNo));  // never remembered
}

TEST_F(password_authenticator, takes_a_change_of_the_file_without_being_told) {
  const auto authenticator = open("kate:" + make_hash("old") + "\n");
  EXPECT_EQ(ask(*authenticator, "kate", "old").get(), Outcome::kYes);
  file.write("kate:" + make_hash("new") + "\nann:" + make_hash("a") + "\n");
  EXPECT_EQ(ask(*authenticator, "kate", "new").get(), Outcome::kYes);
  EXPECT_EQ(ask(*authenticator, "kate", "old").get(), Outcome::kNo);
  EXPECT_EQ(ask(*authenticator, "ann", "a").get(), Outcome::kYes);
  EXPECT_EQ(told, std::vector<std::string>{file.path() + ": read again, it has changed: users: 2"});
}

TEST_F(password_authenticator, forgets_within_a_second_whom_the_file_has_lost) {
  const auto authenticator = open("kate:" + make_hash("old") + "\n");
  EXPECT_EQ(ask(*authenticator, "kate", "old").get(), Outcome::kYes);
  file.write("ann:" + make_hash("a") + "\n");
  Outcome last = Outcome::kYes;
  for (int i = 0; i < 100 && last == Outcome::kYes; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    last = ask(*authenticator, "kate", "old").get();
  }
  EXPECT_EQ(last, Outcome::kNo);
}

TEST_F(password_authenticator, a_password_that_was_right_waits_for_no_guess) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\n");
  EXPECT_EQ(ask(*authenticator, "kate", "secret").get(), Outcome::kYes);
  std::vector<std::future<Outcome>> guesses;
  for (uint32_t i = 0; i < 50; ++i)
    guesses.push_back(ask(*authenticator, "kate", "guess", 0x0a000002 + i));
  EXPECT_EQ(ask(*authenticator, "kate", "secret", 0x0b000001).wait_for(std::chrono::seconds(0)),
            std::future_status::ready);
}

TEST_F(password_authenticator, nothing_is_hashed_for_those_who_have_gone) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\n");
  std::promise<Outcome> answered;
  Request request;
  request.user = "kate";
  request.password = "secret";
  request.gone = std::make_shared<std::atomic<bool>>(true);
  request.answer = [&](Outcome outcome, const std::string&) { answered.set_value(outcome); };
  ASSERT_TRUE(authenticator->submit(std::move(request)));
  EXPECT_EQ(answered.get_future().get(), Outcome::kUnavailable);
}

TEST_F(password_authenticator, keeps_the_last_good_file) {
  const auto authenticator = open("kate:" + make_hash("old") + "\n");
  file.write("kate:plain\n");
  EXPECT_EQ(ask(*authenticator, "kate", "old").get(), Outcome::kYes);
  EXPECT_EQ(ask(*authenticator, "kate", "plain").get(), Outcome::kNo);
  EXPECT_EQ(told, std::vector<std::string>{
                      file.path() +
                      ":1: user 'kate': no hash that is known here ($y$, $2b$ or $6$); the last "
                      "good list of users stays in force"});
}

TEST_F(password_authenticator, one_client_that_guesses_does_not_keep_another_waiting) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\n");
  std::vector<std::future<Outcome>> guesses;
  for (size_t i = 0; i < PasswordAuthenticator::kWaitOfClientMax; ++i)
    guesses.push_back(ask(*authenticator, "kate", "guess", 0x0a000002));
  EXPECT_EQ(ask(*authenticator, "kate", "secret", 0x0a000003).get(), Outcome::kYes);
  EXPECT_EQ(guesses.back().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(password_authenticator, whoever_waits_at_its_end_is_answered) {
  auto authenticator = open("kate:" + make_hash("secret") + "\n");
  std::vector<std::future<Outcome>> asked;
  for (int i = 0; i < 20; ++i) asked.push_back(ask(*authenticator, "kate", "guess"));
  authenticator.reset();
  EXPECT_EQ(asked.back().get(), Outcome::kUnavailable);
}

TEST_F(password_authenticator, too_many_of_one_client_are_not_taken) {
  const auto authenticator = open("kate:" + make_hash("secret") + "\n");
  size_t taken = 0;
  for (size_t i = 0; i < 3 * PasswordAuthenticator::kWaitOfClientMax; ++i) {
    Request request;
    request.user = "kate";
    request.password = "guess";
    if (authenticator->submit(std::move(request))) ++taken;
  }
  EXPECT_GE(taken, PasswordAuthenticator::kWaitOfClientMax);
  EXPECT_LT(taken, 2 * PasswordAuthenticator::kWaitOfClientMax);
}

}  // namespace
}  // namespace relais::auth
