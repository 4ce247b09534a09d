#include "base/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace relais {
namespace {

std::tm broken_down(WallTime time) {
  std::time_t whole = static_cast<std::time_t>(time.ns / 1'000'000'000);
  std::tm tm{};
  gmtime_r(&whole, &tm);
  return tm;
}

}  // namespace

std::string rfc5322_date(WallTime time) {
  // Names are spelt out here because strftime's follow the locale.
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm tm = broken_down(time);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%s, %d %s %d %02d:%02d:%02d +0000",
                                   kDays[static_cast<size_t>(tm.tm_wday)], tm.tm_mday,
                                   kMonths[static_cast<size_t>(tm.tm_mon)], tm.tm_year + 1900,
                                   tm.tm_hour, tm.tm_min, tm.tm_sec);
  return {text.data(), static_cast<size_t>(length)};
}

std::string iso8601(WallTime time) {
  const std::tm tm = broken_down(time);
  const int ms = static_cast<int>(time.ns / 1'000'000 % 1000);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                   tm.tm_min, tm.tm_sec, ms);
  return {text.data(), static_cast<size_t>(length)};
}

}  // namespace relais
