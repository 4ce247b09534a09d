// Points in time as people write them on the command line and as our files hold them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace relais::admin {

// "2026-01-31", "2026-01-31T10:20", "...:30", "...:30.123", each with or without "Z"; always UTC.
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);
// The same, or how long ago: "90s", "15m", "12h", "30d", "4w".
[[nodiscard]] std::optional<WallTime> parse_time_or_age(std::string_view text, WallTime now);
// "12 s ago", "3 min ago", "5 h ago", then the day: "2026-01-31". 0: "never".
[[nodiscard]] std::string ago(WallTime time, WallTime now);
// "2026-01-31 10:20:30 UTC"
[[nodiscard]] std::string for_people(WallTime time);

}  // namespace relais::admin
