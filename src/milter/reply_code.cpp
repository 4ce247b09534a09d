#include "milter/reply_code.h"

#include <algorithm>
#include <charconv>

namespace relais::milter {
namespace {

constexpr size_t kTextMax = 450;  // one SMTP line

bool take_number(std::string_view& text, size_t digits_max, uint16_t& number) {
  const size_t limit = std::min(text.size(), digits_max);
  const auto [end, error] = std::from_chars(text.data(), text.data() + limit, number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take_code(std::string_view& line, uint16_t& code) {
  const size_t size = line.size();
  if (!take_number(line, 3, code) || size - line.size() != 3 || code < 400 || code > 599)
    return false;
  if (line.empty()) return true;
  if (line.front() != ' ' && line.front() != '-') return false;
  line.remove_prefix(1);
  return true;
}

// RFC 3463. Its class must agree with the code; what looks otherwise is text.
std::array<uint16_t, 3> take_enhanced(std::string_view& line, uint16_t code) {
  std::string_view rest = line;
  std::array<uint16_t, 3> status{};
  for (size_t i = 0; i < status.size(); ++i) {
    if (!take_number(rest, i == 0 ? 1 : 3, status[i])) return {};
    if (i == 2) break;
    if (!rest.starts_with('.')) return {};
    rest.remove_prefix(1);
  }
  if (status[0] != code / 100 || (!rest.empty() && rest.front() != ' ')) return {};
  if (!rest.empty()) rest.remove_prefix(1);
  line = rest;
  return status;
}

}  // namespace

std::optional<ReplyCode> parse_reply_code(std::string_view text) {
  ReplyCode reply;
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  for (bool first = true; first || !text.empty(); first = false) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    uint16_t code = 0;
    if (!take_code(line, code) || (!first && code != reply.code)) return std::nullopt;
    const auto enhanced = take_enhanced(line, code);
    if (first) {
      reply.code = code;
      reply.enhanced = enhanced;
    }
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 0x7f; }))
      return std::nullopt;
    if (!reply.text.empty() && !line.empty()) reply.text += ' ';
    reply.text += line.substr(0, kTextMax - std::min(kTextMax, reply.text.size()));
  }
  return reply;
}

}  // namespace relais::milter
