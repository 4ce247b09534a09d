#include "base/clock.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include "base/decimal.h"

namespace relais {
namespace {

std::tm broken_down(WallTime time) {
  std::time_t whole = static_cast<std::time_t>(time.ns / 1'000'000'000);
  std::tm tm{};
  gmtime_r(&whole, &tm);
  return tm;
}

// hh:mm:ss
char* put_time(char* at, const std::tm& tm) {
  at = put_digits(at, static_cast<uint32_t>(tm.tm_hour), 2);
  *at++ = ':';
  at = put_digits(at, static_cast<uint32_t>(tm.tm_min), 2);
  *at++ = ':';
  return put_digits(at, static_cast<uint32_t>(tm.tm_sec), 2);
}

char* put(char* at, std::string_view text) { return std::ranges::copy(text, at).out; }

}  // namespace

std::string rfc5322_date(WallTime time) {
  // Names are spelt out here because strftime's follow the locale.
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                            "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm tm = broken_down(time);
  std::array<char, 64> text{};
  char* at = put(text.data(), kDays[static_cast<size_t>(tm.tm_wday)]);
  at = put(at, ", ");
  at = put_decimal(at, static_cast<uint64_t>(tm.tm_mday));
  *at++ = ' ';
  at = put(at, kMonths[static_cast<size_t>(tm.tm_mon)]);
  *at++ = ' ';
  at = put_decimal(at, static_cast<uint64_t>(tm.tm_year + 1900));
  *at++ = ' ';
  at = put_time(at, tm);
  return {text.data(), put(at, " +0000")};
}

std::string iso8601(WallTime time) {
  const std::tm tm = broken_down(time);
  std::array<char, 64> text{};
  char* at = put_digits(text.data(), static_cast<uint32_t>(tm.tm_year + 1900), 4);
  *at++ = '-';
  at = put_digits(at, static_cast<uint32_t>(tm.tm_mon + 1), 2);
  *at++ = '-';
  at = put_digits(at, static_cast<uint32_t>(tm.tm_mday), 2);
  *at++ = 'T';
  at = put_time(at, tm);
  *at++ = '.';
  at = put_digits(at, static_cast<uint32_t>(time.ns / 1'000'000 % 1000), 3);
  *at++ = 'Z';
  return {text.data(), at};
}

}  // namespace relais
