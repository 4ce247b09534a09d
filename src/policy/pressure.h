// Resources that a server can run out of, and how badly it does: Normal, Medium or High, each with
// two thresholds, so that a state does not flutter (exchange-reference.md section 7.3). Figures and
// time come in, states go out; what they mean for a client is back_pressure.h. Cannot fail: a
// figure that is not known counts as Normal, because refusing mail would not make it known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais::policy {

enum class Resource : uint8_t {
  kMemory,        // private memory of the process, percent of what it may use
  kSystemMemory,  // used memory of the machine or of our control group, percent
  kSpoolDisk,     // used space of the file system that holds the spool, percent
  kSpool,         // what waits in the spool, percent of what it may hold
  kQueue,         // messages that wait for delivery
};
inline constexpr size_t kResources = 5;
[[nodiscard]] const std::array<Resource, kResources>& all_resources();
[[nodiscard]] std::string_view name_of(Resource resource);  // "spool_disk"
// "99 % used", "1000213 messages"
[[nodiscard]] std::string figure_text(Resource resource, uint64_t figure);
// "99 %", "1000213"
[[nodiscard]] std::string threshold_text(Resource resource, uint64_t threshold);

enum class Pressure : uint8_t { kNormal, kMedium, kHigh };
[[nodiscard]] std::string_view name_of(Pressure pressure);  // "Medium"

// A state begins at its figure and ends below the other one. Order: medium_ends <= medium < high,
// medium_ends <= high_ends <= high.
struct PressureThresholds {
  uint64_t medium = 0;
  uint64_t high = 0;
  uint64_t high_ends = 0;
  uint64_t medium_ends = 0;
  friend bool operator==(const PressureThresholds&, const PressureThresholds&) = default;

  // Where `pressure` (not Normal) begins, and below what it ends.
  [[nodiscard]] uint64_t begin_of(Pressure pressure) const {
    return pressure == Pressure::kHigh ? high : medium;
  }
  [[nodiscard]] uint64_t end_of(Pressure pressure) const {
    return pressure == Pressure::kHigh ? high_ends : medium_ends;
  }
};

// High of a disk begins while 500 MB are free, should that be earlier; but never so early that the
// order of the thresholds is lost: on a small disk only the percentages count.
[[nodiscard]] PressureThresholds for_disk(PressureThresholds thresholds, uint64_t size_octets);

// By resource.
using PressureLimits = std::array<PressureThresholds, kResources>;
using PressureFigures = std::array<std::optional<uint64_t>, kResources>;

// One resource over time.
struct ResourceState {
  Pressure pressure = Pressure::kNormal;
  std::optional<uint64_t> figure;  // of the last poll; empty: not known
  PressureThresholds thresholds;   // that it was held against
  Instant since;                   // when this state began
  Instant troubled;                // when Normal was left
  uint32_t polls = 0;              // since then, that one included
};

struct PressureChange {
  Resource resource = Resource::kMemory;
  Pressure before = Pressure::kNormal;
  Pressure after = Pressure::kNormal;
  uint64_t figure = 0;  // 0 when it is not known any more
  PressureThresholds thresholds;
};

class ResourceStates {
 public:
  // Resources whose state is another one now. Thresholds that differ from those of the last poll
  // judge the figure afresh: what was between the old ones does not hold a state up.
  std::vector<PressureChange> poll(const PressureFigures& figures, const PressureLimits& limits,
                                   Instant now);
  [[nodiscard]] const ResourceState& of(Resource resource) const {
    return states_[static_cast<size_t>(resource)];
  }

 private:
  std::array<ResourceState, kResources> states_;
};

}  // namespace relais::policy
