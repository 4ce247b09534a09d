// One command line taken apart: the verb and what follows it, in place. No meaning yet; that is the
// verb table's (server_verbs.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace relais::smtp {

// With CRLF (RFC 5321 4.5.3.1.4). Nothing that we say is longer, whatever its values are.
inline constexpr size_t kCommandMax = 512;

struct CommandLine {
  std::string_view verb;       // as sent
  std::string_view arguments;  // without blanks around
  bool clean = false;          // printable ASCII and tabs only
  bool utf8 = false;           // the same, and other characters in valid UTF-8, none a control
};

// `line` is without its CRLF. Views into it.
[[nodiscard]] CommandLine split_command(std::string_view line);

// Blanks, tabs and valid UTF-8 without any control.
[[nodiscard]] bool is_clean_utf8(std::string_view text);

// Case-insensitive name of a verb as a number; 0 when it is not four letters. All our verbs are.
[[nodiscard]] constexpr uint32_t verb_key(std::string_view verb) {
  if (verb.size() != 4) return 0;
  uint32_t key = 0;
  for (const char c : verb) {
    const auto lower = static_cast<uint8_t>(static_cast<uint8_t>(c) | 0x20);
    if (lower < 'a' || lower > 'z') return 0;
    key = (key << 8) | lower;
  }
  return key;
}

// The first line of an HTTP request, or one of its header lines: a browser was made to talk to us
// (cross-protocol scripting), so the session ends before anything in the request's body is read.
[[nodiscard]] bool is_http(const CommandLine& command);

}  // namespace relais::smtp
