// Our client talks to our server in memory: many transactions over one connection, bytes cut at
// random in both directions, answers that come late, refusals everywhere. In the end both must tell
// the same story.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "envelope.h"
#include "smtp/client.h"
#include "smtp/dot_unstuffing.h"
#include "smtp/server.h"

namespace relais::smtp::test {
namespace {

// What one side believes about a message that was taken.
struct Taken {
  std::string sender;
  std::vector<std::string> recipients;
  std::string content;
  friend bool operator==(const Taken&, const Taken&) = default;
};

struct Message {
  std::string sender;
  std::vector<std::string> recipients;
  std::string content;  // wire form
  std::unique_ptr<TestEnvelope> envelope;
};

std::string random_content(Prng& prng) {
  std::string content;
  for (uint64_t line = prng.below(8); line > 0; --line) {
    static constexpr std::string_view kStarts[] = {"",     "..",         "x.",       "..x",
                                                   "QUIT", "..\r\nRSET", "Subject: "};
    content += kStarts[prng.below(std::size(kStarts))];
    if (prng.one_in(3)) content.append(prng.below(200), 'y');
    content += "\r\n";
  }
  return content;
}

Message random_message(Prng& prng, int number) {
  Message message;
  const std::string id = std::to_string(number);
  message.sender = prng.one_in(6)   ? ""
                   : prng.one_in(6) ? "refused" + id + "@contoso.com"
                                    : "s" + id + "@contoso.com";
  for (uint64_t i = prng.between(1, 5); i > 0; --i) {
    message.recipients.push_back((prng.one_in(3) ? "no" : "yes") + std::to_string(i) +
                                 "@fabrikam.com");
  }
  message.content = random_content(prng);
  message.envelope = std::make_unique<TestEnvelope>(message.sender, message.recipients,
                                                    message.content.size(), prng.one_in(2));
  return message;
}

// Bytes on their way; some at a time arrive.
class Wire {
 public:
  void send(std::string_view bytes) { bytes_ += bytes; }
  std::string arrive(Prng& prng) {
    const size_t most = prng.one_in(2) ? 4 : 400;
    std::string part = bytes_.substr(0, prng.below(most));
    bytes_.erase(0, part.size());
    return part;
  }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

class ServerSide {
 public:
  ServerSide(const ServerOptions& options, Prng& prng)
      : prng_(prng), server_(options, "192.0.2.1") {
    server_.greet("now");
  }

  void step(Wire& in, Wire& out) {
    if (!closed_ && server_.needs_input()) {
      bytes_ = in.arrive(prng_);
      server_.feed(bytes_);
    }
    // An answer may take its time; everything behind it waits.
    if (server_.awaits_answer() && prng_.one_in(2)) server_.answer(verdict());
    while (!closed_ && !server_.awaits_answer()) {
      const Event event = server_.next();
      server_.invariants();
      if (event.kind == Event::Kind::kNeedInput) break;
      on(event);
    }
    out.send(server_.output());
    server_.output_consumed(server_.output().size());
  }

  std::vector<Taken> taken;
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] uint32_t errors() const { return server_.errors(); }

 private:
  void on(const Event& event) {
    last_ = event;
    switch (event.kind) {
      case Event::Kind::kBody:
        content_ += event.bytes;
        break;
      case Event::Kind::kClose:
        closed_ = true;
        break;
      case Event::Kind::kData:
        content_.clear();
        break;
      case Event::Kind::kDataRefused:
        ADD_FAILURE() << "legal content was refused";
        break;
      default:
        break;
    }
  }

  Verdict verdict() {
    switch (last_.kind) {
      case Event::Kind::kMail:
        if (last_.path.address.starts_with("refused")) return {{550, {5, 7, 1}, "sender refused"}};
        return {replies::kSenderOk};
      case Event::Kind::kRecipient:
        if (last_.path.address.starts_with("no")) return {{550, {5, 1, 1}, "User unknown"}};
        return {replies::kRecipientOk};
      case Event::Kind::kData:
        return {prng_.one_in(8) ? replies::kInsufficientResources : replies::kNoop};
      default:
        break;
    }
    if (prng_.one_in(5)) return {replies::kWriteFailed};
    Taken message{std::string(server_.transaction().sender()), {}, content_};
    for (size_t i = 0; i < server_.transaction().recipient_count(); ++i) {
      message.recipients.emplace_back(server_.transaction().recipient(i));
    }
    taken.push_back(std::move(message));
    return {replies::kNoop};
  }

  Prng& prng_;
  Server server_;
  std::string bytes_;
  std::string content_;
  Event last_;
  bool closed_ = false;
};

class ClientSide {
 public:
  ClientSide(std::vector<Message> messages, Prng& prng)
      : messages_(std::move(messages)), prng_(prng) {}

  void step(Wire& in, Wire& out) {
    bytes_ = in.arrive(prng_);
    client_.feed(bytes_);
    while (!closed_) {
      const ClientEvent event = client_.next();
      client_.invariants();
      if (event.kind == ClientEvent::Kind::kNeedInput) break;
      on(event, out);
    }
    if (prng_.one_in(3)) begin();
    flush(out);
  }

  std::vector<Taken> taken;
  size_t finished = 0;
  uint32_t most_in_flight = 0;
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  void begin() {
    if (begun_ == messages_.size()) {
      if (client_.in_flight() == 0) client_.quit();
      return;
    }
    if (!client_.can_begin()) return;
    client_.begin(*messages_[begun_++].envelope);
    most_in_flight = std::max(most_in_flight, client_.in_flight());
  }

  void flush(Wire& out) {
    out.send(client_.output());
    client_.output_consumed(client_.output().size());
  }

  void on(const ClientEvent& event, Wire& out) {
    const Message& oldest = messages_[std::min(finished, messages_.size() - 1)];
    switch (event.kind) {
      case ClientEvent::Kind::kRecipientResult:
        EXPECT_EQ(event.recipient, results_++) << "one for each, in order";
        if (event.reply.code < 300) accepted_.push_back(oldest.recipients.at(event.recipient));
        break;
      case ClientEvent::Kind::kContentWanted:
        EXPECT_EQ(event.empty, accepted_.empty());
        flush(out);
        if (client_.in_chunks()) {
          send_chunks(oldest.content, out);
        } else {
          out.send(event.empty ? "" : oldest.content);
          out.send(".\r\n");
        }
        client_.content_sent();
        break;
      case ClientEvent::Kind::kFinished:
        EXPECT_EQ(results_, oldest.recipients.size());
        if (event.reply.code < 300 && !accepted_.empty()) {
          taken.push_back({oldest.sender, accepted_, oldest.content});
        }
        accepted_.clear();
        results_ = 0;
        ++finished;
        break;
      case ClientEvent::Kind::kStartTls:
      case ClientEvent::Kind::kUnusable:
        ADD_FAILURE() << event.reply.code << " " << event.reply.text;
        [[fallthrough]];
      case ClientEvent::Kind::kClosing:
        closed_ = true;
        break;
      case ClientEvent::Kind::kReady:
      case ClientEvent::Kind::kNeedInput:
        break;
    }
  }

  void send_chunks(std::string_view wire, Wire& out) {
    std::string copy;
    std::string_view raw = DotUnstuffing().next(wire, copy);
    for (uint64_t left = prng_.between(1, 3); left > 0; --left) {
      const std::string_view chunk = left == 1 ? raw : raw.substr(0, prng_.below(raw.size() + 1));
      out.send(client_.begin_chunk(chunk.size(), left == 1));
      out.send(std::string(chunk));
      raw.remove_prefix(chunk.size());
    }
  }

  std::vector<Message> messages_;
  Prng& prng_;
  Client client_{ClientOptions{"client.contoso.com"}};
  std::string bytes_;
  size_t begun_ = 0;
  uint32_t results_ = 0;
  std::vector<std::string> accepted_;
  bool closed_ = false;
};

void talk(uint64_t seed, bool pipelining) {
  Prng prng(seed);
  ServerOptions options;
  options.pipelining = pipelining;
  options.size = !prng.one_in(4);
  options.eight_bit_mime = !prng.one_in(4);
  options.chunking = prng.one_in(2);
  options.enhanced_status_codes = !prng.one_in(4);
  options.max_recipients = 4;
  options.max_protocol_errors = 0;
  std::vector<Message> messages;
  for (int i = 0; i < 6; ++i) messages.push_back(random_message(prng, i));
  const size_t count = messages.size();

  Wire to_server, to_client;
  ServerSide server(options, prng);
  ClientSide client(std::move(messages), prng);
  int turns = 0;
  while (!client.closed() && ++turns < 20'000) {
    server.step(to_server, to_client);
    client.step(to_client, to_server);
  }
  ASSERT_TRUE(client.closed()) << "seed " << seed << ": they wait for each other";
  EXPECT_TRUE(server.closed());
  EXPECT_EQ(client.finished, count);
  EXPECT_EQ(server.errors(), 0U) << "our own client must not look like a fool";
  EXPECT_EQ(client.taken, server.taken);
  if (!pipelining) {
    EXPECT_EQ(client.most_in_flight, 1U);
  }
}

TEST(ClientAndServer, TellTheSameStoryPipelined) {
  for (uint64_t seed = 0; seed < 1500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    talk(seed, true);
  }
}

TEST(ClientAndServer, TellTheSameStoryInLockStep) {
  for (uint64_t seed = 0; seed < 1500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    talk(seed, false);
  }
}

}  // namespace
}  // namespace relais::smtp::test
