// One screen of relais top: figures in, lines of text out. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "admin/live_figures.h"

namespace relais::admin {

struct TopView {
  LiveFigures now;
  std::optional<LiveFigures> before;  // of the same process; nothing: there are no rates yet
  size_t top = 10;                    // sources of a limit that are shown
  std::string trouble;                // why `now` is old; empty: it is not
};

// Before and after are of one process, and some time lies between them.
[[nodiscard]] bool comparable(const LiveFigures& before, const LiveFigures& now);

// At most `height` lines of at most `width` columns; 0: as many as it takes.
[[nodiscard]] std::vector<std::string> top_frame(const TopView& view, size_t width, size_t height);
// For scripts: one line.
[[nodiscard]] std::string top_json(const TopView& view);

}  // namespace relais::admin
