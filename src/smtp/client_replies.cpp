// What each reply means, by what was waited for.
#include <utility>

#include "base/assert.h"
#include "smtp/client.h"

namespace relais::smtp {
namespace {

constexpr uint16_t kServiceClosing = 421;
constexpr uint16_t kStartInput = 354;

constexpr bool is_positive(const PeerReply& reply) { return reply.code >= 200 && reply.code < 300; }
constexpr bool is_negative(const PeerReply& reply) { return reply.code >= 400; }

}  // namespace

ClientEvent Client::next() {
  if (over_ != Kind::kNeedInput) return {.kind = over_, .reply = last_, .stage = last_stage_};
  for (;;) {
    if (in_flight_ > 0 && flights_[0].given_up) return next_given_up();
    if (in_flight_ > 0 && flights_[0].content_due) return want_content();
    std::string_view line;
    switch (lines_.take(input_, line)) {
      case LineReader::Got::kNothing:
        return {};
      case LineReader::Got::kTooLong:
        return stop(Kind::kUnusable, {0, "reply line too long"});
      case LineReader::Got::kLine:
        break;
    }
    const PeerReplyReader::Got got = reader_.take(line);
    if (got == PeerReplyReader::Got::kMalformed)
      return stop(Kind::kUnusable, {0, "malformed reply"});
    if (session_ == Await::kEhlo && !reader_.is_first_line()) extensions_.note(reader_.line_text());
    if (got == PeerReplyReader::Got::kMore) continue;
    const ClientEvent event = on_reply(reader_.reply());
    if (event.kind != Kind::kNeedInput) return event;
  }
}

ClientEvent Client::on_reply(const PeerReply& reply) {
  const bool greeted = session_ == Await::kNothing || session_ == Await::kQuit;
  if (reply.code == kServiceClosing) return stop(greeted ? Kind::kClosing : Kind::kUnusable, reply);
  switch (session_) {
    case Await::kGreeting:
      return on_greeting(reply);
    case Await::kEhlo:
    case Await::kHelo:
      return on_hello(reply);
    case Await::kOpening:
      return go_on(opening_.on_reply(reply, extensions_, !input_.empty()));
    case Await::kQuit:
      return stop(Kind::kClosing, reply);
    default:
      break;
  }
  if (in_flight_ == 0) return unasked(reply);
  return on_transaction_reply(reply);
}

ClientEvent Client::on_greeting(const PeerReply& reply) {
  if (reply.code != 220) return stop(Kind::kUnusable, reply);
  say_hello();
  return {};
}

ClientEvent Client::on_hello(const PeerReply& reply) {
  if (session_ == Await::kEhlo && !is_positive(reply)) {
    extensions_ = {};
    // RFC 5321 4.1.4: a server that does not know EHLO is asked again with HELO.
    if (reply.code < 500) return stop(Kind::kUnusable, reply);
    say("HELO ", ehlo_name_);
    session_ = Await::kHelo;
    return {};
  }
  if (!is_positive(reply)) return stop(Kind::kUnusable, reply);
  return go_on(opening_.on_hello(reply, extensions_, !input_.empty()));
}

ClientEvent Client::on_transaction_reply(const PeerReply& reply) {
  Flight& flight = flights_[0];
  // Only DATA has a use for 3xx.
  if (!is_positive(reply) && !is_negative(reply) && flight.await != Await::kData) {
    return stop(Kind::kUnusable, reply);
  }
  if (flight.chunks > 0) return on_chunk(reply);
  switch (flight.await) {
    case Await::kReset:
      if (!is_positive(reply)) return stop(Kind::kUnusable, reply);
      flight.await = Await::kMail;
      if (!extensions_.pipelining) step();
      return {};
    case Await::kMail:
      return on_mail(reply);
    case Await::kRecipient:
      return on_recipient(reply);
    case Await::kData:
      return on_data(reply);
    case Await::kContent:
      return finish(reply);
    default:
      return unasked(reply);  // while the content is still on its way
  }
}

ClientEvent Client::on_mail(const PeerReply& reply) {
  Flight& flight = flights_[0];
  flight.mail_refused = is_negative(reply);
  flight.await = Await::kRecipient;
  if (flight.mail_refused) keep_refusal(reply);
  if (extensions_.pipelining) return {};  // the replies to RCPT and DATA are on their way, whatever
  if (!flight.mail_refused) {
    step();
    return {};
  }
  flight.given_up = true;
  return next_given_up();
}

ClientEvent Client::on_recipient(const PeerReply& reply) {
  Flight& flight = flights_[0];
  const uint32_t index = flight.recipient++;
  if (is_positive(reply) && !flight.mail_refused) ++flight.accepted;
  const bool last = flight.recipient == flight.envelope->recipient_count();
  if (last && flight.chunked) {
    if (!flight.mail_refused && flight.accepted == 0) keep_refusal(reply);
    flight.given_up = flight.accepted == 0;
    flight.content_due = !flight.given_up;
    flight.await = Await::kCaller;
  } else if (last) {
    flight.await = Await::kData;
  }
  if (!extensions_.pipelining && flight.await != Await::kCaller) {
    if (flight.await == Await::kData && flight.accepted == 0) {
      keep_refusal(reply);
      flight.given_up = true;
    } else {
      step();
    }
  }
  return {.kind = Kind::kRecipientResult,
          .recipient = index,
          .reply = flight.mail_refused ? refusal() : reply};
}

ClientEvent Client::on_data(const PeerReply& reply) {
  Flight& flight = flights_[0];
  if (is_negative(reply)) {
    reset_due_ = !flight.mail_refused;
    return finish(reply);
  }
  if (reply.code != kStartInput) return stop(Kind::kUnusable, reply);
  flight.await = Await::kCaller;
  return {.kind = Kind::kContentWanted, .empty = flight.accepted == 0, .reply = reply};
}

ClientEvent Client::want_content() {
  flights_[0].content_due = false;
  return {.kind = Kind::kContentWanted};
}

// The first refusal says what is wrong; chunks behind it are refused for its sake.
ClientEvent Client::on_chunk(const PeerReply& reply) {
  Flight& flight = flights_[0];
  --flight.chunks;
  const bool refused =
      std::exchange(flight.chunk_refused, flight.chunk_refused || is_negative(reply));
  if (!refused && is_negative(reply)) keep_refusal(reply);
  if (flight.chunks > 0 || flight.await == Await::kCaller) return {};
  reset_due_ = flight.chunk_refused;
  return finish(flight.chunk_refused ? refusal() : reply);
}

// Nothing more is said: MAIL or every RCPT was refused (in lock-step, or with content in chunks),
// or the message is not for this next hop.
ClientEvent Client::next_given_up() {
  Flight& flight = flights_[0];
  if (!flight.refused_here.empty()) keep_refusal({554, flight.refused_here});
  if (flight.recipient < flight.envelope->recipient_count()) {
    return {.kind = Kind::kRecipientResult,
            .recipient = flight.recipient++,
            .ours = !flight.refused_here.empty(),
            .reply = refusal()};
  }
  // One that was due before this transaction still is.
  reset_due_ |= !flight.mail_refused;
  return finish(refusal());
}

ClientEvent Client::finish(const PeerReply& reply) {
  ASSERT(in_flight_ > 0);
  flights_[0] = flights_[1];
  flights_[1] = {};
  --in_flight_;
  quit_if_due();
  return {.kind = Kind::kFinished, .reply = reply};
}

ClientEvent Client::stop(Kind kind, const PeerReply& reply, Stage stage) {
  over_ = kind;
  last_ = reply;
  last_stage_ = stage;
  input_ = {};
  lines_.reset();
  return {.kind = kind, .reply = reply, .stage = stage};
}

// The server is out of step, and no reply of it can be taken for the answer to anything.
ClientEvent Client::unasked(const PeerReply& reply) {
  refusal_text_ = "a reply that nobody asked for: " + std::to_string(reply.code) + ' ';
  refusal_text_ += reply.text;
  return stop(Kind::kUnusable, {0, refusal_text_});
}

void Client::keep_refusal(const PeerReply& reply) {
  refusal_code_ = reply.code;
  refusal_text_ = reply.text;
}

}  // namespace relais::smtp
