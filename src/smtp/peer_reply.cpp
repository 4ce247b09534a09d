#include "smtp/peer_reply.h"

#include <algorithm>
#include <optional>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

// RFC 5321 4.2: Reply-code = %x32-35 %x30-35 %x30-39; the second digit is not held to.
uint16_t parse_code(std::string_view line) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
    return 0;
  return static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

// The next number of "x.y.z", at most 999. False: there is none.
bool take_part(std::string_view& text, char behind, uint16_t& part) {
  const size_t end = text.find(behind);
  if (end == 0 || end > 3 || !std::ranges::all_of(text.substr(0, end), is_digit)) return false;
  part = 0;
  for (const char digit : text.substr(0, end))
    part = static_cast<uint16_t>(part * 10 + (digit - '0'));
  text.remove_prefix(end + 1);
  return true;
}

struct Status {
  uint16_t parts[3] = {};
  std::string_view rest;  // of the text, behind the blank
};

// The enhanced status in front of `text`, if it fits the code.
std::optional<Status> status_of(uint16_t code, std::string_view text) {
  Status status;
  status.rest = text;
  if (!take_part(status.rest, '.', status.parts[0]) ||
      !take_part(status.rest, '.', status.parts[1]) ||
      !take_part(status.rest, ' ', status.parts[2]) || status.parts[0] != code / 100)
    return std::nullopt;
  return status;
}

}  // namespace

std::string in_one_line(const PeerReply& reply) {
  std::string text;
  if (reply.code != 0) text = std::to_string(reply.code) + ' ';
  text += reply.text;
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Reply passed_on(uint16_t code, std::string_view text) {
  constexpr uint16_t kServiceClosing = 421;
  if (code == kServiceClosing) code = 451;
  const auto klass = static_cast<uint8_t>(code / 100);
  const auto status = status_of(code, text);
  if (!status) return {code, {klass, 0, 0}, text};
  return {code, {klass, status->parts[1], status->parts[2]}, status->rest};
}

void PeerReplyReader::keep(std::string_view text) {
  if (lines_ == 1) {
    const auto status = status_of(code_, text);
    status_octets_ = status ? text.size() - status->rest.size() : 0;
  } else if (const auto said = std::string_view(text_).substr(0, status_octets_); !said.empty()) {
    if (text.starts_with(said) || text == said.substr(0, said.size() - 1))
      text.remove_prefix(std::min(text.size(), said.size()));
  }
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
