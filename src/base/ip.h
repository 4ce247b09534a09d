// IP addresses and endpoints as values: 128 bits in network order, IPv4 kept apart from IPv6.
// An IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes IPv4 when it is made from a socket or from
// text, so that policy sees one form only (design.md, Selection). Scope ids are dropped.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace relais {

class IpAddress {
 public:
  enum class Family : uint8_t { kV4, kV6 };

  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress v4(uint32_t host_order) {
    IpAddress a;
    a.low_ = host_order;
    return a;
  }
  static constexpr IpAddress v6(uint64_t high, uint64_t low) {
    IpAddress a;
    a.family_ = Family::kV6;
    a.high_ = high;
    a.low_ = low;
    return a;
  }
  // As it comes from a wire: IPv4-mapped (::ffff:a.b.c.d) is IPv4.
  static IpAddress from_v6(uint64_t high, uint64_t low);
  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing around it.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr Family family() const { return family_; }
  [[nodiscard]] constexpr bool is_v4() const { return family_ == Family::kV4; }
  // The value as one number: v4 in the low 32 bits of low().
  [[nodiscard]] constexpr uint64_t high() const { return high_; }
  [[nodiscard]] constexpr uint64_t low() const { return low_; }
  // As one number, for fairness: of IPv6 the /64, which is one site's.
  [[nodiscard]] constexpr uint64_t flow() const { return is_v4() ? low_ : high_; }
  [[nodiscard]] constexpr bool is_unspecified() const { return high_ == 0 && low_ == 0; }
  [[nodiscard]] bool is_loopback() const;

  // Canonical text (RFC 5952 for IPv6).
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::kV4;
  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  // "192.0.2.1:25", "[2001:db8::1]:25"; the port is required.
  static std::optional<Endpoint> parse(std::string_view text);
  static std::optional<Endpoint> from_sockaddr(const sockaddr* address);
  // Fills `out`; returns the length to give to the kernel.
  uint32_t to_sockaddr(sockaddr_storage& out) const;
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace relais
