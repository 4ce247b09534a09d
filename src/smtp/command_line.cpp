#include "smtp/command_line.h"

#include <algorithm>
#include <array>

#include "smtp/ascii.h"

namespace relais::smtp {

CommandLine split_command(std::string_view line) {
  CommandLine command;
  command.clean =
      std::all_of(line.begin(), line.end(), [](char c) { return is_printable(c) || c == '\t'; });
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
