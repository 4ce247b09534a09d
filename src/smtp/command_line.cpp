#include "smtp/command_line.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

bool is_clean_octet(char c) { return is_printable(c) || c == '\t'; }

}  // namespace

// The C1 controls (U+0080 to U+009F) are controls too.
bool is_clean_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0 || (length == 1 && !is_clean_octet(text.front()))) return false;
    if (octet(text.front()) == 0xc2 && octet(text[1]) < 0xa0) return false;
    text.remove_prefix(length);
  }
  return true;
}

CommandLine split_command(std::string_view line) {
  CommandLine command;
  command.clean = std::ranges::all_of(line, is_clean_octet);
  command.utf8 = command.clean || is_clean_utf8(line);
  command.verb = take_word(line);
  skip_blanks(line);
  drop_trailing_blanks(line);
  command.arguments = line;
  return command;
}

bool is_http(const CommandLine& command) {
  static constexpr std::array<std::string_view, 10> kFirstWords = {
      "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "HOST:"};
  return std::any_of(kFirstWords.begin(), kFirstWords.end(), [&](std::string_view word) {
    return equals_ignoring_case(command.verb, word);
  });
}

}  // namespace relais::smtp
