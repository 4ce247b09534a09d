#include "load/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace relais::load {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 340;
constexpr double kLeft = 70;
constexpr double kRight = 150;  // the legend
constexpr double kTop = 40;
constexpr double kBottom = 55;

// Where a value lies on an axis: 0 to 1.
double share_of(const Axis& axis, double value) {
  if (!axis.logarithmic) return (value - axis.low) / (axis.high - axis.low);
  const double clamped = std::max(value, axis.low);
  return std::log(clamped / axis.low) / std::log(axis.high / axis.low);
}

double x_of(const Plot& plot, double value) {
  return kLeft + share_of(plot.x, value) * (kWidth - kLeft - kRight);
}

double y_of(const Plot& plot, double value) {
  return kHeight - kBottom - share_of(plot.y, value) * (kHeight - kTop - kBottom);
}

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

void add_grid(std::string& out, const Plot& plot) {
  const double bottom = kHeight - kBottom;
  const double right = kWidth - kRight;
  for (const Tick& tick : plot.x.ticks) {
    const double x = x_of(plot, tick.at);
    add(out, R"(<line x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}" stroke="#e4e7eb"/>)", x, kTop,
        bottom);
    add(out, R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x, bottom + 18,
        escape_html(tick.label));
  }
  for (const Tick& tick : plot.y.ticks) {
    const double y = y_of(plot, tick.at);
    add(out, R"(<line x1="{1}" y1="{0:.1f}" x2="{2}" y2="{0:.1f}" stroke="#e4e7eb"/>)", y, kLeft,
        right);
    add(out, R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 8, y + 4,
        escape_html(tick.label));
  }
  add(out, R"(<path d="M{0} {1}V{2}H{3}" fill="none" stroke="#7b8794"/>)", kLeft, kTop, bottom,
      right);
}

void add_titles(std::string& out, const Plot& plot) {
  const double middle = (kLeft + kWidth - kRight) / 2;
  add(out, R"(<text x="{}" y="22" font-size="15" font-weight="600">{}</text>)", kLeft,
      escape_html(plot.title));
  add(out, R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", middle, kHeight - 14,
      escape_html(plot.x.title));
  add(out, R"svg(<text transform="translate(16 {}) rotate(-90)" text-anchor="middle">{}</text>)svg",
      (kTop + kHeight - kBottom) / 2, escape_html(plot.y.title));
}

void add_curve(std::string& out, const Plot& plot, const Curve& curve, size_t index) {
  out += R"(<polyline fill="none" stroke-width="1.8" stroke-linejoin="round" stroke=")";
  out += curve.color + R"(" points=")";
  for (const auto& [x, y] : curve.points) add(out, "{:.1f},{:.1f} ", x_of(plot, x), y_of(plot, y));
  out += R"("/>)";
  // A single point draws no line.
  if (curve.points.size() == 1) {
    add(out, R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>)",
        x_of(plot, curve.points[0].first), y_of(plot, curve.points[0].second), curve.color);
  }
  const double y = kTop + 8 + 20 * static_cast<double>(index);
  const double x = kWidth - kRight + 16;
  add(out, R"(<line x1="{0}" y1="{2}" x2="{1}" y2="{2}" stroke-width="3" stroke="{3}"/>)", x,
      x + 18, y, curve.color);
  add(out, R"(<text x="{}" y="{}">{}</text>)", x + 25, y + 4, escape_html(curve.name));
}

// The round number (1, 2 or 5 times a power of ten) at or above it.
double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (value <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Axis linear_axis(std::string title, double high) {
  Axis axis{.title = std::move(title)};
  const double step = round_up(std::max(high, 1e-9) / 8);
  const double steps = std::max(1.0, std::ceil(high / step - 1e-9));
  axis.high = steps * step;
  for (double i = 0; i <= steps; ++i)
    axis.ticks.push_back({i * step, fmt::format("{:.6g}", i * step)});
  return axis;
}

Axis log_axis(std::string title, double low, double high) {
  Axis axis{.title = std::move(title), .logarithmic = true};
  const double first = std::floor(std::log10(std::max(low, 1e-9)) + 1e-9);
  const double last = std::max(first + 1, std::ceil(std::log10(std::max(high, 1e-9)) - 1e-9));
  axis.low = std::pow(10, first);
  axis.high = std::pow(10, last);
  for (double decade = first; decade <= last; ++decade) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double at = factor * std::pow(10, decade);
      if (at > axis.high * (1 + 1e-9) || (factor != 1 && last - first > 3)) continue;
      axis.ticks.push_back({at, fmt::format("{:.6g}", at)});
    }
  }
  return axis;
}

std::string draw(const Plot& plot) {
  std::string out =
      fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" )"
                  R"(font-family="system-ui, sans-serif" font-size="12" fill="#323f4b">)",
                  kWidth, kHeight);
  add(out, R"(<title>{}</title><rect width="{}" height="{}" fill="#fff"/>)",
      escape_html(plot.title), kWidth, kHeight);
  add_grid(out, plot);
  add_titles(out, plot);
  for (size_t i = 0; i < plot.curves.size(); ++i) add_curve(out, plot, plot.curves[i], i);
  return out + "</svg>\n";
}

}  // namespace relais::load
