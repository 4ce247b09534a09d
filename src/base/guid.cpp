#include "base/guid.h"

namespace relais {

Guid::Text Guid::text() const {
  static constexpr char kHex[] = "0123456789abcdef";
  Text out{};
  size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) out[at++] = '-';
    const uint64_t word = nibble < 16 ? high : low;
    out[at++] = kHex[word >> (60 - 4 * (nibble % 16)) & 15];
  }
  return out;
}

Guid make_guid(uint64_t salt, uint16_t core, uint64_t number) {
  // 48 bits of salt, version 8, 12 bits of core; variant 10, then the number mixed with the salt so
  // that neighbours differ visibly (multiplying by an odd constant is a bijection on 62 bits).
  constexpr uint64_t kMask62 = (uint64_t{1} << 62) - 1;
  const uint64_t high = (salt & ~uint64_t{0xffff}) | 0x8000 | (core & 0x0fff);
  const uint64_t mixed = (number * 0x9e3779b97f4a7c15 + salt) & kMask62;
  return {high, (uint64_t{2} << 62) | mixed};
}

}  // namespace relais
