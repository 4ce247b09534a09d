#include "smtp/client.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

// Our own addresses were checked when they came in; a control here would be our bug, and would let
// one command become two.
bool is_clean(std::string_view text, bool utf8 = false) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_printable(c) || (utf8 && is_eight_bit(c)); });
}

}  // namespace

Client::Client(const ClientOptions& options)
    : ehlo_name_(options.ehlo_name), chunking_(options.chunking) {
  ASSERT(!ehlo_name_.empty() && is_clean(ehlo_name_));
}

void Client::feed(std::span<const char> bytes) {
  if (over_ != Kind::kNeedInput) return;
  ASSERT(input_.empty());
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
  if (const std::string_view why = cannot_take(envelope); !why.empty()) {
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

// RFC 3030 section 3, 6152 section 3 and 6531 section 3.3: what the next hop does not say it takes
// is not sent, and not changed. Empty: it takes this.
std::string_view Client::cannot_take(const ClientEnvelope& envelope) const {
  if (envelope.utf8() && !extensions_.smtp_utf8)
    return "5.6.7 The next hop does not offer SMTPUTF8, which this message needs";
  if (envelope.binary() && !(extensions_.chunking && extensions_.binary_mime))
    return "5.6.3 The next hop does not offer BINARYMIME, which this message needs";
  if (envelope.eight_bit() && !extensions_.eight_bit_mime)
    return "5.6.3 The next hop does not offer 8BITMIME, which this message needs";
  return {};
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
  ASSERT(is_clean(envelope.sender(), envelope.utf8()));
  char size[32] = " SIZE=";
  const auto end = std::to_chars(size + 6, size + sizeof size, envelope.size()).ptr;
  const bool with_size = extensions_.size && envelope.size() != 0;
  const bool with_body = extensions_.eight_bit_mime && envelope.eight_bit();
  output_ += "MAIL FROM:<";
  output_ += envelope.sender();
  output_ += '>';
  if (with_size) output_.append(size, end);
  if (with_body) output_ += " BODY=8BITMIME";
  if (envelope.binary()) output_ += " BODY=BINARYMIME";
  if (envelope.utf8()) output_ += " SMTPUTF8";
  if (extensions_.dsn) {
    if (envelope.ret() != DsnReturn::kUnspecified) (output_ += " RET=") += name_of(envelope.ret());
    if (!envelope.envid().empty()) (output_ += " ENVID=") += envelope.envid();
  }
  output_ += "\r\n";
}

void Client::say_recipient(const ClientEnvelope& envelope, uint32_t index) {
  const std::string_view recipient = envelope.recipient(index);
  const RecipientDsn dsn = envelope.dsn(index);
  ASSERT(!recipient.empty() && is_clean(recipient, envelope.utf8()));
  ASSERT(is_clean(dsn.orcpt, envelope.utf8()));
  output_ += "RCPT TO:<";
  output_ += recipient;
  output_ += '>';
  if (extensions_.dsn) {
    if (dsn.notify != 0) append_notify(output_ += " NOTIFY=", dsn.notify);
    if (!dsn.orcpt.empty()) (output_ += " ORCPT=") += dsn.orcpt;
  }
  output_ += "\r\n";
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
