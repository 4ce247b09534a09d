#include "load/dialogue.h"

#include <utility>

#include "base/assert.h"
#include "base/decimal.h"

namespace relais::load {
namespace {

constexpr uint16_t kServiceClosing = 421;
constexpr uint16_t kStartInput = 354;

constexpr bool is_positive(uint16_t code) { return code >= 200 && code < 300; }

}  // namespace

Dialogue::Dialogue(const Script& script) : script_(script), opening_(script.opening) {}

void Dialogue::feed(std::span<const char> bytes, Instant now) {
  if (over_) return;
  ASSERT(input_.empty());
  input_ = {bytes.data(), bytes.size()};
  now_ = now;
}

void Dialogue::tls_started(Instant now) {
  opening_.tls_started();
  extensions_ = {};
  say_hello();
  await_ = Step::kHello;
  asked_ = now;
}

Event Dialogue::next() {
  while (!over_) {
    std::string_view line;
    switch (lines_.take(input_, line)) {
      case smtp::LineReader::Got::kNothing:
        return {};
      case smtp::LineReader::Got::kTooLong:
        return violate({.step = step_now()}, "a reply line that is too long");
      case smtp::LineReader::Got::kLine:
        break;
    }
    const auto got = reader_.take(line);
    if (got == smtp::PeerReplyReader::Got::kMalformed)
      return violate({.step = step_now()}, "no SMTP reply");
    if (await_ == Step::kHello && !reader_.is_first_line()) extensions_.note(reader_.line_text());
    if (got == smtp::PeerReplyReader::Got::kReply) return on_reply(reader_.reply());
  }
  return {};
}

Event Dialogue::on_reply(const smtp::PeerReply& reply) {
  const bool in_transaction = await_ == Step::kMessage && in_flight_ > 0;
  Event event{.then = Then::kNothing,
              .step = step_now(),
              .refused = reply.code >= 400,
              .reply = reply,
              .asked = in_transaction ? flights_[0].asked : asked_};
  if (await_ == Step::kMessage && in_flight_ == 0 && reply.code != kServiceClosing)
    return violate(event, "a reply that nobody asked for");
  if (reply.code == kServiceClosing) {
    over_ = event.closing = true;
    event.then = Then::kOver;
    return event;
  }
  switch (await_) {
    case Step::kBanner:
      return on_banner(event);
    case Step::kHello:
      return on_hello(event);
    case Step::kStartTls:
    case Step::kAuth:
      return go_on(opening_.on_reply(reply, extensions_, !input_.empty()), event);
    case Step::kQuit:
      over_ = true;
      event.then = Then::kOver;
      return event;
    default:
      return on_transaction(event);
  }
}

Event Dialogue::on_banner(Event event) {
  if (event.reply.code != 220) {
    over_ = event.refused = true;
    event.then = Then::kOver;
    return event;
  }
  say_hello();
  await_ = Step::kHello;
  asked_ = now_;
  return event;
}

Event Dialogue::on_hello(Event event) {
  if (!is_positive(event.reply.code)) {
    over_ = event.refused = true;
    event.then = Then::kOver;
    return event;
  }
  if (script_.hide_plain && extensions_.auth_login) extensions_.auth_plain = false;
  return go_on(opening_.on_hello(event.reply, extensions_, !input_.empty()), event);
}

Event Dialogue::go_on(const smtp::Opening::Step& step, Event event) {
  switch (step.kind) {
    case smtp::Opening::Step::Kind::kSay: {
      const Step now = step.text.starts_with("STARTTLS") ? Step::kStartTls : Step::kAuth;
      // A logon of several lines is measured as one.
      if (await_ == Step::kAuth) {
        event.asked = {};
      } else {
        asked_ = now_;
      }
      await_ = now;
      say(step.text);
      return event;
    }
    case smtp::Opening::Step::Kind::kStartTls:
      event.then = Then::kStartTls;
      return event;
    case smtp::Opening::Step::Kind::kReady:
      return ready(event);
    case smtp::Opening::Step::Kind::kHello:  // behind XCLIENT, which is not asked for
    case smtp::Opening::Step::Kind::kUnusable:
      break;
  }
  over_ = event.refused = true;
  event.then = Then::kOver;
  text_ = step.reply.text;
  event.reply = {step.reply.code, text_};
  return event;
}

// Only what the server offers is done to it.
Event Dialogue::ready(Event event) {
  const bool lacks_pipelining = script_.mode == Mode::kPipelining && !extensions_.pipelining;
  const bool lacks_chunking = script_.mode == Mode::kBdat && !extensions_.chunking;
  pipelining_ = extensions_.pipelining;
  await_ = Step::kMessage;
  event.then = Then::kReady;
  if (!lacks_pipelining && !lacks_chunking) return event;
  over_ = event.refused = true;
  event.then = Then::kOver;
  event.reply = {0, lacks_pipelining ? "the server does not offer PIPELINING"
                                     : "the server does not offer CHUNKING"};
  return event;
}

// ---- what we say

void Dialogue::say(std::string_view line) {
  output_ += line;
  output_ += "\r\n";
}

void Dialogue::say_hello() {
  output_ += "EHLO ";
  say(script_.opening.ehlo_name);
}

void Dialogue::say_mail(const DialogueMessage& message) {
  output_ += script_.mail;
  if (extensions_.size) {
    output_ += " SIZE=";
    append_decimal(output_, message.octets);
  }
  if (message.eight_bit && extensions_.eight_bit_mime) output_ += " BODY=8BITMIME";
  output_ += "\r\n";
}

void Dialogue::say_bdat(const DialogueMessage& message) {
  output_ += "BDAT ";
  append_decimal(output_, message.octets);
  output_ += " LAST\r\n";
}

bool Dialogue::can_begin() const {
  if (over_ || await_ != Step::kMessage) return false;
  if (in_flight_ == 0) return true;
  // Behind a chunk it waits: one that is refused leaves a state that only RSET undoes.
  return in_flight_ == 1 && script_.mode == Mode::kPipelining && flights_[0].content_out;
}

void Dialogue::begin(const DialogueMessage& message, Instant now) {
  ASSERT(can_begin());
  Flight& flight = flights_[in_flight_++];
  std::vector<RefusedRecipient> refused = std::move(flight.refused);
  refused.clear();
  flight = {.await = reset_due_ ? Step::kReset : Step::kMail,
            .refused = std::move(refused),
            .message = message,
            .asked = now};
  if (!in_groups()) return ask(flight, flight.await);
  if (reset_due_) say("RSET");
  reset_due_ = false;
  say_mail(message);
  for (const std::string& recipient : script_.recipients) output_ += recipient;
  if (script_.mode == Mode::kBdat) {
    say_bdat(message);
    flight.content_due = true;
  } else {
    say("DATA");
  }
}

// Lock-step: the one command whose answer is waited for next.
void Dialogue::ask(Flight& flight, Step step) {
  flight.await = step;
  switch (step) {
    case Step::kReset:
      reset_due_ = false;
      return say("RSET");
    case Step::kMail:
      return say_mail(flight.message);
    case Step::kRecipient:
      output_ += script_.recipients[flight.recipient];
      return;
    case Step::kData:
      return say("DATA");
    case Step::kContent:
      say_bdat(flight.message);
      flight.content_due = true;
      return;
    default:
      ASSERT(false);
  }
}

void Dialogue::content_sent(Instant now) {
  ASSERT(wants_content());
  Flight& flight = flights_[in_flight_ - 1];
  flight.content_due = false;
  flight.content_out = true;
  // In a group with MAIL the answers before this one are still to come.
  if (flight.await == Step::kContent) flight.asked = now;
}

void Dialogue::quit(Instant now) {
  ASSERT(can_begin() && in_flight_ == 0);
  say("QUIT");
  await_ = Step::kQuit;
  asked_ = now;
}

void Dialogue::take_output(std::string& out) {
  out.clear();
  std::swap(out, output_);
}

// ---- what a transaction's answers mean

Event Dialogue::on_transaction(Event event) {
  Flight& flight = flights_[0];
  const uint16_t code = event.reply.code;
  const bool fits = flight.await == Step::kData ? code == kStartInput : is_positive(code);
  if (!event.refused && !fits) return violate(event, "an answer to something else");
  if (flight.await == Step::kContent && !flight.content_out)
    return violate(event, "an answer before the content");
  switch (flight.await) {
    case Step::kReset:
      if (event.refused) return violate(event, "RSET refused");
      flight.await = Step::kMail;
      if (!in_groups()) {
        flight.asked = now_;
        ask(flight, Step::kMail);
      }
      return event;
    case Step::kMail:
      return on_mail(event);
    case Step::kRecipient:
      return on_recipient(event);
    case Step::kData:
      return on_data(event);
    default:
      break;
  }
  event.accepted = !event.refused && !flight.empty && !all_refused(flight);
  if (event.refused && script_.mode == Mode::kBdat) reset_due_ = true;
  return finish(event);
}

Event Dialogue::on_mail(Event event) {
  Flight& flight = flights_[0];
  flight.mail_refused = event.refused;
  flight.await = Step::kRecipient;
  if (in_groups()) return event;
  if (event.refused) return finish(event);
  flight.asked = now_;
  ask(flight, Step::kRecipient);
  return event;
}

Event Dialogue::on_recipient(Event event) {
  Flight& flight = flights_[0];
  if (event.refused || flight.mail_refused)
    flight.refused.push_back({flight.recipient, event.reply.code});
  const bool last = ++flight.recipient == script_.recipients.size();
  const bool in_chunk = script_.mode == Mode::kBdat;
  if (in_groups()) {
    if (last) flight.await = in_chunk ? Step::kContent : Step::kData;
    return event;
  }
  if (last && all_refused(flight)) {
    reset_due_ = true;
    return finish(event);
  }
  flight.asked = now_;
  ask(flight, !last ? Step::kRecipient : in_chunk ? Step::kContent : Step::kData);
  return event;
}

Event Dialogue::on_data(Event event) {
  Flight& flight = flights_[0];
  if (event.refused) {
    reset_due_ = !flight.mail_refused;
    return finish(event);
  }
  flight.await = Step::kContent;
  if (!all_refused(flight)) {
    flight.content_due = true;
    return event;
  }
  // RFC 2920 section 3.1: nobody is to get it, so it is ended without a word.
  flight.empty = flight.content_out = true;
  flight.asked = now_;
  say(".");
  return event;
}

Event Dialogue::finish(Event event) {
  ASSERT(in_flight_ > 0);
  event.then = Then::kFinished;
  std::swap(refused_, flights_[0].refused);
  event.refused_recipients = refused_;
  std::swap(flights_[0], flights_[1]);
  --in_flight_;
  return event;
}

Event Dialogue::violate(Event event, std::string_view what) {
  over_ = violation_ = true;
  input_ = {};
  text_ = what;
  if (event.reply.code != 0) text_ += ": " + smtp::in_one_line(event.reply);
  event.then = Then::kOver;
  event.refused = true;
  event.reply = {0, text_};
  return event;
}

void Dialogue::invariants() const {
  lines_.invariants();
  ASSERT(in_flight_ <= 2);
  ASSERT(in_flight_ == 0 || await_ == Step::kMessage);
  ASSERT(in_flight_ < 2 || flights_[0].content_out);
  for (uint32_t i = 0; i < in_flight_; ++i) {
    ASSERT(flights_[i].refused.size() <= flights_[i].recipient);
    ASSERT(flights_[i].recipient <= script_.recipients.size());
    ASSERT(!flights_[i].content_due || !flights_[i].content_out);
  }
}

}  // namespace relais::load
