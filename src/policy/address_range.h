// A range of client addresses as an administrator writes it: one address, "a-b" or CIDR, IPv4 or
// IPv6. Host bits of a CIDR range are masked, IPv4-mapped IPv6 becomes IPv4, and a scope id ("%11")
// is accepted and ignored (exchange-reference.md section 2). A value of one family, first <= last.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace relais::policy {

// First and last address, both included, of one family.
struct AddressRange {
  IpAddress first;
  IpAddress last;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;

  static std::optional<AddressRange> parse(std::string_view text);
  // The same; the error is a static phrase that says what is wrong: "a prefix of IPv4 has at most
  // 32 bits".
  static std::expected<AddressRange, std::string_view> parse_or_reason(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const {
    return first <= address && address <= last && address.family() == first.family();
  }
  // True when the range holds more addresses than one prefix of that length does.
  [[nodiscard]] bool wider_than_prefix(uint32_t prefix_length) const;
  // "192.0.2.0/24", "192.0.2.1", or "a-b" when it is no prefix.
  [[nodiscard]] std::string to_string() const;
};

}  // namespace relais::policy
