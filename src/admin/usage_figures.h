// What is counted for a range entry, and summed for its connector. A value; 168 octets.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "admin/refusals.h"
#include "base/clock.h"

namespace relais::admin {

struct UsageFigures {
  uint64_t connections = 0;
  uint64_t ended = 0;  // of them; what is missing is there now
  uint64_t messages = 0;
  uint64_t recipients = 0;
  uint64_t octets = 0;  // of content
  std::array<uint64_t, kRefusals> refusals{};
  WallTime first_seen;  // 0: never
  WallTime last_seen;

  void see(WallTime now) {
    if (first_seen.ns == 0 || now < first_seen) first_seen = now;
    last_seen = std::max(last_seen, now);
  }
  void add(const UsageFigures& other) {
    connections += other.connections;
    ended += other.ended;
    messages += other.messages;
    recipients += other.recipients;
    octets += other.octets;
    for (size_t i = 0; i < kRefusals; ++i) refusals[i] += other.refusals[i];
    if (other.first_seen.ns != 0) see(other.first_seen);
    if (other.last_seen.ns != 0) see(other.last_seen);
  }
  [[nodiscard]] uint64_t refused() const {
    return std::accumulate(refusals.begin(), refusals.end(), uint64_t{0});
  }
  [[nodiscard]] uint64_t sessions() const { return connections - std::min(ended, connections); }

  friend bool operator==(const UsageFigures&, const UsageFigures&) = default;
};

}  // namespace relais::admin
