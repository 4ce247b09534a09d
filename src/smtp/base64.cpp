#include "smtp/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kPadding = '=';
constexpr uint8_t kNone = 64;

constexpr std::array<uint8_t, 256> kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNone);
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    values[octet(kAlphabet[i])] = static_cast<uint8_t>(i);
  return values;
}();

}  // namespace

std::string encode_base64(std::string_view octets) {
  std::string text;
  text.reserve((octets.size() + 2) / 3 * 4);
  for (; !octets.empty(); octets.remove_prefix(std::min<size_t>(3, octets.size()))) {
    const size_t octet_count = std::min<size_t>(3, octets.size());
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < octet_count ? octet(octets[i]) : 0U);
    for (size_t i = 0; i < 4; ++i)
      text += i <= octet_count ? kAlphabet[bits >> (18 - 6 * i) & 63] : kPadding;
  }
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == kPadding) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string octets;
  octets.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  uint32_t count = 0;  // of bits that are no octet yet
  for (const char c : text) {
    const uint8_t value = kValues[octet(c)];
    if (value == kNone) return std::nullopt;
    bits = bits << 6 | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    octets += static_cast<char>(bits >> count & 0xff);
  }
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return octets;
}

}  // namespace relais::smtp
