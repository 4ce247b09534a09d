// `relais top`: how a running server stands, again and again, from the socket in its data folder.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "admin/live_server.h"
#include "admin/notices.h"
#include "admin/top_frame.h"
#include "admin/when.h"
#include "config/load.h"
#include "main/commands.h"
#include "main/full_screen.h"

namespace relais {
namespace {

using admin::LiveFigures;
using admin::TopView;
using Clock = std::chrono::steady_clock;

// Of a frame that nobody looks at on a screen.
constexpr size_t kOnceColumns = 120;
// A server gathers once a second.
constexpr auto kNextFigures = std::chrono::milliseconds(1050);

class Top {
 public:
  Top(std::string data_dir, const TopOptions& options)
      : data_dir_(std::move(data_dir)), options_(options) {
    view_.top = options.top;
  }

  int once();
  int lines();
  int watch();

 private:
  bool look();
  void look_twice();
  void print() const;
  int no_answer() const {
    admin::say("relais top: {}\n", problem_);
    return 1;
  }

  std::string data_dir_;
  const TopOptions& options_;
  TopView view_;
  std::string problem_;
};

// Newer figures, if there are some. False: no answer.
bool Top::look() {
  const admin::LiveAnswer answer = admin::ask_live(data_dir_);
  problem_ = answer.problem;
  if (answer.json.empty()) return false;
  auto figures = admin::live_figures_from_json(answer.json);
  if (!figures) {
    problem_ = "the server's answer cannot be read: is it of another version?";
    return false;
  }
  if (figures->gathered == view_.now.gathered && figures->pid == view_.now.pid) return true;
  if (admin::comparable(view_.now, *figures))
    view_.before = std::move(view_.now);
  else
    view_.before.reset();
  view_.now = std::move(*figures);
  return true;
}

// So that there are rates.
void Top::look_twice() {
  for (int i = 0; i < 3 && !view_.before; ++i) {
    std::this_thread::sleep_for(kNextFigures);
    if (!look()) return;
  }
}

void Top::print() const {
  if (options_.json) {
    std::fputs(admin::top_json(view_).c_str(), stdout);
  } else {
    const size_t columns = output_columns();
    for (const std::string& line :
         admin::top_frame(view_, columns > 0 ? columns : kOnceColumns, 0)) {
      std::fputs((line + '\n').c_str(), stdout);
    }
  }
  std::fflush(stdout);
}

int Top::once() {
  if (!look()) return no_answer();
  look_twice();
  print();
  return 0;
}

int Top::lines() {
  if (!look()) return no_answer();
  look_twice();
  while (true) {
    print();
    if (std::ferror(stdout) != 0) return 1;
    std::this_thread::sleep_for(std::chrono::seconds(options_.interval_s));
    if (!look()) return no_answer();
  }
}

int Top::watch() {
  if (!look()) return no_answer();
  FullScreen screen;
  // The second look comes as soon as there are rates.
  auto next = Clock::now() + kNextFigures;
  while (true) {
    const FullScreen::Size size = screen.size();
    screen.show(admin::top_frame(view_, size.columns, size.lines));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now());
    char key = 0;
    switch (screen.wait(milliseconds(std::max<int64_t>(0, left.count() + 1)), key)) {
      case FullScreen::Woken::kClosed:
        return 0;
      case FullScreen::Woken::kKey:
        if (key == 'q' || key == 'Q') return 0;
        if (key != ' ') continue;
        break;
      case FullScreen::Woken::kResized:
        continue;
      case FullScreen::Woken::kTime:
        break;
    }
    next = Clock::now() + std::chrono::seconds(options_.interval_s);
    const bool answered = look();
    view_.trouble = answered ? std::string()
                             : fmt::format("No answer since {}: {}",
                                           admin::for_people(view_.now.gathered), problem_);
  }
}

}  // namespace

int top(const TopOptions& options) {
  const bool watched = !options.once && !options.json;
  if (watched) {
    if (const std::string why = FullScreen::why_not(); !why.empty()) {
      admin::say("relais top: {}. Use --once for one frame, or --json\n", why);
      return 2;
    }
  }
  const config::Loaded loaded = config::load(options.folder);
  if (!loaded.ok) {
    admin::say("relais top: the configuration in {} is not valid: see relais check --config {}\n",
               options.folder, options.folder);
    return 1;
  }
  Top top(loaded.model.server.data_dir, options);
  if (options.once) return top.once();
  return options.json ? top.lines() : top.watch();
}

}  // namespace relais
