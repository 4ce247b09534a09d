// What `relais replay` prints: what was, what would be, and the difference. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admin/replay.h"

namespace relais::admin {

// How the reading went.
struct ReplayReading {
  std::vector<std::string> files;
  std::string config;
  uint64_t lines = 0;
  uint64_t used = 0;   // about what clients did
  uint64_t other = 0;  // deliveries, hosts, resources
  uint64_t unreadable = 0;
  std::string first_unreadable;  // "FILE:17: it has no \"time\""
};

[[nodiscard]] std::string replay_text(const Replay& replay, const ReplayReading& reading);
[[nodiscard]] std::string replay_json(const Replay& replay, const ReplayReading& reading);

}  // namespace relais::admin
