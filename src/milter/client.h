// Our side of one milter connection, sans I/O: answers in, events out, packets out. One SMTP
// message at a time, many in a row, also of different SMTP clients where the milter can
// (version 6). Nothing that the milter says can fail an ASSERT; nonsense ends in kUnusable.
//
//   Client client;                          the negotiation is queued
//   client.begin_session(peer);             when may_begin_session(): who the SMTP client is
//   client.begin_message(mail);             question; then recipient(), data(), end(): each is one
//   client.content(bytes);                  between data() and end()
//   client.feed(bytes); Event e = client.next(); ...         as with smtp::Client
//   send(client.output())
//
// Each question ends with exactly one kAnswer, perhaps without a word from the milter: call next()
// after asking too. Packets that want an answer go out one at a time; what is queued behind them is
// in backlog(), and the caller stops giving content when that is too much. A message that the
// milter has decided on early is not shown to it any further; later questions about it get the same
// answer. relais changes nothing in a message: no such action is offered, and a change that is
// asked for anyway is not made and counted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "milter/content.h"
#include "milter/packet.h"
#include "milter/reply_code.h"

namespace relais::milter {

// The SMTP client, as a milter wants to know it.
struct Peer {
  Endpoint remote;
  Endpoint local;
  std::string_view hello;
  std::string_view fqdn;       // ours
  std::string_view connector;  // the macro {daemon_name}
};

struct Mail {
  std::string_view sender;  // empty for <>
  std::string_view id;      // the macro i
  uint64_t size = 0;        // SIZE=; 0: not given
  bool eight_bit = false;   // BODY=8BITMIME
};

enum class Stage : uint8_t { kConnect, kHello, kMail, kRecipient, kData, kContent, kEnd };
[[nodiscard]] std::string_view name_of(Stage stage);

struct Verdict {
  enum class Action : uint8_t {
    kContinue,  // no objection so far; at kEnd: take it
    kAccept,    // take the message, the milter wants to see no more of it
    kReject,    // 5xx: this recipient, or all of the message
    kTempfail,  // 4xx, the same
    kDiscard,   // say yes and throw the message away
    kShutdown,  // 421 and the end of the SMTP session
  };
  Action action = Action::kContinue;
  Stage stage = Stage::kEnd;  // what the milter had been told when it decided
  // The milter's own words; code 0: it left them to us. Valid until the next call.
  uint16_t code = 0;
  std::array<uint16_t, 3> enhanced{};
  std::string_view text{};
  // It is about the SMTP session, so about all of its messages.
  [[nodiscard]] bool whole_session() const { return stage <= Stage::kHello; }
};

struct Event {
  enum class Kind : uint8_t {
    kNeedInput,
    kReady,     // the negotiation is done
    kAnswer,    // to the question: `verdict`
    kProgress,  // the milter asks for more time
    kUnusable,  // `why`: close; the question, if any, gets no answer
  };
  Kind kind = Kind::kNeedInput;
  Verdict verdict{};
  std::string_view why{};
};

class Client {
 public:
  Client();
  Client(const Client&) = delete;  // it holds views into itself
  Client& operator=(const Client&) = delete;

  // Lends input until next() has given kNeedInput; only when the last input is used up.
  void feed(std::span<const char> bytes);
  // After kUnusable it answers the same again.
  [[nodiscard]] Event next();

  [[nodiscard]] bool may_begin_session() const;
  void begin_session(const Peer& peer);
  [[nodiscard]] bool may_begin_message() const;
  void begin_message(const Mail& mail);
  void recipient(std::string_view address);
  void data();
  void content(std::string_view wire);  // dot-stuffed, CRLF, cut anywhere
  void end();
  // The message is over, whatever it had come to. False: the milter still owes an answer, so the
  // connection is of no more use.
  [[nodiscard]] bool finish();
  void quit();

  [[nodiscard]] bool ready() const { return version_ != 0; }
  [[nodiscard]] bool in_message() const { return in_message_; }
  [[nodiscard]] bool awaits_answer() const { return question_ != Question::kNone; }
  [[nodiscard]] size_t backlog() const;
  [[nodiscard]] std::string_view output() const { return output_; }
  [[nodiscard]] std::string& output_buffer() { return output_; }
  void output_consumed(size_t octets);

  [[nodiscard]] uint32_t version() const { return version_; }
  [[nodiscard]] uint32_t wishes() const { return wishes_; }
  // It said that it wants to change messages; or asked for a change, so often.
  [[nodiscard]] bool wants_changes() const { return wants_changes_; }
  [[nodiscard]] uint64_t changes_ignored() const { return changes_ignored_; }
  void invariants() const;

 private:
  enum class Question : uint8_t { kNone, kMail, kRecipient, kData, kEnd };
  struct Decision {
    bool made = false;
    Verdict verdict;
    std::string text;
  };

  // client.cpp: what we say
  void ask(Question question);
  void say(char command);
  void say_id(char command);
  void say_body(std::string_view bytes);
  void close_body();
  void take_pieces();
  void release();
  void forget_queue();
  [[nodiscard]] bool wanted(char command) const;
  [[nodiscard]] bool answered(char command) const;
  [[nodiscard]] const Decision* decision() const;

  // client_replies.cpp: what it answered
  Event on_packet(const Packet& packet);
  Event on_negotiated(std::string_view data);
  Event on_answer(const Packet& packet);
  Event decide(Verdict::Action action, const ReplyCode& reply);
  Event decide_by_code(std::string_view text);
  Event answer_question();
  Event fail(std::string_view why);

  std::string_view input_;
  PacketReader reader_;
  std::string output_;
  std::string queue_;         // packets that wait for the answer to an earlier one
  size_t queue_taken_ = 0;    // octets of it that have gone to output_
  size_t open_body_ = kNone;  // where in queue_ a packet of body begins that still grows
  char awaited_ = 0;          // the command whose answer is due; 0: none
  uint32_t version_ = 0;
  uint32_t wishes_ = 0;
  bool wants_changes_ = false;
  uint64_t changes_ignored_ = 0;

  bool told_session_ = false;  // CONNECT was queued for somebody
  bool in_message_ = false;
  bool abort_due_ = false;  // the milter knows of the message and has not come to its end
  bool told_data_ = false;
  bool skip_body_ = false;
  Question question_ = Question::kNone;
  std::string id_;
  Content content_;
  Decision session_;    // about all messages of this SMTP client
  Decision message_;    // about this message
  Decision recipient_;  // about the last recipient alone
  std::string_view why_;

  static constexpr size_t kNone = SIZE_MAX;
};

}  // namespace relais::milter
