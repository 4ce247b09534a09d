// The face of the room: takes lines of the language and carries them out on a configuration folder.
// Never throws; what goes wrong is said on the console, and the next statement is taken.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shell/cmdlet.h"

namespace relais::shell {

class Shell {
 public:
  // The console must outlive the shell.
  Shell(std::string config_folder, Console& console);

  // Every statement of the text, up to `exit`.
  void run(std::string_view text);
  // Whether the text ends inside a quote, a brace or behind a pipe, so that more lines belong to
  // it.
  [[nodiscard]] static bool is_incomplete(std::string_view text);

  [[nodiscard]] bool failed() const { return session_.failed; }
  [[nodiscard]] bool wants_exit() const { return session_.wants_exit; }

 private:
  void run_pipeline(const Pipeline& pipeline, std::string_view line);
  bool run_command(const Command& command, Flow& flow, bool is_first, std::string_view line);

  Session session_;
};

// What could stand at the end of an unfinished line: commands, parameters, values of parameters,
// names of connectors.
struct Completion {
  size_t begin = 0;                     // of the word that is completed
  std::vector<std::string> candidates;  // whole words, quoted where they need it
};
[[nodiscard]] Completion complete(std::string_view line, const std::string& config_folder);

}  // namespace relais::shell
