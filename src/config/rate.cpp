#include "config/rate.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "config/values.h"

namespace relais::config {
namespace {

constexpr Duration kPeriodMax = hours(24 * 365);

struct TimeUnit {
  std::string_view name;
  Duration length;
};
constexpr TimeUnit kTimeUnits[] = {{"s", seconds(1)}, {"sec", seconds(1)}, {"second", seconds(1)},
                                   {"m", minutes(1)}, {"min", minutes(1)}, {"minute", minutes(1)},
                                   {"h", hours(1)},   {"hour", hours(1)},  {"d", hours(24)},
                                   {"day", hours(24)}};

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::expected<uint64_t, std::string> parse_count(std::string_view text, bool octets) {
  if (text.empty()) return std::unexpected("the count is missing");
  std::optional<uint64_t> count;
  if (octets || is_digits(text)) count = parse_size(text);
  if (!count) {
    if (is_digits(text)) return std::unexpected("the count is too large");
    if (!octets && parse_size(text)) return std::unexpected("sizes are for bytes only");
    return std::unexpected(
        fmt::format("'{}' is no {}", text, octets ? "size" : "whole number above 0"));
  }
  if (*count == 0) return std::unexpected("the count is 0");
  return *count;
}

std::expected<Duration, std::string> parse_period(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  int64_t number = 1;
  if (digits > 0) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + digits, number);
    if (code != std::errc()) return std::unexpected("the period is longer than 365 days");
  }
  const std::string_view name = text.substr(digits);
  if (name.empty()) {
    return std::unexpected(digits == 0 ? "the period is missing" : "the period has no unit");
  }
  for (const TimeUnit& unit : kTimeUnits) {
    if (name != unit.name) continue;
    if (number == 0) return std::unexpected("the period is 0");
    if (number > kPeriodMax.ns / unit.length.ns) {
      return std::unexpected("the period is longer than 365 days");
    }
    return unit.length * number;
  }
  return std::unexpected(fmt::format("'{}' is no unit of time; those are s, min, h and d", name));
}

}  // namespace

std::expected<policy::Rate, std::string> parse_rate(std::string_view text, bool octets) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::unexpected("the period is missing");
  const auto count = parse_count(text.substr(0, slash), octets);
  if (!count) return std::unexpected(count.error());
  const auto period = parse_period(text.substr(slash + 1));
  if (!period) return std::unexpected(period.error());
  const policy::Rate rate{*count, *period};
  if (!is_countable(rate, 100)) {
    return std::unexpected(fmt::format("more than {} a second", kRateMax));
  }
  return rate;
}

std::string print_rate(const policy::Rate& rate, bool octets) {
  const std::string text = policy::to_string(rate);
  return octets ? print_size(rate.count) + text.substr(text.find('/')) : text;
}

bool is_countable(const policy::Rate& rate, uint32_t percent) {
  static_assert(kRateMax == static_cast<uint64_t>(seconds(1).ns));
  return rate.count <= static_cast<uint64_t>(rate.period.ns) * 100 / percent;
}

std::string amount_text(const policy::Limit& limit) {
  if (limit.measure == policy::Measure::kConcurrent)
    return fmt::format("{} at one time", limit.burst);
  const bool octets = limit.measure == policy::Measure::kBytes;
  std::string text = print_rate(limit.rate, octets);
  if (limit.burst == limit.rate.count) return text;
  text += " with a burst of ";
  return text += octets ? print_size(limit.burst) : std::to_string(limit.burst);
}

}  // namespace relais::config
