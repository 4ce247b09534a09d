#include "main/line_editor.h"

#include <fmt/format.h>
#include <histedit.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace relais {
namespace {

constexpr int kHistoryMax = 1000;

volatile sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

std::string history_file() {
  std::string folder;
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    folder = fmt::format("{}/relais", state);
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    folder = fmt::format("{}/.local/state/relais", home);
  } else {
    return {};
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  return failed ? std::string() : fmt::format("{}/history", folder);
}

// What all candidates begin with.
std::string common_beginning(const std::vector<std::string>& candidates) {
  std::string common = candidates.front();
  for (const std::string& candidate : candidates) {
    const auto differ =
        std::mismatch(common.begin(), common.end(), candidate.begin(), candidate.end());
    common.erase(differ.first, common.end());
  }
  return common;
}

}  // namespace

struct LineEditor::State {
  Complete complete;
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;
  std::string history_path;

  static State* of(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return static_cast<State*>(data);
  }

  static char* give_prompt(EditLine* editor) { return of(editor)->prompt.data(); }

  static unsigned char on_tab(EditLine* editor, int) {
    const State& state = *of(editor);
    const LineInfo* info = el_line(editor);
    const std::string_view line(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
    const shell::Completion completion = state.complete(line);
    if (completion.candidates.empty()) return CC_REFRESH_BEEP;
    const size_t typed = line.size() - completion.begin;
    std::string text = completion.candidates.front();
    if (completion.candidates.size() > 1) {
      text = common_beginning(completion.candidates);
      if (text.size() <= typed) {
        state.show(completion.candidates);
        return CC_REDISPLAY;
      }
    } else {
      text += ' ';
    }
    el_deletestr(editor, static_cast<int>(typed));
    el_insertstr(editor, text.c_str());
    return CC_REFRESH;
  }

  void show(const std::vector<std::string>& candidates) const {
    std::string text(1, '\n');
    for (const std::string& candidate : candidates) {
      text += candidate;
      text += "  ";
    }
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
};

LineEditor::LineEditor(Complete complete) : state_(std::make_unique<State>()) {
  state_->complete = std::move(complete);
  state_->editor = el_init("relais", stdin, stdout, stderr);
  state_->history = history_init();
  HistEvent event;
  history(state_->history, &event, H_SETSIZE, kHistoryMax);
  history(state_->history, &event, H_SETUNIQUE, 1);
  state_->history_path = history_file();
  if (!state_->history_path.empty()) {
    history(state_->history, &event, H_LOAD, state_->history_path.c_str());
  }
  EditLine* editor = state_->editor;
  el_set(editor, EL_CLIENTDATA, state_.get());
  el_set(editor, EL_PROMPT, &State::give_prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, history, state_->history);
  // el_set would copy the two names and never free them.
  el_wset(editor, EL_ADDFN, L"complete", L"Completes a word", &State::on_tab);
  el_set(editor, EL_BIND, "^I", "complete", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(editor, nullptr);
  // Not restarted, so that Ctrl-C ends the read.
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
}

LineEditor::~LineEditor() {
  history_end(state_->history);
  el_end(state_->editor);
}

std::optional<LineEditor::Line> LineEditor::read(const std::string& prompt) {
  state_->prompt = prompt;
  interrupted = 0;
  int count = 0;
  const char* text = el_gets(state_->editor, &count);
  if (interrupted != 0) {
    el_reset(state_->editor);
    std::fputs("^C\n", stdout);
    return Line{{}, true};
  }
  if (text == nullptr || count <= 0) return std::nullopt;
  return Line{std::string(text, static_cast<size_t>(count)), false};
}

void LineEditor::remember(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return;
  HistEvent event;
  history(state_->history, &event, H_ENTER, text.c_str());
  if (!state_->history_path.empty()) {
    history(state_->history, &event, H_SAVE, state_->history_path.c_str());
  }
}

}  // namespace relais
