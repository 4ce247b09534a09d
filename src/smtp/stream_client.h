// The client's side of an SMTP session, sans I/O, for a message that is still coming in: MAIL, each
// RCPT and the content are given one by one, and the answer to each comes out as an event of its
// own, in order. (client.h is for messages that lie there whole.)
//
//   client.feed(bytes); StreamEvent e = client.next(); ...        replies
//   client.begin(mail); client.recipient(...); client.data(); client.content(...); client.end();
//   send(client.take_output(memory));
//
// MAIL is held back until the first recipient, so both leave together and one round trip answers
// them; a refusal of MAIL is the answer to each recipient (RFC 5321 section 3.3 allows that late).
// Without PIPELINING commands go out in lock-step, in the same order. With CHUNKING content leaves
// as one BDAT each time output is taken, and no 354 is waited for. Nothing that the server says can
// fail an ASSERT. Limits: what is held for lock-step is what the caller gave; the caller bounds
// content by looking at backlog().
//
// A connection serves one message after the other, so what is said out of turn could be taken for
// the answer to something else, and a sender be told that its mail was taken. Hence each reply must
// belong to a command that has left, carry a code that answers it (250; 251 and 252 for a
// recipient; 354 for DATA; any 4xx or 5xx), and be the last thing said until the next command
// leaves. Anything else is a violation() and the end, before the reply in front of it is believed.
// Two things may come unasked: 421, and a refusal while content is on its way.
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
#include "smtp/opening.h"
#include "smtp/peer_reply.h"

namespace relais::smtp {

struct StreamEvent {
  enum class Kind : uint8_t {
    kNeedInput,
    kStartTls,   // once: the server has said that TLS begins
    kReady,      // greeting, EHLO (or HELO), TLS, XCLIENT and AUTH are done; extensions() is set
    kRecipient,  // `reply` to the oldest recipient without one (or to MAIL, if that was refused)
    kData,  // `reply` to data(): positive (354), content may come; else the transaction goes on
    kEnd,   // `reply` decides about the message; the transaction is over. May come before end()
    kOver,  // the connection is of no more use: 421, an answer to QUIT, a greeting or hello
            // that refuses, what `stage` says, or a violation (code 0); `reply` says what.
            // Nothing follows
  };
  Kind kind = Kind::kNeedInput;
  PeerReply reply{};                            // valid until the next call of next() or feed()
  OpeningStage stage = OpeningStage::kSession;  // of kOver
};

class StreamClient {
 public:
  // `ehlo_name`: printable, not empty. `chunking`: BDAT where it is offered, but for what MAIL says
  // to be large; else only where content needs it.
  StreamClient(std::string_view ehlo_name, bool chunking)
      : StreamClient(ClientOptions{.ehlo_name = std::string(ehlo_name), .chunking = chunking}) {}
  explicit StreamClient(const ClientOptions& options);
  StreamClient(const StreamClient&) = delete;  // it holds views into itself
  StreamClient& operator=(const StreamClient&) = delete;

  // Lends input until next() has returned kNeedInput; only when the last input is used up.
  void feed(std::span<const char> bytes);
  [[nodiscard]] StreamEvent next();
  // Behind kStartTls: the handshake is done, and from here on plaintext is fed.
  void tls_started();

  [[nodiscard]] bool ready() const { return ready_ && !over_ && !quitting_; }
  // ready(), no transaction, nothing half said that nobody asked for, and the last transaction left
  // nothing that only closing undoes.
  [[nodiscard]] bool can_begin() const {
    return ready() && phase_ == Phase::kNone && !spoilt_ && (!unasked_ || at_reply_start());
  }
  // The server must be able to take it: cannot_take(extensions(), mail) is empty.
  void begin(const MailCommand& mail);
  void recipient(std::string_view address, const RecipientDsn& dsn);
  // After each recipient has its answer and one was accepted. One kData.
  void data();
  // In wire form: dot-stuffed, CRLF. After a positive kData, before end(). Behind kEnd it is
  // dropped. `undotted`: known to have no dot that stuffing has put in front of a line.
  void content(std::string_view wire, bool undotted = false);
  void end();
  // Forgets the transaction. False: its content has begun, so only closing the connection makes
  // sure that nothing of it is delivered.
  [[nodiscard]] bool abandon();
  void quit();  // when can_begin()

  // kOver came because the server broke the protocol.
  [[nodiscard]] bool violation() const { return violation_; }
  // It was told whose mail it is: what it refuses, it refuses to that client.
  [[nodiscard]] bool named_client() const { return opening_.named(); }
  // The server has answered something of this transaction.
  [[nodiscard]] bool answered() const { return answered_; }
  // All of this transaction's content and its end have been taken by take_output().
  [[nodiscard]] bool end_taken() const { return end_taken_; }
  [[nodiscard]] const Extensions& extensions() const { return extensions_; }
  // Octets that wait for take_output().
  [[nodiscard]] size_t backlog() const { return output_.size() + chunk_octets(); }
  // All that may be sent now, in `memory`, whose own is used again.
  [[nodiscard]] std::string_view take_output(std::string& memory);
  // Keeps at most so many octets of memory for later output; when there is no transaction.
  void trim(size_t octets);
  void invariants() const;

 private:
  // What a reply that has not come yet belongs to. Replies come in the order of the commands.
  enum class Await : uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kOpening,    // STARTTLS, XCLIENT, AUTH
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

  [[nodiscard]] static std::string_view name_of(Await await);
  [[nodiscard]] static bool answers(Await await, const PeerReply& reply);
  void say(Await await, std::string_view text);
  void say_hello();
  void release_held();
  [[nodiscard]] size_t chunk_octets() const {
    return chunk_.empty() ? 0 : chunk_.size() - kCommandRoom;
  }
  [[nodiscard]] std::string_view take_chunk(std::string& memory);
  [[nodiscard]] bool in_step() const { return extensions_.pipelining || awaits_.empty(); }
  [[nodiscard]] bool awaits(Await kind) const;

  [[nodiscard]] bool next_without_reply(StreamEvent& event);
  [[nodiscard]] bool at_reply_start() const {
    return !reader_.in_reply() && lines_.at_line_start();
  }
  [[nodiscard]] bool is_stray() const;
  StreamEvent on_stray();
  [[nodiscard]] StreamEvent on_line(std::string_view line);
  StreamEvent on_reply(const PeerReply& reply);
  StreamEvent on_unasked(const PeerReply& reply);
  StreamEvent on_answer(Await await, const PeerReply& reply);
  StreamEvent on_hello(Await await, const PeerReply& reply);
  StreamEvent go_on(const Opening::Step& step);
  StreamEvent on_mail(const PeerReply& reply);
  StreamEvent on_chunk(const PeerReply& reply);
  StreamEvent finish(const PeerReply& reply);
  StreamEvent stop(const PeerReply& reply);
  StreamEvent violate(std::string_view what, std::string_view said);
  void keep_refusal(const PeerReply& reply);
  [[nodiscard]] PeerReply refusal() const { return {refusal_code_, refusal_text_}; }

  std::string ehlo_name_;
  bool chunking_;
  std::string_view input_;
  LineReader lines_;
  PeerReplyReader reader_;
  Extensions extensions_;
  Opening opening_;

  // In front of a chunk, for its command, so that content needs no further copy.
  static constexpr size_t kCommandRoom =
      std::string_view("BDAT 18446744073709551615 LAST\r\n").size();

  std::string output_;         // commands, and content of DATA
  std::string chunk_;          // content of the BDAT to come, behind kCommandRoom; or nothing
  std::vector<Await> awaits_;  // oldest first
  size_t sent_ = 1;            // of those: whose commands have left by take_output()
  std::deque<Held> held_;      // lock-step: not sent yet
  std::string mail_;           // of the transaction, until the first recipient
  std::string scratch_;

  Phase phase_ = Phase::kNone;
  bool ready_ = false;
  bool over_ = false;
  bool quitting_ = false;
  bool violation_ = false;
  bool end_taken_ = false;
  bool unasked_ = false;    // nothing was due when the reply that is coming in began
  uint32_t octets_ = 0;     // of that reply
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
  OpeningStage stage_ = OpeningStage::kSession;
  uint16_t refusal_code_ = 0;  // of MAIL, of a chunk, or what ended it all
  std::string refusal_text_;
};

}  // namespace relais::smtp
