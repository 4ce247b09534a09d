// Turns bare CR and bare LF of mail content into CRLF, for connectors that set
// reject_bare_line_ends to false (smtp-smuggling: such content is never passed on raw). Nothing is
// copied: the result comes as pieces, views of the input with literals between them. Stuffs where a
// repaired line would otherwise be a lone dot, or begin with a dot that the strict reading took for
// the middle of a line.
//
//   repair.feed(content); std::string_view piece; while (repair.take(piece)) ...
#pragma once

#include <cstdint>
#include <string_view>

namespace relais::smtp {

class LineEndRepair {
 public:
  void reset() { *this = {}; }
  // Wire form as the scanner passed it on. Only when take() has returned false.
  void feed(std::string_view content);
  // The next piece, never empty; valid as long as the input is. False: the input is used up.
  [[nodiscard]] bool take(std::string_view& piece);

 private:
  enum class At : uint8_t {
    kLineStart,  // behind CRLF: a dot here is stuffing
    kMadeStart,  // behind a line end that we made: a dot here is text
    kLoneDot,    // the line so far is one stuffing dot
    kText,
    kCr,  // a CR was taken from the input and not passed on
  };
  std::string_view line_end(bool bare);
  size_t legal_run();

  std::string_view input_;
  At at_ = At::kLineStart;
  bool lone_dot_ = false;  // at kCr: the line before the CR was one dot
};

}  // namespace relais::smtp
