// How the limits of a configuration stand: what each has done, and how full it is for the busiest
// clients of its connector. Read from the buckets that the cores work on, without a lock and
// without disturbing them. Bounded: a limit has four counts and at most as many levels as a
// connector has clients that are named (Metrics::kTopSources).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/limit_set.h"

namespace relais::admin {

struct LimitMetrics {
  static constexpr size_t kActions = 4;  // by LimitAction

  struct Level {
    std::string source;  // empty: of the connector as a whole
    double level = 0;    // 0: untouched; 1: nothing is left
  };

  std::string connector;  // empty: of the server as a whole
  std::string limit;      // "messages/source", or Exchange's parameter
  std::array<uint64_t, kActions> events{};
  std::array<bool, kActions> own{};  // actions that the limit is written with
  double delayed_seconds = 0;
  std::vector<Level> levels;  // of limits by connector, source and prefix
  std::string terms = {};     // config::allowance_text()
};

// A connector of the configuration that `set` was compiled from, in its order.
struct LimitedConnector {
  std::string name;
  std::vector<IpAddress> sources;  // those whose levels are wanted
};

[[nodiscard]] std::vector<LimitMetrics> limit_metrics(
    const policy::LimitSet& set, const std::vector<LimitedConnector>& connectors, Instant now);

}  // namespace relais::admin
