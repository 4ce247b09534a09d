#include "ledger/message_reading.h"

namespace relais::ledger {

void MessageReading::feed(std::string_view content) {
  while (!in_body_ && !content.empty()) {
    const size_t end = content.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view piece = content.substr(0, whole ? end + 1 : content.size());
    content.remove_prefix(piece.size());
    if (whole && line_.empty()) {
      take_line(piece);
      continue;
    }
    // Never shorter than it was, so that a line too long is not taken for an empty one.
    if (line_.size() <= kLineMax) line_ += piece;
    if (whole) {
      take_line(line_);
      line_.clear();
    }
  }
  body_.add(content);
}

void MessageReading::take_line(std::string_view line) {
  if (line == "\r\n" || line == "\n") {
    in_body_ = true;
  } else if (!mark_ && line.size() <= kLineMax) {
    mark_ = parse_mark(line);
  }
}

}  // namespace relais::ledger
