// Mailbox paths of MAIL and RCPT (RFC 5321 4.1.2), as views into the command line.
// Stricter than most servers where leniency has opened relays (smtp-rules.md 10): no source routes,
// no unquoted specials, no controls, no NUL. Octets of UTF-8 (RFC 6531) are taken wherever letters
// are, and Path says so: whoever has not declared SMTPUTF8 may not send them. More lenient only
// where Exchange is: angle brackets may be missing, blanks may follow the colon.
#pragma once

#include <cstdint>
#include <string_view>

namespace relais::smtp {

// Views live as long as the text that was parsed. An accepted path has at most kAddressMax octets.
struct Path {
  std::string_view address;  // "local@domain" as sent, quotes included; empty for <>
  std::string_view local;    // left of the last unquoted @; the whole for <Postmaster>
  std::string_view domain;   // right of it, without a trailing dot; "[192.0.2.1]" for a literal
  bool utf8 = false;         // it is not all ASCII
  bool read = false;         // take_path() has found it
  [[nodiscard]] bool is_null() const { return address.empty(); }
};

inline constexpr uint32_t kAddressMax = 571;  // Exchange, with LongAddressesEnabled off
inline constexpr uint32_t kLocalMax = 315;
inline constexpr uint32_t kDomainMax = 255;

enum class PathRole : uint8_t {
  kReverse,  // MAIL: <> allowed
  kForward,  // RCPT: <> refused, <Postmaster> without a domain allowed (RFC 5321 4.5.1)
};

// Takes the path from the front of `text` (what follows "FROM:" or "TO:") and leaves the parameters
// in `text`, which must be valid UTF-8. False: not a path; `text` and `path` are then unspecified.
[[nodiscard]] bool take_path(std::string_view& text, PathRole role, Path& path);

// RFC 5321 Domain or address-literal in ASCII, as for EHLO. Letters, digits, hyphen, underscore
// (seen in the wild), dots between labels; or "[...]" with a valid IPv4 or IPv6: literal.
[[nodiscard]] bool is_domain_or_literal(std::string_view text);

}  // namespace relais::smtp
