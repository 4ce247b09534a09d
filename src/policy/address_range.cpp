#include "policy/address_range.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "policy/address_number.h"

namespace relais::policy {
namespace {

using Reason = std::unexpected<std::string_view>;

constexpr uint32_t bits_of(IpAddress::Family family) {
  return family == IpAddress::Family::kV4 ? 32 : 128;
}

// The low `count` bits set; 128 gives all of them.
constexpr AddressNumber low_bits(uint32_t count) {
  return count == 0 ? 0 : ~AddressNumber{0} >> (128 - count);
}

// "%11" or "%eth0" at the end of an IPv6 address names an interface. Ranges are compared without
// it.
std::expected<std::string_view, std::string_view> without_scope(std::string_view text) {
  const size_t percent = text.find('%');
  if (percent == std::string_view::npos) return text;
  const std::string_view scope = text.substr(percent + 1);
  const bool plain = std::ranges::all_of(scope, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
  if (scope.empty() || !plain) return Reason("what follows % is no scope id");
  if (text.find(':') == std::string_view::npos) return Reason("only IPv6 has scope ids");
  return text.substr(0, percent);
}

std::expected<IpAddress, std::string_view> parse_address(std::string_view text) {
  const auto bare = without_scope(text);
  if (!bare) return Reason(bare.error());
  const auto address = IpAddress::parse(*bare);
  if (!address) return Reason(text.empty() ? "an address is missing" : "not an IP address");
  return *address;
}

std::expected<AddressRange, std::string_view> parse_prefix(std::string_view text, size_t slash) {
  const std::string_view host = text.substr(0, slash);
  const std::string_view digits = text.substr(slash + 1);
  const auto parsed = parse_address(host);
  if (!parsed) return Reason(parsed.error());
  IpAddress address = *parsed;

  uint32_t length = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (code == std::errc::invalid_argument || end != digits.data() + digits.size()) {
    return Reason("what follows / is no number");
  }
  const bool written_as_v6 = host.find(':') != std::string_view::npos;
  const uint32_t bits = written_as_v6 ? 128 : 32;
  if (code != std::errc() || length > bits) {
    return Reason(written_as_v6 ? "a prefix of IPv6 has at most 128 bits"
                                : "a prefix of IPv4 has at most 32 bits");
  }
  if (written_as_v6 && address.is_v4()) {
    // ::ffff:a.b.c.d/96 to /128 is IPv4 in disguise; a shorter prefix reaches beyond the mapped
    // block.
    if (length >= 96) {
      length -= 96;
    } else {
      address = IpAddress::v6(0, 0xffff'0000'0000 | address.low());
    }
  }
  const AddressNumber host_bits = low_bits(bits_of(address.family()) - length);
  const AddressNumber first = number_of(address) & ~host_bits;
  return AddressRange{address_of(address.family(), first),
                      address_of(address.family(), first | host_bits)};
}

std::expected<AddressRange, std::string_view> parse_pair(std::string_view text, size_t dash) {
  const auto first = parse_address(text.substr(0, dash));
  if (!first) return Reason(first.error());
  const auto last = parse_address(text.substr(dash + 1));
  if (!last) return Reason(last.error());
  if (first->family() != last->family()) return Reason("one end is IPv4 and the other IPv6");
  if (*last < *first) return Reason("the range ends before it begins");
  return AddressRange{*first, *last};
}

}  // namespace

std::expected<AddressRange, std::string_view> AddressRange::parse_or_reason(std::string_view text) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    return parse_prefix(text, slash);
  }
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    return parse_pair(text, dash);
  }
  const auto address = parse_address(text);
  if (!address) return Reason(address.error());
  return AddressRange{*address, *address};
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const auto range = parse_or_reason(text);
  return range ? std::optional(*range) : std::nullopt;
}

bool AddressRange::wider_than_prefix(uint32_t prefix_length) const {
  return number_of(last) - number_of(first) > low_bits(bits_of(first.family()) - prefix_length);
}

std::string AddressRange::to_string() const {
  if (first == last) return first.to_string();
  const AddressNumber span = number_of(last) - number_of(first);
  const bool power_of_two = (span & (span + 1)) == 0;
  const bool aligned = (number_of(first) & span) == 0;
  if (!power_of_two || !aligned) return first.to_string() + '-' + last.to_string();
  const auto host_bits = static_cast<uint32_t>(std::popcount(static_cast<uint64_t>(span)) +
                                               std::popcount(static_cast<uint64_t>(span >> 64)));
  return first.to_string() + '/' + std::to_string(bits_of(first.family()) - host_bits);
}

}  // namespace relais::policy
