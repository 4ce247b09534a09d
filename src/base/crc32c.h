// CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the SSE4.2 instruction where the CPU has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace relais {

// crc32c("123456789") == 0xe3069283. `crc` continues an earlier call: crc32c(b, crc32c(a)) ==
// crc32c(ab).
[[nodiscard]] uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

// The table version that the hardware one is tested against.
[[nodiscard]] uint32_t crc32c_portable(std::span<const std::byte> bytes, uint32_t crc = 0);

// CRC is linear: crc32c(ab) == shift(crc32c(a)) ^ crc32c(b), if b has `octets` of the shift.
class Crc32cShift {
 public:
  explicit Crc32cShift(size_t octets);
  [[nodiscard]] uint32_t operator()(uint32_t crc) const {
    return rows_[0][crc & 0xff] ^ rows_[1][crc >> 8 & 0xff] ^ rows_[2][crc >> 16 & 0xff] ^
           rows_[3][crc >> 24];
  }

 private:
  std::array<std::array<uint32_t, 256>, 4> rows_{};
};

}  // namespace relais
