// Whole numbers as text, for what is written once a message: printf costs ten times as much.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

namespace relais {

// Behind the last digit. There must be room for twenty.
inline char* put_decimal(char* at, uint64_t number) {
  return std::to_chars(at, at + 20, number).ptr;
}

// So many digits, with zeros in front. `number` has no more than that.
inline char* put_digits(char* at, uint32_t number, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  return at + digits;
}

inline void append_decimal(std::string& out, uint64_t number) {
  char digits[20];
  out.append(digits, put_decimal(digits, number));
}

}  // namespace relais
