// Finds the end of mail data (CRLF.CRLF, and nothing else) and every illegal byte (bare CR, bare LF, NUL) in one
// pass over the wire form, across any cutting into reads. AVX2 where the CPU has it, chosen at run time;
// the scalar version is the one the tests compare it with. Nothing is copied: the answer is how many octets of
// the input are content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relais::smtp {

class DataScanner {
 public:
  struct Result {
    // Octets "." or ".\r" that were held back from earlier input and turn out to be content: pass this literal on
    // first (0, 1 or 2 octets of ".\r").
    uint8_t held = 0;
    size_t content = 0;   // octets of this input that are content
    size_t consumed = 0;  // octets used up: content, held back, or the terminator
    bool end = false;     // the terminator was seen; input[consumed] is the next command's first octet
  };

  // Ready for the first octet after DATA's 354 (a dot there is at the start of a line).
  void reset();
  [[nodiscard]] Result scan(std::span<const char> input);
  // Since reset(): a bare CR, a bare LF or a NUL was seen in the content.
  [[nodiscard]] bool illegal() const { return illegal_; }

 private:
  enum class State : uint8_t { kLineStart, kText, kCr, kDot, kDotCr };
  State state_ = State::kLineStart;
  bool illegal_ = false;
};

}  // namespace relais::smtp
