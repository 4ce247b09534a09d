// Durations and sizes as people write them, both ways. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace relais::config {

// "500ms", "5s", "10m", "2h", "1d", or Exchange's time span "hh:mm:ss" or "dd.hh:mm:ss". No sign,
// no fraction.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// In the largest unit that leaves no remainder: "10m", "90s".
[[nodiscard]] std::string print_duration(Duration duration);

// "4096", "64KB", "36MB", "1GB", "1TB" in octets; a unit is a power of 1024 and its case does not
// matter.
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);
// In the largest unit that leaves no remainder: "36MB", "1000".
[[nodiscard]] std::string print_size(uint64_t octets);

}  // namespace relais::config
