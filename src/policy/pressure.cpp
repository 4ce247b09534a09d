#include "policy/pressure.h"

#include <algorithm>

namespace relais::policy {
namespace {

constexpr uint64_t kDiskKeptFree = 500ULL << 20;

constexpr std::array<std::string_view, kResources> kNames{"memory", "system_memory", "spool_disk",
                                                          "spool", "queue"};

Pressure judge(const PressureThresholds& limits, Pressure before, uint64_t figure) {
  if (figure >= limits.high) return Pressure::kHigh;
  if (before == Pressure::kHigh && figure >= limits.high_ends) return Pressure::kHigh;
  if (figure >= limits.medium) return Pressure::kMedium;
  if (before != Pressure::kNormal && figure >= limits.medium_ends) return Pressure::kMedium;
  return Pressure::kNormal;
}

void poll_one(ResourceState& state, std::optional<uint64_t> figure,
              const PressureThresholds& limits, Instant now) {
  const Pressure before = state.thresholds == limits ? state.pressure : Pressure::kNormal;
  const Pressure after = figure ? judge(limits, before, *figure) : Pressure::kNormal;
  state.figure = figure;
  state.thresholds = limits;
  if (after != state.pressure) state.since = now;
  if (after == Pressure::kNormal) {
    state.polls = 0;
  } else {
    if (state.pressure == Pressure::kNormal) state.troubled = now;
    if (state.polls < UINT32_MAX) ++state.polls;
  }
  state.pressure = after;
}

}  // namespace

const std::array<Resource, kResources>& all_resources() {
  using enum Resource;
  static constexpr std::array<Resource, kResources> kAll{kMemory, kSystemMemory, kSpoolDisk, kSpool,
                                                         kQueue};
  return kAll;
}

std::string_view name_of(Resource resource) { return kNames[static_cast<size_t>(resource)]; }

std::string threshold_text(Resource resource, uint64_t threshold) {
  std::string text = std::to_string(threshold);
  if (resource != Resource::kQueue) text += " %";
  return text;
}

std::string figure_text(Resource resource, uint64_t figure) {
  std::string text = threshold_text(resource, figure);
  text += resource != Resource::kQueue ? " used" : figure == 1 ? " message" : " messages";
  return text;
}

std::string_view name_of(Pressure pressure) {
  switch (pressure) {
    case Pressure::kNormal:
      return "Normal";
    case Pressure::kMedium:
      return "Medium";
    case Pressure::kHigh:
      return "High";
  }
  return "";
}

PressureThresholds for_disk(PressureThresholds thresholds, uint64_t size_octets) {
  if (size_octets <= kDiskKeptFree) return thresholds;
  // In this order nothing overflows below 2^57 octets.
  const uint64_t room = 100 * (size_octets - kDiskKeptFree) / size_octets;
  const uint64_t lowest = std::max(thresholds.high_ends, thresholds.medium + 1);
  thresholds.high = std::min(thresholds.high, std::max(room, lowest));
  return thresholds;
}

std::vector<PressureChange> ResourceStates::poll(const PressureFigures& figures,
                                                 const PressureLimits& limits, Instant now) {
  std::vector<PressureChange> changes;
  for (const Resource resource : all_resources()) {
    const auto index = static_cast<size_t>(resource);
    ResourceState& state = states_[index];
    const Pressure before = state.pressure;
    poll_one(state, figures[index], limits[index], now);
    if (state.pressure != before) {
      changes.push_back(
          {resource, before, state.pressure, state.figure.value_or(0), state.thresholds});
    }
  }
  return changes;
}

}  // namespace relais::policy
