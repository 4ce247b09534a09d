// Curves as SVG that needs nothing from outside: no script, no font, no style sheet. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace relais::load {

struct Tick {
  double at;  // in the units of the axis
  std::string label;
};

struct Axis {
  std::string title;
  bool logarithmic = false;  // low > 0 then
  double low = 0;
  double high = 1;
  std::vector<Tick> ticks{};
};

struct Curve {
  std::string name;
  std::string color;
  std::vector<std::pair<double, double>> points{};
};

struct Plot {
  std::string title;
  Axis x{};
  Axis y{};
  std::vector<Curve> curves{};
};

[[nodiscard]] std::string draw(const Plot& plot);

// From 0 to a round number at or above `high`, with four to eight ticks at round numbers.
[[nodiscard]] Axis linear_axis(std::string title, double high);
// Whole decades around [low, high]; a tick at 1, 2 and 5 of each, where there are few.
[[nodiscard]] Axis log_axis(std::string title, double low, double high);

[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace relais::load
