// Character classes of SMTP, on octets and without a locale. Leaves only; no state.
#pragma once

#include <cstdint>
#include <string_view>

namespace relais::smtp {

constexpr uint8_t octet(char c) { return static_cast<uint8_t>(c); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
// Blanks and the line ends between them (folding white space, RFC 5322 3.2.2).
constexpr bool is_folding(char c) { return is_blank(c) || c == '\r' || c == '\n'; }
constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }
constexpr bool is_eight_bit(char c) { return octet(c) >= 0x80; }
constexpr bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (is_eight_bit(c)) return false;
  }
  return true;
}
// RFC 5322 3.2.3. '%' and '!' are among them: to us a local part is data, never a route.
constexpr bool is_atext(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-/=?^_`{|}~";
  return is_alpha(c) || is_digit(c) || kOthers.find(c) != std::string_view::npos;
}
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

constexpr void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

// RFC 5321 4.1.1: trailing white space before CRLF is tolerated.
constexpr void drop_trailing_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
}

// The text up to the next blank, which stays in front of `text`.
constexpr std::string_view take_word(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && !is_blank(text[length])) ++length;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

}  // namespace relais::smtp
