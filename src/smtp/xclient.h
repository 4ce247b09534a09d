// XCLIENT (Postfix's XCLIENT_README): a client that is trusted with it, such as a proxy that looked
// at the mail before, says for whom it speaks. Both sides: what clients say to us, and what we say
// to upstreams. Pure. Values are xtext; one that hides a control, or a LOGIN that is no UTF-8,
// makes the whole command bad.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace relais::smtp {

inline constexpr std::string_view kXclientVerb = "XCLIENT";
// As EHLO offers it. NAME, PROTO and HELO are taken and not used: names of clients decide nothing
// here, and EHLO comes again.
inline constexpr std::string_view kXclientOffer = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN";

// What was given. "[UNAVAILABLE]" and "[TEMPUNAVAIL]" give nothing.
struct Xclient {
  std::optional<IpAddress> address;
  std::optional<uint16_t> port;
  std::string login;
};

// "ADDR=192.0.2.1 PORT=1025 LOGIN=chris"; IPv6 with "IPV6:" in front or without. Nothing: badly
// formed, an attribute that is not offered, or one twice.
[[nodiscard]] std::optional<Xclient> parse_xclient(std::string_view arguments);

// Whom we name to an upstream. A connection that has done so is this client's.
struct NamedClient {
  Endpoint remote;      // port 0: not known
  Endpoint local;       // where it has come to
  std::string hello{};  // what it called itself; empty: nothing
  bool esmtp = true;    // with EHLO
  std::string login{};  // as whom it has authenticated; empty: as nobody
  friend bool operator==(const NamedClient&, const NamedClient&) = default;
};

// The attributes of an offer, "NAME ADDR ...", as a set of our own.
[[nodiscard]] uint8_t xclient_attributes(std::string_view offered);
// The address is among them: without it a client would get the rights of our own.
[[nodiscard]] bool names_addresses(uint8_t attributes);
// The command with all of them, without its end. Where it would not fit into a line HELO gives way,
// which EHLO says again, and then LOGIN: the client has fewer rights there, never more. (A second
// command would be unknown to another relais, and each begins Postfix's session again.)
[[nodiscard]] std::string xclient_command(uint8_t attributes, const NamedClient& client);

}  // namespace relais::smtp
