// The PROXY protocol header (HAProxy's doc/proxy-protocol.txt, versions 1 and 2): with which a load
// balancer says, before anything else on a connection, whose connection it is. Reads it from any
// cut of the stream and takes not one octet behind it. It does not know whether the sender may be
// believed.
//
// Strict: what is not exactly a header is bad, as early as that is certain, and stays so. Limits:
// 107 octets of version 1, kProxyHeaderMax of version 2; it keeps no more.
//
//   version 1   PROXY TCP4 192.0.2.1 10.0.0.5 56324 25 CRLF     (TCP4, TCP6, UNKNOWN)
//   version 2    0            12       13       14      16
//               | signature  | 2 | C | F | T | length | addresses | TLVs |
//                C: 0 LOCAL, 1 PROXY.  F, T: 11 TCP over IPv4, 21 over IPv6, 00 unknown.
//                addresses: source, destination, source port, destination port.
//                TLV: type (1), length (2), value.  Numbers in network order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace relais::smtp {

inline constexpr size_t kProxyLineMax = 107;     // octets of version 1, CRLF included
inline constexpr size_t kProxyHeaderMax = 2048;  // octets of version 2, TLVs included

// One of version 2, as we say it to a next hop: the client, and where it has come to (as IPv6 both,
// where one of them is); or nobody, for a connection that is our own: LOCAL.
void append_proxy_header(std::string& out, const Endpoint& client, const Endpoint& local);
void append_local_proxy_header(std::string& out);

class ProxyHeader {
 public:
  enum class State : uint8_t { kNeedsMore, kComplete, kBad };

  // Takes octets from the front of `input`. What is left of it once the header is complete is the
  // client's.
  State take(std::string_view& input);
  [[nodiscard]] State state() const { return state_; }
  // Not one octet of it has come.
  [[nodiscard]] bool empty() const { return octets_.empty(); }

  // ---- of a complete one
  // It names nobody (LOCAL, UNKNOWN): the balancer speaks for itself, as in a health check, and the
  // connection's own endpoints count.
  [[nodiscard]] bool is_local() const { return local_; }
  [[nodiscard]] const Endpoint& source() const { return source_; }
  [[nodiscard]] const Endpoint& destination() const { return destination_; }

  // Of a bad one, static, for people: "it has more than 107 octets".
  [[nodiscard]] std::string_view problem() const { return problem_; }
  void invariants() const;

 private:
  [[nodiscard]] bool is_line() const;
  [[nodiscard]] size_t wanted() const;
  void judge();
  void judge_line();
  void judge_binary();
  void read_line(std::string_view line);
  void read_binary();
  void read_addresses(std::string_view addresses, size_t width);
  void read_extras(size_t from);
  void complete() { state_ = State::kComplete; }
  void bad(std::string_view problem);

  State state_ = State::kNeedsMore;
  bool local_ = false;
  Endpoint source_;
  Endpoint destination_;
  std::string octets_;
  std::string_view problem_;
};

}  // namespace relais::smtp
