// Bounds of parameters, in the units that a row of the table has them in.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace relais::config {

inline constexpr uint64_t kKiB = 1ULL << 10;
inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;
inline constexpr uint64_t kTiB = 1ULL << 40;
inline constexpr size_t kUpstreamsMax = 64;  // of one connector
inline constexpr uint64_t kCountMax = 2'147'483'647;

constexpr uint64_t ns(Duration duration) { return static_cast<uint64_t>(duration.ns); }
inline constexpr uint64_t kDay = ns(hours(24));

}  // namespace relais::config
