// From wire form back to content as it was given: without the dots that stuffing puts in front of
// lines (RFC 5321 4.5.2), line ends as they are. For next hops that take it by count (BDAT).
// Streams over any cutting.
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

class DotUnstuffing {
 public:
  void reset() { at_ = At::kLineStart; }
  // `wire` itself where it has no such dot; else what it becomes, put into `copy`.
  [[nodiscard]] std::string_view next(std::string_view wire, std::string& copy);
  // In place of next(), for wire that is known to have none.
  void pass(std::string_view wire) {
    if (!wire.empty()) note_end(wire);
  }

 private:
  enum class At : uint8_t { kLineStart, kCr, kText };
  void note_end(std::string_view wire);

  At at_ = At::kLineStart;
};

}  // namespace relais::smtp
