#include "smtp/line_end_repair.h"

#include "base/assert.h"

namespace relais::smtp {

void LineEndRepair::feed(std::string_view content) {
  ASSERT(input_.empty());
  input_ = content;
}

// A line that is one dot needs a second one only behind a bare end: with CRLF it was the
// terminator.
std::string_view LineEndRepair::line_end(bool bare) {
  at_ = bare ? At::kMadeStart : At::kLineStart;
  return bare && lone_dot_ ? ".\r\n" : "\r\n";
}

// How much of the input, from its front, can be passed on as it is.
size_t LineEndRepair::legal_run() {
  size_t end = 0;
  for (;;) {
    const size_t stop = input_.find_first_of("\r\n", end);
    const std::string_view line = input_.substr(end, stop - end);
    if (!line.empty()) at_ = at_ == At::kLineStart && line == "." ? At::kLoneDot : At::kText;
    end += line.size();
    if (input_.substr(end, 2) != "\r\n") return end;
    end += 2;
    at_ = At::kLineStart;
  }
}

bool LineEndRepair::take(std::string_view& piece) {
  if (input_.empty()) return false;
  if (at_ == At::kCr) {
    const bool bare = input_.front() != '\n';
    if (!bare) input_.remove_prefix(1);
    piece = line_end(bare);
    return true;
  }
  if (at_ == At::kMadeStart && input_.front() == '.') {
    at_ = At::kText;
    piece = ".";
    return true;
  }
  piece = input_.substr(0, legal_run());
  input_.remove_prefix(piece.size());
  if (!piece.empty()) return true;

  // In front is a bare LF, or a CR that is bare or the last octet.
  lone_dot_ = at_ == At::kLoneDot;
  const bool undecided = input_ == "\r";
  input_.remove_prefix(1);
  if (undecided) {
    at_ = At::kCr;
    return false;
  }
  piece = line_end(true);
  return true;
}

}  // namespace relais::smtp
