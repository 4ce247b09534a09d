// CRC-32C (Castagnoli, RFC 3720 appendix B.4), with the SSE4.2 instruction where the CPU has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relais {

// crc32c("123456789") == 0xe3069283. `crc` continues an earlier call: crc32c(b, crc32c(a)) ==
// crc32c(ab).
[[nodiscard]] uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

// The table version that the hardware one is tested against.
[[nodiscard]] uint32_t crc32c_portable(std::span<const std::byte> bytes, uint32_t crc = 0);

}  // namespace relais
