// Where the shell's words go. The program has a terminal or two streams behind it, a test two
// strings.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace relais::shell {

class Console {
 public:
  virtual ~Console() = default;
  // What was asked for.
  virtual void print(std::string_view text) = 0;
  // Errors, warnings and notes; whole lines.
  virtual void say(std::string_view text) = 0;
  // Whether a person sits there who can be asked.
  [[nodiscard]] virtual bool is_interactive() const = 0;
  [[nodiscard]] virtual bool confirm(const std::string& question) = 0;
};

// What quotes a line or a file: nothing in it may move the cursor of a terminal.
[[nodiscard]] inline std::string without_controls(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 127; }, '?');
  return text;
}

}  // namespace relais::shell
