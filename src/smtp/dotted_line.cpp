#include "smtp/dotted_line.h"

#ifdef __SSE2__
#include <emmintrin.h>

#include <bit>
#include <cstdint>
#endif

namespace relais::smtp {
namespace {

constexpr std::string_view kDottedLine = "\r\n.";

#ifdef __SSE2__
constexpr size_t kLanes = 16;
constexpr size_t kUnrolled = 4;

// Ones where LF and a dot stand behind each other, from at[1] on.
__m128i line_starts(const char* at) {
  const auto load = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  return _mm_and_si128(_mm_cmpeq_epi8(load(at + 1), _mm_set1_epi8('\n')),
                       _mm_cmpeq_epi8(load(at + 2), _mm_set1_epi8('.')));
}

// Where the octets [0, kLanes) of `text` have the CR of a dotted line; kLanes: nowhere.
size_t find_in_block(const char* text) {
  auto found = static_cast<uint32_t>(_mm_movemask_epi8(line_starts(text)));
  for (; found != 0; found &= found - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(found));
    if (text[at] == '\r') return at;
  }
  return kLanes;
}

// As std::string_view::find, which goes from CR to CR: once for each line. LF with a dot behind it
// is as rare as what is looked for, so that blocks go by without a look at what they hold.
size_t find_dotted_line(std::string_view text) {
  size_t at = 0;
  for (; at + kUnrolled * kLanes + 2 <= text.size(); at += kUnrolled * kLanes) {
    const char* block = text.data() + at;
    const __m128i any = _mm_or_si128(
        _mm_or_si128(line_starts(block), line_starts(block + kLanes)),
        _mm_or_si128(line_starts(block + 2 * kLanes), line_starts(block + 3 * kLanes)));
    if (_mm_movemask_epi8(any) == 0) continue;
    for (size_t i = 0; i < kUnrolled * kLanes; i += kLanes) {
      if (const size_t found = find_in_block(block + i); found != kLanes) return at + i + found;
    }
  }
  return text.find(kDottedLine, at);
}
#else
size_t find_dotted_line(std::string_view text) { return text.find(kDottedLine); }
#endif

}  // namespace

size_t next_dotted_line(std::string_view text, bool behind_cr) {
  if (behind_cr && text.starts_with(kDottedLine.substr(1))) return 1;
  const size_t found = find_dotted_line(text);
  return found == std::string_view::npos ? text.size() : found + 2;
}

}  // namespace relais::smtp
