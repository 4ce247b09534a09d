#include "config/values.h"

#include <fmt/format.h>

#include <charconv>

#include "policy/ascii.h"

namespace relais::config {
namespace {

// Digits at the front of `text`, which is moved behind them; at most nine, so that no product can
// overflow.
std::optional<int64_t> take_number(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || digits > 9) return std::nullopt;
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return number;
}

std::optional<int64_t> take_clock_field(std::string_view& text, int64_t limit) {
  const size_t before = text.size();
  const auto number = take_number(text);
  if (!number || before - text.size() > 2 || *number >= limit) return std::nullopt;
  return number;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Duration> parse_time_span(std::string_view text) {
  int64_t days = 0;
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    std::string_view front = text.substr(0, dot);
    const auto number = take_number(front);
    if (!number || !front.empty() || *number > 36'500) return std::nullopt;
    days = *number;
    text.remove_prefix(dot + 1);
  }
  const auto hour = take_clock_field(text, 24);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_clock_field(text, 60);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_clock_field(text, 60);
  if (!second || !text.empty()) return std::nullopt;
  return hours(days * 24 + *hour) + minutes(*minute) + seconds(*second);
}

struct DurationUnit {
  std::string_view name;
  Duration length;
};
constexpr DurationUnit kDurationUnits[] = {{"d", hours(24)},
                                           {"h", hours(1)},
                                           {"m", minutes(1)},
                                           {"s", seconds(1)},
                                           {"ms", milliseconds(1)}};

struct SizeUnit {
  std::string_view name;
  uint64_t octets;
};
constexpr SizeUnit kSizeUnits[] = {
    {"TB", 1ULL << 40}, {"GB", 1ULL << 30}, {"MB", 1ULL << 20}, {"KB", 1ULL << 10}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_time_span(text);
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  for (const auto& unit : kDurationUnits) {
    if (text != unit.name) continue;
    if (*number > INT64_MAX / unit.length.ns) return std::nullopt;
    return unit.length * *number;
  }
  return std::nullopt;
}

std::string print_duration(Duration duration) {
  for (const auto& unit : kDurationUnits) {
    if (duration.ns != 0 && duration.ns % unit.length.ns == 0) {
      return fmt::format("{}{}", duration.ns / unit.length.ns, unit.name);
    }
  }
  return duration.ns == 0 ? "0s" : fmt::format("{}ns", duration.ns);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  if (name.empty() || policy::equal_ignoring_case(name, "B")) return number;
  for (const auto& unit : kSizeUnits) {
    if (!policy::equal_ignoring_case(name, unit.name)) continue;
    if (number > UINT64_MAX / unit.octets) return std::nullopt;
    return number * unit.octets;
  }
  return std::nullopt;
}

std::string print_size(uint64_t octets) {
  for (const auto& unit : kSizeUnits) {
    if (octets != 0 && octets % unit.octets == 0) {
      return fmt::format("{}{}", octets / unit.octets, unit.name);
    }
  }
  return std::to_string(octets);
}

}  // namespace relais::config
