// The generator's side of an SMTP session, sans I/O. smtp/client.h is made for delivering mail and
// shows what a relay must know; this one is made for measuring: every reply comes out with what it
// answers and when that was asked, the manner (lock-step, pipelined, chunks) is the caller's choice
// and not the server's, and nothing is copied that is the same for all messages.
//
//   dialogue.feed(bytes, now); Event e = dialogue.next(); ...
//   if (dialogue.can_begin()) dialogue.begin(message, now);
//   send(dialogue.take_output()...); when wants_content(): then the content, content_sent(now), and
//   whatever take_output() has behind it
//
// A message that was begun ends with one kFinished or with the connection. Nothing that a server
// says can fail an ASSERT; what answers nothing, or with a code that makes no sense there, ends the
// dialogue as kOver with violation().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "load/step.h"
#include "smtp/hop_commands.h"
#include "smtp/line_reader.h"
#include "smtp/opening.h"
#include "smtp/peer_reply.h"

namespace relais::load {

enum class Mode : uint8_t {
  kLockStep,    // each command waits for the answer to the one before
  kPipelining,  // MAIL, RCPT and DATA in one group, and the next group behind the content
  kBdat,        // MAIL, RCPT and BDAT with the content in one group (RFC 3030)
};

// What all sessions say; outlives them.
struct Script {
  Mode mode = Mode::kLockStep;
  smtp::ClientOptions opening;
  bool hide_plain = false;              // log on with LOGIN also where PLAIN is offered
  std::string mail;                     // "MAIL FROM:<...>"
  std::vector<std::string> recipients;  // "RCPT TO:<...>\r\n"
};

struct DialogueMessage {
  uint64_t octets = 0;     // of content, without dot-stuffing
  bool eight_bit = false;  // BODY=8BITMIME where that is offered
};

struct RefusedRecipient {
  uint32_t index;
  uint16_t code;
};

struct Event {
  enum class Then : uint8_t {
    kNeedInput,  // no reply: all input is used up
    kNothing,    // the dialogue goes on
    kStartTls,   // shake hands, then tls_started()
    kReady,      // messages may begin
    kFinished,   // the oldest message is decided: accepted() of it
    kOver,       // close the connection; nothing follows
  };
  Then then = Then::kNeedInput;
  Step step = Step::kBanner;  // what `reply` answers
  bool refused = false;       // `reply` says no (or nonsense)
  bool closing = false;       // 421
  bool accepted = false;      // kFinished
  // kFinished and accepted: but not for these, in order; valid as `reply` is.
  std::span<const RefusedRecipient> refused_recipients{};
  smtp::PeerReply reply{};  // valid until the next call of next() or feed()
  Instant asked{};          // when it was asked for; zero: a reply in the middle of a logon
};

class Dialogue {
 public:
  explicit Dialogue(const Script& script);
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  // The banner is waited for from now on.
  void connected(Instant now) { asked_ = now; }
  // Lends input until next() has said kNeedInput. `now` is when it came.
  void feed(std::span<const char> bytes, Instant now);
  [[nodiscard]] Event next();
  void tls_started(Instant now);

  [[nodiscard]] bool can_begin() const;
  void begin(const DialogueMessage& message, Instant now);
  [[nodiscard]] bool wants_content() const {
    return in_flight_ > 0 && flights_[in_flight_ - 1].content_due;
  }
  // The content, with its final dot unless it goes with BDAT, was queued behind the output so far.
  void content_sent(Instant now);
  void quit(Instant now);  // when nothing is in flight

  // Replaces `out` by the commands that are due; its memory is used again.
  void take_output(std::string& out);
  [[nodiscard]] bool has_output() const { return !output_.empty(); }

  [[nodiscard]] uint32_t in_flight() const { return in_flight_; }
  // All content of a message (0: the oldest) has been handed out, so the server may have it.
  [[nodiscard]] bool content_out(uint32_t index) const { return flights_[index].content_out; }
  // An answer is due.
  [[nodiscard]] bool waits() const {
    return !over_ && (await_ != Step::kMessage || in_flight_ > 0);
  }
  // What is waited for.
  [[nodiscard]] Step step_now() const {
    return await_ == Step::kMessage && in_flight_ > 0 ? flights_[0].await : await_;
  }
  [[nodiscard]] bool violation() const { return violation_; }
  [[nodiscard]] const smtp::Extensions& extensions() const { return extensions_; }
  void invariants() const;

 private:
  struct Flight {
    Step await = Step::kMail;
    bool mail_refused = false;
    bool content_due = false;
    bool content_out = false;
    bool empty = false;  // every recipient was refused and a dot alone was sent
    uint32_t recipient = 0;
    std::vector<RefusedRecipient> refused{};
    DialogueMessage message{};
    Instant asked{};
  };
  using Then = Event::Then;

  void say(std::string_view line);
  void say_hello();
  void say_mail(const DialogueMessage& message);
  void say_bdat(const DialogueMessage& message);
  void ask(Flight& flight, Step step);
  [[nodiscard]] bool in_groups() const { return script_.mode != Mode::kLockStep && pipelining_; }

  Event on_reply(const smtp::PeerReply& reply);
  Event on_banner(Event event);
  Event on_hello(Event event);
  Event go_on(const smtp::Opening::Step& step, Event event);
  Event ready(Event event);
  Event on_transaction(Event event);
  Event on_mail(Event event);
  Event on_recipient(Event event);
  Event on_data(Event event);
  [[nodiscard]] bool all_refused(const Flight& flight) const {
    return flight.refused.size() == script_.recipients.size();
  }
  Event finish(Event event);
  Event violate(Event event, std::string_view what);

  const Script& script_;
  std::string_view input_;
  smtp::LineReader lines_;
  smtp::PeerReplyReader reader_;
  smtp::Extensions extensions_;
  smtp::Opening opening_;
  std::string output_;
  std::string text_;                       // of a violation
  std::vector<RefusedRecipient> refused_;  // of the event
  Flight flights_[2];                      // oldest first
  uint32_t in_flight_ = 0;
  Step await_ = Step::kBanner;  // of the session; kMessage: what comes is a transaction's
  bool pipelining_ = false;
  bool reset_due_ = false;  // the server may still hold a transaction
  bool over_ = false;
  bool violation_ = false;
  Instant asked_{};
  Instant now_{};
};

}  // namespace relais::load
