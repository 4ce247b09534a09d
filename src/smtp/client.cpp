#include "smtp/client.h"

#include <algorithm>

#include "base/assert.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

MailCommand mail_of(const ClientEnvelope& envelope) {
  return {.sender = envelope.sender(),
          .size = envelope.size(),
          .eight_bit = envelope.eight_bit(),
          .binary = envelope.binary(),
          .utf8 = envelope.utf8(),
          .plain = (envelope.eight_bit() || envelope.utf8()) && envelope.plain(),
          .require_tls = envelope.require_tls(),
          .ret = envelope.ret(),
          .envid = envelope.envid()};
}

}  // namespace

Client::Client(const ClientOptions& options)
    : ehlo_name_(options.ehlo_name), chunking_(options.chunking), opening_(options) {
  ASSERT(!ehlo_name_.empty() && std::ranges::all_of(ehlo_name_, is_printable));
}

void Client::feed(std::span<const char> bytes) {
  if (over_ != Kind::kNeedInput) return;
  ASSERT(input_.empty());
  ASSERT(!opening_.in_handshake());  // until tls_started() nobody speaks SMTP
  input_ = {bytes.data(), bytes.size()};
}

std::string_view Client::output() const { return output_; }
std::string& Client::output_buffer() { return output_; }

void Client::output_consumed(size_t octets) {
  ASSERT(octets <= output_.size());
  output_.erase(0, octets);
}

uint32_t Client::in_flight() const { return in_flight_; }
const Extensions& Client::extensions() const { return extensions_; }

bool Client::can_begin() const {
  if (over_ != Kind::kNeedInput || session_ != Await::kNothing || quit_wanted_) return false;
  if (in_flight_ == 0) return true;
  return in_flight_ == 1 && extensions_.pipelining && flights_[0].await == Await::kContent;
}

void Client::begin(const ClientEnvelope& envelope) {
  ASSERT(can_begin());
  ASSERT(envelope.recipient_count() > 0);
  flights_[in_flight_] = {.envelope = &envelope,
                          .await = reset_due_ ? Await::kReset : Await::kMail};
  ++in_flight_;
  Flight& flight = flights_[in_flight_ - 1];
  flight.chunked = extensions_.chunking && (envelope.binary() || chunking_);
  if (const std::string_view why = cannot_take(extensions_, mail_of(envelope)); !why.empty()) {
    flight.refused_here = why;
    flight.given_up = flight.mail_refused = true;
    return;
  }
  reset_due_ = false;
  if (!extensions_.pipelining) {
    step();
    return;
  }
  if (flights_[in_flight_ - 1].await == Await::kReset) say("RSET");
  say_mail(envelope);
  for (uint32_t i = 0; i < envelope.recipient_count(); ++i) say_recipient(envelope, i);
  if (!flight.chunked) say("DATA");
}

std::string Client::begin_chunk(uint64_t octets, bool last) {
  ASSERT(in_chunks() && flights_[0].await == Await::kCaller);
  ++flights_[0].chunks;
  return "BDAT " + std::to_string(octets) + (last ? " LAST\r\n" : "\r\n");
}

void Client::content_sent() {
  if (over_ != Kind::kNeedInput) return;  // the connection went while the content was on its way
  ASSERT(in_flight_ > 0 && flights_[0].await == Await::kCaller);
  flights_[0].await = Await::kContent;
}

void Client::quit() {
  quit_wanted_ = true;
  quit_if_due();
}

void Client::quit_if_due() {
  if (!quit_wanted_ || session_ != Await::kNothing || in_flight_ != 0) return;
  say("QUIT");
  session_ = Await::kQuit;
}

void Client::step() {
  const Flight& flight = flights_[0];
  switch (flight.await) {
    case Await::kReset:
      return say("RSET");
    case Await::kMail:
      return say_mail(*flight.envelope);
    case Await::kRecipient:
      return say_recipient(*flight.envelope, flight.recipient);
    case Await::kData:
      return say("DATA");
    default:
      ASSERT(false);
  }
}

void Client::say(std::string_view a, std::string_view b, std::string_view c) {
  output_ += a;
  output_ += b;
  output_ += c;
  output_ += "\r\n";
}

void Client::say_mail(const ClientEnvelope& envelope) {
  append_mail(output_, extensions_, mail_of(envelope));
}

void Client::say_recipient(const ClientEnvelope& envelope, uint32_t index) {
  append_recipient(output_, extensions_, envelope.recipient(index), envelope.dsn(index),
                   envelope.utf8());
}

void Client::invariants() const {
  lines_.invariants();
  ASSERT(in_flight_ <= 2);
  ASSERT(in_flight_ == 0 || session_ == Await::kNothing);
  // The second is begun behind the first one's content.
  ASSERT(in_flight_ < 2 || (extensions_.pipelining && flights_[0].await == Await::kContent));
  for (uint32_t i = 0; i < in_flight_; ++i) {
    const Flight& flight = flights_[i];
    ASSERT(flight.envelope != nullptr);
    ASSERT(flight.accepted <= flight.recipient);
    ASSERT(flight.recipient <= flight.envelope->recipient_count());
    ASSERT(!flight.mail_refused || flight.accepted == 0);
  }
}

}  // namespace relais::smtp
