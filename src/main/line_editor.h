// A person's lines: editing, history and completion with libedit. The only part of this program
// that knows that library.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shell/shell.h"

namespace relais {

class LineEditor {
 public:
  using Complete = std::function<shell::Completion(std::string_view line)>;

  // The history is kept in $XDG_STATE_HOME/relais/history, or below ~/.local/state; where that
  // cannot be written there is none from one time to the next.
  explicit LineEditor(Complete complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  struct Line {
    std::string text;          // with its line end
    bool interrupted = false;  // Ctrl-C: what was typed so far does not count
  };
  // nullopt: the end (Ctrl-D).
  [[nodiscard]] std::optional<Line> read(const std::string& prompt);
  void remember(const std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace relais
