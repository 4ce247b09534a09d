// Time as values. Instant is monotonic and is what every decision uses (timers, limits, retries
// while running); WallTime is for what people and other machines read (Received fields, logs, the
// spool). Nobody outside ring reads a clock: both are handed in as arguments.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace relais {

// Nanoseconds; may be negative.
struct Duration {
  int64_t ns = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, int64_t k) { return {a.ns * k}; }
  [[nodiscard]] constexpr int64_t ms() const { return ns / 1'000'000; }
  [[nodiscard]] constexpr int64_t seconds() const { return ns / 1'000'000'000; }
};
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }
constexpr Duration minutes(int64_t n) { return seconds(n * 60); }
constexpr Duration hours(int64_t n) { return minutes(n * 60); }

// How long to leave something alone after so many failures in a row (from 1): twice as long after
// each, but never longer than `longest`.
constexpr Duration growing_wait(Duration first, Duration longest, uint32_t failures) {
  Duration wait = first;
  for (uint32_t i = 1; i < failures && wait < longest; ++i) wait = wait + wait;
  return wait < longest ? wait : longest;
}

// Nanoseconds since an arbitrary start (boot). Zero means "never" or "not set" where a header says
// so.
struct Instant {
  int64_t ns = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration d) { return {a.ns + d.ns}; }
  friend constexpr Instant operator-(Instant a, Duration d) { return {a.ns - d.ns}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};

// Nanoseconds since 1970-01-01T00:00:00Z.
struct WallTime {
  int64_t ns = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime a, Duration d) { return {a.ns + d.ns}; }
  friend constexpr Duration operator-(WallTime a, WallTime b) { return {a.ns - b.ns}; }
};

// "Fri, 5 Aug 2016 16:24:41 +0000": RFC 5322 date-time, UTC, day not zero padded (as Exchange
// prints it).
[[nodiscard]] std::string rfc5322_date(WallTime time);

// "2016-08-05T16:24:41.123Z"
[[nodiscard]] std::string iso8601(WallTime time);

}  // namespace relais
