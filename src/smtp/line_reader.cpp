#include "smtp/line_reader.h"

#include "base/assert.h"

namespace relais::smtp {
namespace {

// Carries that grew beyond this are given back once their line is done; commands rarely do.
constexpr size_t kCarryKept = 256;

// Whether a line that begins like this, and has no CRLF yet, can no longer end within kLineMax.
bool is_too_long(std::string_view begin) {
  const size_t least = begin.size() + (begin.ends_with('\r') ? 1 : 2);
  return least > kLineMax;
}

}  // namespace

void LineReader::reset() {
  returned_ = discarding_ = discard_cr_ = false;
  carry_.clear();
}

LineReader::Got LineReader::take(std::string_view& input, std::string_view& line) {
  if (returned_) {
    returned_ = false;
    carry_.clear();
    if (carry_.capacity() > kCarryKept) std::string().swap(carry_);
  }
  if (discarding_) discard(input);
  if (input.empty()) return Got::kNothing;
  return carry_.empty() ? take_whole(input, line) : take_cut(input, line);
}

LineReader::Got LineReader::take_whole(std::string_view& input, std::string_view& line) {
  const std::string_view window = input.substr(0, kLineMax);
  const size_t end = window.find("\r\n");
  if (end != std::string_view::npos) {
    line = input.substr(0, end);
    input.remove_prefix(end + 2);
    return Got::kLine;
  }
  if (window.size() == kLineMax || is_too_long(window)) {
    discarding_ = true;
    discard_cr_ = false;
    discard(input);
    return Got::kTooLong;
  }
  carry_ = input;
  input = {};
  return Got::kNothing;
}

// The line began in earlier input.
LineReader::Got LineReader::take_cut(std::string_view& input, std::string_view& line) {
  const size_t room = kLineMax - carry_.size();
  const std::string_view window = input.substr(0, room);
  size_t used = 0;
  if (carry_.back() == '\r' && window.starts_with('\n')) {
    used = 1;
  } else {
    const size_t end = window.find("\r\n");
    if (end != std::string_view::npos) used = end + 2;
  }
  const bool whole = used != 0;
  carry_ += whole ? window.substr(0, used) : window;
  input.remove_prefix(whole ? used : window.size());
  if (whole) {
    returned_ = true;
    line = std::string_view(carry_).substr(0, carry_.size() - 2);
    return Got::kLine;
  }
  if (!is_too_long(carry_)) return Got::kNothing;
  discarding_ = true;
  discard_cr_ = carry_.back() == '\r';
  std::string().swap(carry_);
  discard(input);
  return Got::kTooLong;
}

void LineReader::discard(std::string_view& input) {
  if (input.empty()) return;
  const size_t end = discard_cr_ && input.front() == '\n' ? 0 : input.find("\r\n");
  if (end == std::string_view::npos) {
    discard_cr_ = input.back() == '\r';
    input = {};
    return;
  }
  input.remove_prefix(discard_cr_ && input.front() == '\n' ? 1 : end + 2);
  discarding_ = false;
  discard_cr_ = false;
}

void LineReader::invariants() const {
  ASSERT(carry_.size() <= kLineMax);
  ASSERT(!discarding_ || carry_.empty());
  ASSERT(returned_ == carry_.ends_with("\r\n"));
}

}  // namespace relais::smtp
