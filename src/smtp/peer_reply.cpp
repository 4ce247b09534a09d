#include "smtp/peer_reply.h"

#include <algorithm>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

// RFC 5321 4.2: Reply-code = %x32-35 %x30-35 %x30-39; the second digit is not held to.
uint16_t parse_code(std::string_view line) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
    return 0;
  return static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

}  // namespace

void PeerReplyReader::keep(std::string_view text) {
  if (lines_ > 1 && text_.size() < kReplyTextMax) text_ += '\n';
  const size_t start = text_.size();
  text_ += text.substr(0, kReplyTextMax - start);
  std::transform(text_.begin() + static_cast<std::ptrdiff_t>(start), text_.end(),
                 text_.begin() + static_cast<std::ptrdiff_t>(start), [](char c) {
                   return is_printable(c) ? c : c == '\t' ? ' ' : '?';
                 });
}

PeerReplyReader::Got PeerReplyReader::take(std::string_view line) {
  const uint16_t code = parse_code(line);
  if (code == 0 || line.find('\n') != std::string_view::npos) return Got::kMalformed;
  const char separator = line.size() == 3 ? ' ' : line[3];
  if (separator != ' ' && separator != '-') return Got::kMalformed;
  if (complete_) {
    text_.clear();
    lines_ = 0;
  } else if (code != code_ || lines_ == kReplyLinesMax) {
    return Got::kMalformed;  // all lines of a reply carry one code
  }
  code_ = code;
  ++lines_;
  complete_ = separator == ' ';
  line_text_ = line.substr(line.size() == 3 ? 3 : 4);
  keep(line_text_);
  return complete_ ? Got::kReply : Got::kMore;
}

}  // namespace relais::smtp
