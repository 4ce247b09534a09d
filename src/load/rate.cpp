#include "load/rate.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace relais::load {
namespace {

constexpr std::string_view kRateForm =
    "write messages a second, as in 500 or 0.5, or a ramp as in 100..2000";

bool parse_rate(std::string_view text, double& rate) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), rate, std::chars_format::fixed);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(rate);
}

}  // namespace

std::expected<RateSchedule, std::string> RateSchedule::parse(std::string_view text) {
  double first = 0;
  double last = 0;
  const size_t dots = text.find("..");
  const bool ramps = dots != std::string_view::npos;
  if (!parse_rate(text.substr(0, dots), first) ||
      !parse_rate(ramps ? text.substr(dots + 2) : text, last)) {
    return std::unexpected(fmt::format("'{}' is no rate; {}", text, kRateForm));
  }
  if (first <= 0 || last <= 0)
    return std::unexpected(fmt::format("a rate of {} never sends; {}", text, kRateForm));
  if (first > kRateMax || last > kRateMax)
    return std::unexpected(fmt::format("rate {} is too high: at most {:.0f}", text, kRateMax));
  return RateSchedule(first, last);
}

void RateSchedule::set(Duration hold, Duration ramp) {
  hold_ = static_cast<double>(hold.ns) / 1e9;
  ramp_ = static_cast<double>(ramp.ns) / 1e9;
}

double RateSchedule::rate_at(Duration when) const {
  const double t = static_cast<double>(when.ns) / 1e9 - hold_;
  if (t <= 0) return first_;
  return t >= ramp_ ? last_ : first_ + (last_ - first_) * t / ramp_;
}

// The integral of the rate: first * t in the hold, a parabola in the ramp, a line behind it.
double RateSchedule::number_at(double seconds) const {
  if (seconds <= hold_) return first_ * seconds;
  const double held = first_ * hold_;
  const double t = seconds - hold_;
  if (t <= ramp_) return held + first_ * t + (last_ - first_) * t * t / (2 * ramp_);
  return held + (first_ + last_) / 2 * ramp_ + last_ * (t - ramp_);
}

Duration RateSchedule::due(uint64_t number) const {
  const auto n = static_cast<double>(number);
  const double held = first_ * hold_;
  const double ramped = (first_ + last_) / 2 * ramp_;
  double seconds = 0;
  if (n <= held) {
    seconds = n / first_;
  } else if (n >= held + ramped) {
    seconds = hold_ + ramp_ + (n - held - ramped) / last_;
  } else {
    // a t^2 + first t = n - held, in the form that keeps its digits when a is small.
    const double a = (last_ - first_) / (2 * ramp_);
    const double left = n - held;
    seconds = hold_ + 2 * left / (first_ + std::sqrt(first_ * first_ + 4 * a * left));
  }
  return {static_cast<int64_t>(seconds * 1e9)};
}

uint64_t RateSchedule::due_by(Duration when) const {
  if (when.ns < 0) return 0;
  const double about = number_at(static_cast<double>(when.ns) / 1e9);
  auto number = static_cast<uint64_t>(about);
  // Rounding may be off by one either way.
  while (due(number) <= when) ++number;
  while (number > 0 && due(number - 1) > when) --number;
  return number;
}

}  // namespace relais::load
