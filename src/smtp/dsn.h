// Delivery status notifications (RFC 3461): what a client asks for with RET and ENVID of MAIL,
// NOTIFY and ORCPT of RCPT. Checked strictly and kept as it was sent: it is never decoded, so
// nothing that hides in it can reach a header, a log or a next hop (smtp-rules.md 9).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::smtp {

// What of the message a notification returns.
enum class DsnReturn : uint8_t { kUnspecified, kFull, kHeaders };

// When one is wanted: bits of a set. 0: not said.
namespace dsn_notify {
inline constexpr uint8_t kNever = 1;
inline constexpr uint8_t kSuccess = 2;
inline constexpr uint8_t kFailure = 4;
inline constexpr uint8_t kDelay = 8;
}  // namespace dsn_notify

inline constexpr size_t kEnvidMax = 100;  // octets as sent
inline constexpr size_t kOrcptMax = 500;

// What a recipient asks for. Views into the command line.
struct RecipientDsn {
  uint8_t notify = 0;      // dsn_notify
  std::string_view orcpt;  // "rfc822;kate@fabrikam.com", as sent; empty: not given
};

// "%21-%7E but + and =, or + and two upper-case hex digits", none of which stands for a control or
// an 8-bit octet.
[[nodiscard]] bool is_xtext(std::string_view text);
// What it stands for: printable ASCII, and where `eight_bit` any octet above it. Nothing: it is not
// xtext, or hides something else.
[[nodiscard]] std::optional<std::string> from_xtext(std::string_view text, bool eight_bit = false);

// The other way round; any octet has a form in it.
void append_xtext(std::string& out, std::string_view text);

[[nodiscard]] bool parse_ret(std::string_view text, DsnReturn& ret);
[[nodiscard]] bool is_envid(std::string_view text);
[[nodiscard]] bool parse_notify(std::string_view text, uint8_t& notify);
// "type;address"; the address of type utf-8 may hold 8-bit octets (RFC 6533 utf-8-addr-unitext).
[[nodiscard]] bool is_orcpt(std::string_view text);

// As they stand in a command.
[[nodiscard]] std::string_view name_of(DsnReturn ret);
void append_notify(std::string& out, uint8_t notify);

}  // namespace relais::smtp
