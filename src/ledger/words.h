// Numbers and words of a mark or of a ledger's line, strictly: what is not written as we write it
// is damaged. Inside the room only.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "base/decimal.h"

namespace relais::ledger {

// The text up to the next blank, and both taken from the front. Empty: there is none.
inline std::string_view take_word(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

template <std::unsigned_integral T>
[[nodiscard]] bool parse_number(std::string_view word, T& value, int base = 10) {
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value, base);
  return error == std::errc() && stop == end;
}

// In so many digits, zeros in front.
inline void append_hex(std::string& out, uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += "0123456789abcdef"[value >> shift & 0xf];
}

}  // namespace relais::ledger
