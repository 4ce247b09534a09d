// Finds the end of mail data (CRLF.CRLF, and nothing else) and every illegal byte (bare CR, bare
// LF, NUL) in one pass over the wire form, across any cutting into reads. AVX2 where the CPU has
// it, chosen at run time; the scalar version is the one the tests compare it with. Nothing is
// copied: the answer is how many octets of the input are content. A dot at the start of a line is
// held back until the octets behind it show what it is, so a caller never passes on a part of the
// terminator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relais::smtp {

struct ScanState {
  enum class At : uint8_t {
    kLineStart,  // behind CRLF, or at the very start
    kText,
    kCr,     // behind a CR that came in a line
    kDot,    // behind a dot at the start of a line: held back
    kDotCr,  // behind that dot and a CR: both held back
  };
  At at = At::kLineStart;
  bool bare_line_end = false;  // a CR without LF or a LF without CR was seen
  bool nul = false;
  bool eight_bit = false;  // an octet of the content was above 127
};

struct ScanResult {
  // Octets "." or ".\r" that were held back from earlier input and turn out to be content: pass
  // this literal on first (0, 1 or 2 octets of ".\r").
  uint8_t held = 0;
  bool end = false;    // the terminator was seen; input[consumed] is the next command's first octet
  size_t content = 0;  // octets of this input that are content; they are its first ones
  size_t consumed = 0;  // octets used up: content, held back, or the terminator
  size_t stuffed = 0;   // of held and content: dots at a line start, which do not count for SIZE
};

// One octet at a time, easy to read: the reference.
[[nodiscard]] ScanResult scan_scalar(ScanState& state, std::span<const char> input);
// The same answer, 64 octets at a time. Only where has_avx2().
[[nodiscard]] ScanResult scan_avx2(ScanState& state, std::span<const char> input);
[[nodiscard]] bool has_avx2();

class DataScanner {
 public:
  using Result = ScanResult;

  // Ready for the first octet after DATA's 354 (a dot there is at the start of a line).
  void reset() { state_ = {}; }
  [[nodiscard]] Result scan(std::span<const char> input);
  // Since reset(): a bare CR, a bare LF or a NUL was seen in the content.
  [[nodiscard]] bool illegal() const { return state_.bare_line_end || state_.nul; }
  [[nodiscard]] bool bare_line_end() const { return state_.bare_line_end; }
  [[nodiscard]] bool nul() const { return state_.nul; }
  [[nodiscard]] bool eight_bit() const { return state_.eight_bit; }
  [[nodiscard]] bool at_line_start() const { return state_.at == ScanState::At::kLineStart; }
  [[nodiscard]] bool behind_cr() const { return state_.at == ScanState::At::kCr; }

 private:
  ScanState state_;
};

}  // namespace relais::smtp
