#include "smtp/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "base/assert.h"
#include "base/crc32c.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr size_t kFixed = 16;  // octets of version 2 before the addresses
static_assert(kSignature.size() == 12 && kFixed <= kProxyHeaderMax);

constexpr uint8_t kVersion = 2;
constexpr uint8_t kLocalCommand = 0;
constexpr uint8_t kProxyCommand = 1;
constexpr uint8_t kUnspecified = 0x00;
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;

constexpr uint8_t kCrc32c = 0x03;
constexpr size_t kTlvHead = 3;
constexpr size_t kCrcOctets = 4;

constexpr std::string_view kNoHeader = "what came is no PROXY header";

// Big-endian.
uint64_t number_at(std::string_view octets, size_t at, size_t width) {
  uint64_t number = 0;
  for (const char c : octets.substr(at, width)) number = number << 8 | octet(c);
  return number;
}

IpAddress address_at(std::string_view octets, size_t at, size_t width) {
  if (width == 4) return IpAddress::v4(static_cast<uint32_t>(number_at(octets, at, 4)));
  return IpAddress::from_v6(number_at(octets, at, 8), number_at(octets, at + 8, 8));
}

// Up to the next space, which is taken too. nullopt: there is none.
std::optional<std::string_view> take_field(std::string_view& text) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, space);
  text.remove_prefix(space + 1);
  return field;
}

std::optional<uint16_t> port_of(std::string_view text) {
  uint16_t port = 0;
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code != std::errc()) return std::nullopt;
  return port;
}

std::optional<IpAddress> address_of(std::string_view text, bool v4) {
  // A mapped address (TCP6 ::ffff:192.0.2.1) parses as IPv4; how it is written must fit all the
  // same.
  if ((text.find(':') == std::string_view::npos) != v4) return std::nullopt;
  return IpAddress::parse(text);
}

// Of the whole header as it was sent, with the four octets of the sum itself as zeros.
uint32_t sum_of(std::string_view header, size_t sum_at) {
  const auto bytes = std::as_bytes(std::span(header));
  constexpr std::array<std::byte, kCrcOctets> kZeros{};
  const uint32_t before = crc32c(kZeros, crc32c(bytes.first(sum_at)));
  return crc32c(bytes.subspan(sum_at + kCrcOctets), before);
}

void append_head(std::string& out, uint8_t command, uint8_t family) {
  out += kSignature;
  out += static_cast<char>(kVersion << 4 | command);
  out += static_cast<char>(family);
}

}  // namespace

void append_proxy_header(std::string& out, const Endpoint& client, const Endpoint& local) {
  const auto put = [&out](uint64_t number, int octets) {
    for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i));
  };
  const bool is_v4 = client.address.is_v4() && local.address.is_v4();
  const int width = is_v4 ? 4 : 16;
  append_head(out, kProxyCommand, is_v4 ? kTcp4 : kTcp6);
  put(static_cast<uint64_t>(2 * width + 4), 2);
  for (const IpAddress& address : {client.address, local.address}) {
    constexpr uint64_t kMapped = uint64_t{0xffff} << 32;
    if (!is_v4) put(address.high(), 8);
    put(address.is_v4() && !is_v4 ? kMapped | address.low() : address.low(), is_v4 ? 4 : 8);
  }
  put(client.port, 2);
  put(local.port, 2);
}

void append_local_proxy_header(std::string& out) {
  append_head(out, kLocalCommand, kUnspecified);
  out.append(2, '\0');
}

ProxyHeader::State ProxyHeader::take(std::string_view& input) {
  while (state_ == State::kNeedsMore && !input.empty()) {
    const size_t count = std::min(input.size(), wanted());
    octets_ += input.substr(0, count);
    input.remove_prefix(count);
    judge();
  }
  return state_;
}

bool ProxyHeader::is_line() const { return octets_.front() == kLineStart.front(); }

// One by one until it is certain how far the header goes.
size_t ProxyHeader::wanted() const {
  if (octets_.size() < kSignature.size() || is_line()) return 1;
  if (octets_.size() < kFixed) return kFixed - octets_.size();
  return kFixed + number_at(octets_, kFixed - 2, 2) - octets_.size();
}

void ProxyHeader::judge() { is_line() ? judge_line() : judge_binary(); }

void ProxyHeader::judge_line() {
  const std::string_view line(octets_);
  if (line.size() <= kLineStart.size()) {
    if (!kLineStart.starts_with(line)) bad(kNoHeader);
    return;
  }
  const bool after_cr = line[line.size() - 2] == '\r';
  if (after_cr != (line.back() == '\n')) return bad("a CR or LF stands alone in it");
  if (after_cr) return read_line(line.substr(0, line.size() - 2));
  if (line.size() == kProxyLineMax) bad("it has more than 107 octets");
}

void ProxyHeader::judge_binary() {
  const std::string_view octets(octets_);
  if (octets.size() <= kSignature.size()) {
    if (!kSignature.starts_with(octets)) bad(kNoHeader);
    return;
  }
  if (octets.size() < kFixed) return;
  if (octet(octets[12]) >> 4 != kVersion) return bad("its version is neither 1 nor 2");
  if ((octet(octets[12]) & 0xf) > kProxyCommand) return bad("its command is not known");
  const size_t size = kFixed + number_at(octets, kFixed - 2, 2);
  if (size > kProxyHeaderMax) return bad("it has more than 2048 octets");
  if (octets.size() == size) read_binary();
}

void ProxyHeader::read_line(std::string_view line) {
  std::string_view rest = line.substr(kLineStart.size());
  if (rest == "UNKNOWN" || rest.starts_with("UNKNOWN ")) {
    local_ = true;  // whatever follows is to be ignored
    return complete();
  }
  const auto protocol = take_field(rest);
  if (protocol != "TCP4" && protocol != "TCP6")
    return bad("its protocol is not TCP4, TCP6 or UNKNOWN");
  const auto source = take_field(rest);
  const auto destination = take_field(rest);
  const auto source_port = take_field(rest);
  if (!source_port) return bad("it has too few fields");
  const auto from = address_of(*source, protocol == "TCP4");
  const auto to = address_of(*destination, protocol == "TCP4");
  if (!from || !to) return bad("an address in it is wrong");
  const auto from_port = port_of(*source_port);
  const auto to_port = port_of(rest);
  if (!from_port || !to_port) return bad("a port in it is wrong");
  source_ = {*from, *from_port};
  destination_ = {*to, *to_port};
  complete();
}

void ProxyHeader::read_binary() {
  const std::string_view octets(octets_);
  const uint8_t family = octet(octets[13]);
  // What a sender that speaks for itself says beside that is not looked at.
  if ((octet(octets[12]) & 0xf) == kLocalCommand || family == kUnspecified) {
    local_ = true;
    return complete();
  }
  if (family != kTcp4 && family != kTcp6) return bad("it is not about TCP over IPv4 or IPv6");
  read_addresses(octets.substr(kFixed), family == kTcp4 ? 4 : 16);
}

// `width`: octets of one address.
void ProxyHeader::read_addresses(std::string_view addresses, size_t width) {
  const size_t all = 2 * width + 4;
  if (addresses.size() < all) return bad("it is too short for its addresses");
  const auto port_at = [&](size_t at) {
    return static_cast<uint16_t>(number_at(addresses, at, 2));
  };
  source_ = {address_at(addresses, 0, width), port_at(2 * width)};
  destination_ = {address_at(addresses, width, width), port_at(2 * width + 2)};
  read_extras(kFixed + all);
}

// Only the sum matters to us; the others must fit.
void ProxyHeader::read_extras(size_t from) {
  const std::string_view octets(octets_);
  size_t sum_at = 0;
  for (size_t at = from; at < octets.size();) {
    if (octets.size() - at < kTlvHead) return bad("an extension in it is cut short");
    const size_t length = number_at(octets, at + 1, 2);
    const size_t value = at + kTlvHead;
    if (length > octets.size() - value) return bad("an extension in it is cut short");
    if (octet(octets[at]) == kCrc32c) {
      if (length != kCrcOctets || sum_at != 0) return bad("its checksum has not the right form");
      sum_at = value;
    }
    at = value + length;
  }
  if (sum_at != 0 && sum_of(octets, sum_at) != number_at(octets, sum_at, kCrcOctets))
    return bad("its checksum does not fit");
  complete();
}

void ProxyHeader::bad(std::string_view problem) {
  state_ = State::kBad;
  problem_ = problem;
}

void ProxyHeader::invariants() const {
  ASSERT(octets_.size() <= kProxyHeaderMax);
  ASSERT((state_ == State::kBad) != problem_.empty());
}

}  // namespace relais::smtp
