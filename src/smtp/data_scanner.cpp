#include "smtp/data_scanner.h"

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

using At = ScanState::At;

// Where an octet of a line leads to, once it is known not to be a dot at its start.
At behind(char c, ScanState& state) {
  if (c == '\r') return At::kCr;
  if (c == '\n') state.bare_line_end = true;  // and no line starts behind it
  return At::kText;
}

}  // namespace

ScanResult scan_scalar(ScanState& state, std::span<const char> input) {
  ScanResult result;
  const auto held = static_cast<uint8_t>(state.at == At::kDot ? 1 : state.at == At::kDotCr ? 2 : 0);
  bool dot_is_earlier = held != 0;  // the dot in question came with earlier input
  size_t dot = 0;                   // where the dot in question is, in this input
  const auto dot_is_content = [&] {
    ++result.stuffed;
    if (dot_is_earlier) result.held = held;
    dot_is_earlier = false;
  };

  for (size_t i = 0; i < input.size(); ++i) {
    const char c = input[i];
    state.nul |= c == '\0';
    state.eight_bit |= is_eight_bit(c);
    switch (state.at) {
      case At::kLineStart:
        if (c == '.') {
          dot = i;
          state.at = At::kDot;
        } else {
          state.at = behind(c, state);
        }
        break;
      case At::kText:
        state.at = behind(c, state);
        break;
      case At::kCr:
        if (c == '\n') {
          state.at = At::kLineStart;
        } else {
          state.bare_line_end = true;
          state.at = behind(c, state);
        }
        break;
      case At::kDot:
        if (c == '\r') {
          state.at = At::kDotCr;
        } else {
          dot_is_content();
          state.at = behind(c, state);
        }
        break;
      case At::kDotCr:
        if (c == '\n') {
          state.at = At::kLineStart;
          result.end = true;
          result.content = dot;
          result.consumed = i + 1;
          return result;
        }
        state.bare_line_end = true;
        dot_is_content();
        state.at = behind(c, state);
        break;
    }
  }
  const bool in_question = state.at == At::kDot || state.at == At::kDotCr;
  result.content = in_question ? dot : input.size();
  result.consumed = input.size();
  return result;
}

ScanResult DataScanner::scan(std::span<const char> input) {
  static const bool fast = has_avx2();
  // A span of a few octets is not worth the set-up.
  return fast && input.size() >= 64 ? scan_avx2(state_, input) : scan_scalar(state_, input);
}

}  // namespace relais::smtp
