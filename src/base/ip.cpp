#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

namespace relais {
namespace {

IpAddress from_in6(const in6_addr& in6) {
  uint64_t high = 0;
  uint64_t low = 0;
  for (size_t i = 0; i < 8; ++i) high = high << 8 | in6.s6_addr[i];
  for (size_t i = 8; i < 16; ++i) low = low << 8 | in6.s6_addr[i];
  return IpAddress::from_v6(high, low);
}

in6_addr to_in6(IpAddress address) {
  in6_addr in6{};
  for (size_t i = 0; i < 8; ++i) {
    in6.s6_addr[i] = static_cast<uint8_t>(address.high() >> (56 - 8 * i));
    in6.s6_addr[8 + i] = static_cast<uint8_t>(address.low() >> (56 - 8 * i));
  }
  return in6;
}

}  // namespace

IpAddress IpAddress::from_v6(uint64_t high, uint64_t low) {
  const bool mapped = high == 0 && (low >> 32) == 0xffff;
  return mapped ? v4(static_cast<uint32_t>(low)) : v6(high, low);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> zero_terminated{};
  if (text.empty() || text.size() >= zero_terminated.size()) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(zero_terminated.data(), text.data(), text.size());
  in_addr in4{};
  if (inet_pton(AF_INET, zero_terminated.data(), &in4) == 1) return v4(ntohl(in4.s_addr));
  in6_addr in6{};
  if (inet_pton(AF_INET6, zero_terminated.data(), &in6) == 1) return from_in6(in6);
  return std::nullopt;
}

bool IpAddress::is_loopback() const {
  return is_v4() ? (low_ >> 24) == 127 : high_ == 0 && low_ == 1;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    char* end = text.data();
    for (int shift = 24; shift >= 0; shift -= 8) {
      end = std::to_chars(end, end + 3, low_ >> shift & 0xff).ptr;
      if (shift > 0) *end++ = '.';
    }
    return {text.data(), end};
  }
  const in6_addr in6 = to_in6(*this);
  inet_ntop(AF_INET6, &in6, text.data(), text.size());
  return text.data();
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  uint16_t port = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Endpoint{*address, port};
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    return Endpoint{from_in6(in.sin6_addr), ntohs(in.sin6_port)};
  }
  return std::nullopt;
}

uint32_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(static_cast<uint32_t>(address.low()));
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = to_in6(address);
  std::memcpy(&out, &in, sizeof in);
  return sizeof in;
}

std::string Endpoint::to_string() const {
  const std::string host = address.is_v4() ? address.to_string() : '[' + address.to_string() + ']';
  return host + ':' + std::to_string(port);
}

}  // namespace relais
