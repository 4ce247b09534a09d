// The client's side of an SMTP session, sans I/O, for a message that is still coming in: MAIL, each
// RCPT and the content are given one by one, and the answer to each comes out as an event of its
// own, in order. (client.h is for messages that lie there whole.)
//
//   client.feed(bytes); StreamEvent e = client.next(); ...        replies
//   client.begin(mail); client.recipient(...); client.data(); client.content(...); client.end();
//   client.take_output(out); send(out);
//
// MAIL is held back until the first recipient, so both leave together and one round trip answers
// them; a refusal of MAIL is the answer to each recipient (RFC 5321 section 3.3 allows that late).
// Without PIPELINING commands go out in lock-step, in the same order. With CHUNKING content leaves
// as one BDAT each time output is taken, and no 354 is waited for. Nothing that the server says can
// fail an ASSERT. Limits: what is held for lock-step is what the caller gave; the caller bounds
// content by looking at backlog().
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/dot_unstuffing.h"
#include "smtp/hop_commands.h"
#include "smtp/line_reader.h"
#include "smtp/peer_reply.h"

namespace relais::smtp {

struct StreamEvent {
  enum class Kind : uint8_t {
    kNeedInput,
    kReady,      // greeting and EHLO (or HELO) are done; extensions() is set
    kRecipient,  // `reply` to the oldest recipient without one (or to MAIL, if that was refused)
    kData,  // `reply` to data(): positive (354), content may come; else the transaction goes on
    kEnd,   // `reply` decides about the message; the transaction is over. May come before end()
    kOver,  // the connection is of no more use: 421, an answer to QUIT, a greeting or hello
            // that refuses, or nonsense (code 0); `reply` says what. Nothing follows
  };
  Kind kind = Kind::kNeedInput;
  PeerReply reply{};  // valid until the next call of next() or feed()
};

class StreamClient {
 public:
  // `ehlo_name`: printable, not empty. `chunking`: BDAT where it is offered; else only where
  // content needs it.
  StreamClient(std::string_view ehlo_name, bool chunking);
  StreamClient(const StreamClient&) = delete;  // it holds views into itself
  StreamClient& operator=(const StreamClient&) = delete;

  // Lends input until next() has returned kNeedInput; only when the last input is used up.
  void feed(std::span<const char> bytes);
  [[nodiscard]] StreamEvent next();

  [[nodiscard]] bool ready() const { return ready_ && !over_ && !quitting_; }
  // ready(), no transaction, and the last one left nothing that only closing undoes.
  [[nodiscard]] bool can_begin() const { return ready() && phase_ == Phase::kNone && !spoilt_; }
  // The server must be able to take it: cannot_take(extensions(), mail) is empty.
  void begin(const MailCommand& mail);
  void recipient(std::string_view address, const RecipientDsn& dsn);
  // After each recipient has its answer and one was accepted. One kData.
  void data();
  // In wire form: dot-stuffed, CRLF. After a positive kData, before end(). Behind kEnd it is
  // dropped.
  void content(std::string_view wire);
  void end();
  // Forgets the transaction. False: its content has begun, so only closing the connection makes
  // sure that nothing of it is delivered.
  [[nodiscard]] bool abandon();
  void quit();  // when can_begin()

  // The server has answered something of this transaction.
  [[nodiscard]] bool answered() const { return answered_; }
  // All of the content and its end have been taken by take_output().
  [[nodiscard]] bool end_taken() const { return phase_ == Phase::kEnding && chunk_.empty(); }
  [[nodiscard]] const Extensions& extensions() const { return extensions_; }
  // Octets that wait for take_output().
  [[nodiscard]] size_t backlog() const { return output_.size() + chunk_.size(); }
  // Replaces `out` by all that may be sent now; its memory is used again.
  void take_output(std::string& out);
  void invariants() const;

 private:
  // What a reply that has not come yet belongs to. Replies come in the order of the commands.
  enum class Await : uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kForgotten,  // a command of a transaction that was abandoned
    kReset,
    kMail,
    kRecipient,
    kData,
    kChunk,
    kContent,
    kQuit,
  };
  enum class Phase : uint8_t {
    kNone,
    kEnvelope,  // begin() to a positive kData
    kContent,
    kEnding,  // end() was called
    kDone,    // kEnd came before end()
  };
  struct Held {
    Await await;
    std::string text;
  };
  using Kind = StreamEvent::Kind;

  void say(Await await, std::string_view text);
  void release_held();
  void add_chunk();
  [[nodiscard]] bool in_step() const { return extensions_.pipelining || awaits_.empty(); }
  [[nodiscard]] bool awaits(Await kind) const;

  [[nodiscard]] bool next_without_reply(StreamEvent& event);
  StreamEvent on_reply(const PeerReply& reply);
  StreamEvent on_hello(Await await, const PeerReply& reply);
  StreamEvent on_mail(const PeerReply& reply);
  StreamEvent on_data(const PeerReply& reply);
  StreamEvent on_chunk(const PeerReply& reply);
  StreamEvent finish(const PeerReply& reply);
  StreamEvent stop(const PeerReply& reply);
  void keep_refusal(const PeerReply& reply);
  [[nodiscard]] PeerReply refusal() const { return {refusal_code_, refusal_text_}; }

  std::string ehlo_name_;
  bool chunking_;
  std::string_view input_;
  LineReader lines_;
  PeerReplyReader reader_;
  Extensions extensions_;

  std::string output_;         // commands, and content of DATA
  std::string chunk_;          // content of the BDAT to come
  std::vector<Await> awaits_;  // oldest first
  std::deque<Held> held_;      // lock-step: not sent yet
  std::string mail_;           // of the transaction, until the first recipient
  std::string scratch_;

  Phase phase_ = Phase::kNone;
  bool ready_ = false;
  bool over_ = false;
  bool quitting_ = false;
  bool spoilt_ = false;     // an answer came where none was due: nothing later can be trusted
  bool reset_due_ = false;  // the server may still hold a transaction
  bool utf8_ = false;
  bool binary_ = false;
  bool answered_ = false;
  bool mail_refused_ = false;
  bool chunked_ = false;
  bool go_due_ = false;  // kData comes next, without a reply
  bool last_chunk_due_ = false;
  bool chunk_refused_ = false;
  uint32_t owed_ = 0;  // recipients that MAIL's refusal answers
  DotUnstuffing unstuffing_;
  uint16_t refusal_code_ = 0;  // of MAIL, of a chunk, or what ended it all
  std::string refusal_text_;
};

}  // namespace relais::smtp
