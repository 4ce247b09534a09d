// The scanner with masks: bit i of a 64-bit word says something about octet i of a block of 64.
// A CR must be followed by LF and a LF preceded by CR, so the LF mask must equal the CR mask moved
// up by one; what differs is bare. A line starts one behind such a LF. Only a dot at a line start
// needs a closer look, and only the terminator and the last octets of the input are left to the
// scalar version.
#include <immintrin.h>

#include "base/assert.h"
#include "smtp/data_scanner.h"

namespace relais::smtp {
namespace {

using At = ScanState::At;

constexpr size_t kBlock = 64;

struct Block {
  uint64_t cr;
  uint64_t lf;
  uint64_t dot;
};

__attribute__((target("avx2"))) inline uint64_t equal(__m256i low, __m256i high, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  const auto a = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)));
  const auto b = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)));
  return a | (static_cast<uint64_t>(b) << 32);
}

// What the octets of each column have been: `smallest` is zero where one was a NUL, the high bit of
// `together` is set where one was above 127.
struct Columns {
  __m256i smallest;
  __m256i together;
};

__attribute__((target("avx2"))) inline Block load(const char* at, Columns& columns) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
  columns.smallest = _mm256_min_epu8(columns.smallest, _mm256_min_epu8(low, high));
  columns.together = _mm256_or_si256(columns.together, _mm256_or_si256(low, high));
  return {equal(low, high, '\r'), equal(low, high, '\n'), equal(low, high, '.')};
}

// Whether one of the dots (all at line starts, relative to `base`) begins the terminator, or is too
// near the end of the input to tell.
inline bool needs_scalar(uint64_t dots, size_t base, std::span<const char> input) {
  for (; dots != 0; dots &= dots - 1) {
    const size_t i = base + static_cast<size_t>(__builtin_ctzll(dots));
    if (i + 2 >= input.size()) return true;
    if (input[i + 1] == '\r' && input[i + 2] == '\n') return true;
  }
  return false;
}

// Whole blocks from input[from]; returns where it stopped. `state` is not in a dot.
__attribute__((target("avx2"))) size_t scan_blocks(ScanState& state, std::span<const char> input,
                                                   size_t from, size_t& stuffed) {
  uint64_t cr_before = state.at == At::kCr ? 1 : 0;
  uint64_t start_before = state.at == At::kLineStart ? 1 : 0;
  uint64_t bare = 0;
  Columns columns{_mm256_set1_epi8(-1), _mm256_setzero_si256()};
  size_t i = from;
  for (; i + kBlock <= input.size(); i += kBlock) {
    Columns columns_here = columns;
    const Block block = load(input.data() + i, columns_here);
    const uint64_t behind_cr = (block.cr << 1) | cr_before;
    const uint64_t crlf = block.lf & behind_cr;
    const uint64_t dots = block.dot & ((crlf << 1) | start_before);
    if (dots != 0) {
      if (needs_scalar(dots, i, input)) break;
      stuffed += static_cast<size_t>(__builtin_popcountll(dots));
    }
    columns = columns_here;
    bare |= block.lf ^ behind_cr;
    cr_before = block.cr >> 63;
    start_before = crlf >> 63;
  }
  if (i != from) {
    const __m256i zero = _mm256_cmpeq_epi8(columns.smallest, _mm256_setzero_si256());
    state.nul |= _mm256_movemask_epi8(zero) != 0;
    state.eight_bit |= _mm256_movemask_epi8(columns.together) != 0;
    state.bare_line_end |= bare != 0;
    // A block that ends in a stuffed dot ends in kText: what follows it is known not to be CRLF.
    state.at = cr_before != 0 ? At::kCr : start_before != 0 ? At::kLineStart : At::kText;
  }
  return i;
}

}  // namespace

bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }

ScanResult scan_avx2(ScanState& state, std::span<const char> input) {
  ScanResult result;
  if (state.at == At::kDot || state.at == At::kDotCr) {
    // Two octets behind a dot decide what it is, and cannot begin another.
    result = scan_scalar(state, input.first(input.size() < 2 ? input.size() : 2));
    if (result.end || result.consumed == input.size()) return result;
    ASSERT(result.content == 2);
  }
  const size_t from = scan_blocks(state, input, result.content, result.stuffed);
  const ScanResult tail = scan_scalar(state, input.subspan(from));
  result.end = tail.end;
  result.content = from + tail.content;
  result.consumed = from + tail.consumed;
  result.stuffed += tail.stuffed;
  return result;
}

}  // namespace relais::smtp
