#include "smtp/dsn.h"

#include <algorithm>
#include <array>
#include <string>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

struct NotifyWord {
  std::string_view word;
  uint8_t bit;
};
constexpr std::array<NotifyWord, 4> kNotifyWords = {{{"NEVER", dsn_notify::kNever},
                                                     {"SUCCESS", dsn_notify::kSuccess},
                                                     {"FAILURE", dsn_notify::kFailure},
                                                     {"DELAY", dsn_notify::kDelay}}};

// RFC 3461 section 4: hexchar takes upper case only. -1: not one.
constexpr int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The xtext at the front of `text` is one octet, or "+XX"; 0: neither.
size_t xtext_length(std::string_view text, bool eight_bit) {
  const char c = text.front();
  if (c == '+') {
    if (text.size() < 3) return 0;
    const int high = hex_digit(text[1]);
    const int low = hex_digit(text[2]);
    if (high < 0 || low < 0) return 0;
    return is_printable(static_cast<char>(high * 16 + low)) ? 3 : 0;
  }
  if (octet(c) >= 0x80) return eight_bit ? 1 : 0;
  return is_printable(c) && c != ' ' && c != '=' ? 1 : 0;
}

bool is_xtext_of(std::string_view text, bool eight_bit) {
  while (!text.empty()) {
    const size_t length = xtext_length(text, eight_bit);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

constexpr bool is_type_octet(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.'; }

}  // namespace

bool is_xtext(std::string_view text) { return is_xtext_of(text, false); }

std::optional<std::string> from_xtext(std::string_view text, bool eight_bit) {
  std::string out;
  while (!text.empty()) {
    const int high = text.size() > 2 ? hex_digit(text[1]) : -1;
    const int low = text.size() > 2 ? hex_digit(text[2]) : -1;
    const bool is_octet = eight_bit && text.front() == '+' && high >= 8 && low >= 0;
    const size_t length = is_octet ? 3 : xtext_length(text, false);
    if (length == 0) return std::nullopt;
    out += length == 1 ? text.front() : static_cast<char>(high * 16 + low);
    text.remove_prefix(length);
  }
  return out;
}

void append_xtext(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_printable(c) && c != ' ' && c != '+' && c != '=') {
      out += c;
    } else {
      out += '+';
      out += kDigits[octet(c) >> 4];
      out += kDigits[octet(c) & 15];
    }
  }
}

bool parse_ret(std::string_view text, DsnReturn& ret) {
  for (const DsnReturn one : {DsnReturn::kFull, DsnReturn::kHeaders}) {
    if (!equals_ignoring_case(text, name_of(one))) continue;
    ret = one;
    return true;
  }
  return false;
}

bool is_envid(std::string_view text) {
  return !text.empty() && text.size() <= kEnvidMax && is_xtext(text);
}

bool parse_notify(std::string_view text, uint8_t& notify) {
  notify = 0;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const auto found = std::ranges::find_if(
        kNotifyWords, [&](const NotifyWord& one) { return equals_ignoring_case(one.word, word); });
    if (found == kNotifyWords.end() || (notify & found->bit) != 0) return false;
    notify |= found->bit;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return (notify & dsn_notify::kNever) == 0 || notify == dsn_notify::kNever;
}

bool is_orcpt(std::string_view text) {
  const size_t semicolon = text.find(';');
  if (text.size() > kOrcptMax || semicolon == std::string_view::npos) return false;
  const std::string_view type = text.substr(0, semicolon);
  const std::string_view address = text.substr(semicolon + 1);
  if (type.empty() || !std::ranges::all_of(type, is_type_octet)) return false;
  return !address.empty() && is_xtext_of(address, equals_ignoring_case(type, "utf-8"));
}

std::string_view name_of(DsnReturn ret) {
  switch (ret) {
    case DsnReturn::kFull:
      return "FULL";
    case DsnReturn::kHeaders:
      return "HDRS";
    case DsnReturn::kUnspecified:
      break;
  }
  return {};
}

void append_notify(std::string& out, uint8_t notify) {
  bool first = true;
  for (const NotifyWord& one : kNotifyWords) {
    if ((notify & one.bit) == 0) continue;
    if (!first) out += ',';
    out += one.word;
    first = false;
  }
}

}  // namespace relais::smtp
