// `relais shell`: lines from an argument, a file, standard input or a person.
#include "main/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "config/load.h"
#include "main/line_editor.h"
#include "shell/server_link.h"
#include "shell/shell.h"

namespace relais {
namespace {

class Terminal final : public shell::Console {
 public:
  explicit Terminal(bool interactive) : interactive_(interactive) {}

  void print(std::string_view text) override { write(stdout, text); }
  void say(std::string_view text) override { write(stderr, text); }
  [[nodiscard]] bool is_interactive() const override { return interactive_; }
  [[nodiscard]] bool confirm(const std::string& question) override {
    write(stdout, question);
    std::string answer;
    if (!std::getline(std::cin, answer)) return false;
    return answer.empty() || answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes";
  }

 private:
  // Both streams in the order of what happened.
  static void write(std::FILE* stream, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stream);
    std::fflush(stream);
  }

  bool interactive_;
};

// Statements as they become complete, so that a program at the other end of a pipe gets its
// answers.
void run_stream(shell::Shell& shell, std::istream& in) {
  std::string text;
  std::string line;
  while (!shell.wants_exit() && std::getline(in, line)) {
    text += line;
    text += '\n';
    if (shell::Shell::is_incomplete(text)) continue;
    shell.run(text);
    text.clear();
  }
  if (!shell.wants_exit()) shell.run(text);
}

void greet(const std::string& folder, Terminal& terminal) {
  const config::Loaded loaded = config::load(folder);
  const bool runs = shell::running_server(loaded.model.server.data_dir, folder).has_value();
  terminal.say(fmt::format("relais {} with the configuration {}. `help` explains, `exit` leaves.\n",
                           RELAIS_VERSION, folder));
  if (!runs) {
    terminal.say("No server runs with this configuration: changes go to its files alone.\n");
  }
}

void run_interactive(shell::Shell& shell, const std::string& folder, Terminal& terminal) {
  greet(folder, terminal);
  LineEditor editor([&folder](std::string_view line) { return shell::complete(line, folder); });
  std::string text;
  while (!shell.wants_exit()) {
    const auto line = editor.read(text.empty() ? "[PS] relais> " : ">> ");
    if (!line) break;
    if (line->interrupted) {
      text.clear();
      continue;
    }
    text += line->text;
    if (shell::Shell::is_incomplete(text)) continue;
    editor.remember(text);
    shell.run(text);
    text.clear();
  }
}

}  // namespace

int run_shell(const std::string& config_folder, const ShellInput& input) {
  const bool from_person =
      !input.line && input.file.empty() && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  Terminal terminal(from_person);
  shell::Shell shell(config_folder, terminal);
  if (input.line) {
    shell.run(*input.line);
  } else if (!input.file.empty()) {
    std::ifstream file(input.file, std::ios::binary);
    if (!file.is_open()) {
      terminal.say(fmt::format("relais shell: {} cannot be read\n", input.file));
      return 2;
    }
    run_stream(shell, file);
  } else if (from_person) {
    run_interactive(shell, config_folder, terminal);
    return 0;
  } else {
    run_stream(shell, std::cin);
  }
  return shell.failed() ? 1 : 0;
}

}  // namespace relais
