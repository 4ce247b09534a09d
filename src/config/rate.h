// Rates as people write them: "600/min", "10/s", "10/15s", "50MB/min". Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "policy/limit.h"

namespace relais::config {

// What a bucket can count (policy/bucket.h): an event a nanosecond.
inline constexpr uint64_t kRateMax = 1'000'000'000;  // a second

// `octets`: the count may be a size. Unexpected: what is wrong with it. At least 1 in 365 days, at
// most kRateMax a second.
[[nodiscard]] std::expected<policy::Rate, std::string> parse_rate(std::string_view text,
                                                                  bool octets);
// In the form that is read: "600/min", of octets "50MB/min".
[[nodiscard]] std::string print_rate(const policy::Rate& rate, bool octets);

// May the rate be so much higher? Steps above the first are buckets of `percent` of it.
[[nodiscard]] bool is_countable(const policy::Rate& rate, uint32_t percent);

// "1200/min", "1200/min with a burst of 100", "40 at one time".
[[nodiscard]] std::string amount_text(const policy::Limit& limit);

}  // namespace relais::config
