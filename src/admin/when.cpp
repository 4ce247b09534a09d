#include "admin/when.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace relais::admin {
namespace {

// Takes exactly `digits` digits from the front.
std::optional<int> take_number(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// "10:20[:30[.123]]"
std::optional<Duration> take_time_of_day(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  Duration time = hours(*hour) + minutes(*minute);
  if (!take(text, ':')) return time;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  time = time + seconds(*second);
  if (!take(text, '.')) return time;
  const auto thousandth = take_number(text, 3);
  if (!thousandth) return std::nullopt;
  return time + milliseconds(*thousandth);
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // What nanoseconds in 64 bits can say.
  if (!date.ok() || *year < 1970 || *year > 2200) return std::nullopt;
  Duration time;
  if (take(text, 'T') || take(text, ' ')) {
    const auto of_day = take_time_of_day(text);
    if (!of_day) return std::nullopt;
    time = *of_day;
    [[maybe_unused]] const bool utc = take(text, 'Z');
  }
  if (!text.empty()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return WallTime{} + hours(days * 24) + time;
}

std::optional<WallTime> parse_time_or_age(std::string_view text, WallTime now) {
  if (const auto time = parse_time(text)) return time;
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || unit + 1 != end || count < 0 || count > 1'000'000'000)
    return std::nullopt;
  int64_t unit_seconds = 0;
  switch (*unit) {
    case 's':
      unit_seconds = 1;
      break;
    case 'm':
      unit_seconds = 60;
      break;
    case 'h':
      unit_seconds = 3600;
      break;
    case 'd':
      unit_seconds = 86'400;
      break;
    case 'w':
      unit_seconds = 7 * 86'400;
      break;
    default:
      return std::nullopt;
  }
  const int64_t age = std::min(count * unit_seconds, now.ns / 1'000'000'000);
  return now + seconds(-age);
}

std::string ago(WallTime time, WallTime now) {
  if (time.ns == 0) return "never";
  const int64_t age = std::max<int64_t>(0, (now - time).seconds());
  if (age < 120) return fmt::format("{} s ago", age);
  if (age < 7200) return fmt::format("{} min ago", age / 60);
  if (age < 86'400) return fmt::format("{} h ago", age / 3600);
  return iso8601(time).substr(0, 10);
}

std::string for_people(WallTime time) {
  std::string text = iso8601(time).substr(0, 19);
  text[10] = ' ';
  return text + " UTC";
}

}  // namespace relais::admin
