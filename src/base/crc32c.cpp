#include "base/crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace relais {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reversed 0x1edc6f41

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kTable = make_table();

constexpr uint32_t shift_zero_bytes(uint32_t crc, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) crc = (crc >> 8) ^ kTable[crc & 0xff];
  return crc;
}

#if defined(__x86_64__)
// Three lanes of kLane bytes hide the instruction's latency of 3; kOne and kTwo move a lane's CRC
// past the lanes behind it.
constexpr size_t kLane = 1024;
constexpr size_t kCacheLine = 64;

void prefetch(const std::byte* at) { _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0); }

uint64_t load64(const std::byte* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) uint32_t crc32c_hardware(std::span<const std::byte> bytes,
                                                           uint32_t crc) {
  static const Crc32cShift kOne(kLane);
  static const Crc32cShift kTwo(2 * kLane);
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  uint64_t a = ~crc;
  while (left >= 3 * kLane) {
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      // The processor's own look-ahead does not follow lanes this short: without, what is not in
      // the cache takes twice as long. A prefetch behind the end does no harm.
      if (i % kCacheLine == 0) {
        for (size_t lane = 3; lane < 6; ++lane) prefetch(at + lane * kLane + i);
      }
      a = _mm_crc32_u64(a, load64(at + i));
      b = _mm_crc32_u64(b, load64(at + kLane + i));
      c = _mm_crc32_u64(c, load64(at + 2 * kLane + i));
    }
    a = kTwo(static_cast<uint32_t>(a)) ^ kOne(static_cast<uint32_t>(b)) ^ static_cast<uint32_t>(c);
    at += 3 * kLane;
    left -= 3 * kLane;
  }
  for (; left >= 8; at += 8, left -= 8) a = _mm_crc32_u64(a, load64(at));
  auto tail = static_cast<uint32_t>(a);
  for (; left > 0; ++at, --left) tail = _mm_crc32_u8(tail, static_cast<uint8_t>(*at));
  return ~tail;
}
#endif

}  // namespace

Crc32cShift::Crc32cShift(size_t octets) {
  // The images of the 32 single bits, by linearity, give every row.
  std::array<uint32_t, 32> image{};
  for (size_t bit = 0; bit < 32; ++bit) image[bit] = shift_zero_bytes(1U << bit, octets);
  for (size_t row = 0; row < 4; ++row) {
    for (uint32_t value = 0; value < 256; ++value) {
      uint32_t sum = 0;
      for (size_t bit = 0; bit < 8; ++bit) sum ^= (value >> bit & 1) ? image[row * 8 + bit] : 0;
      rows_[row][value] = sum;
    }
  }
}

uint32_t crc32c_portable(std::span<const std::byte> bytes, uint32_t crc) {
  crc = ~crc;
  for (const std::byte b : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(b)) & 0xff];
  return ~crc;
}

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc) {
#if defined(__x86_64__)
  static const bool kHardware = __builtin_cpu_supports("sse4.2");
  if (kHardware) return crc32c_hardware(bytes, crc);
#endif
  return crc32c_portable(bytes, crc);
}

}  // namespace relais
