// [back_pressure] as policy wants it, and its thresholds against each other.
#include <fmt/format.h>

#include <array>

#include "config/checks.h"

namespace relais::config {
namespace {

struct Pair {
  std::string_view lower;
  uint64_t low;
  std::string_view upper;
  uint64_t high;
  bool may_be_equal;
};

std::string cure_for(std::string_view resource) {
  return fmt::format(
      "Write {0}_medium_ends <= {0}_medium < {0}_high and {0}_medium_ends <= {0}_high_ends <= "
      "{0}_high",
      resource);
}

void check_thresholds(std::string_view resource, const policy::PressureThresholds& limits,
                      const KeyLines& lines, const Place& section) {
  const std::array<Pair, 4> pairs{{
      {"medium", limits.medium, "high", limits.high, false},
      {"medium_ends", limits.medium_ends, "medium", limits.medium, true},
      {"high_ends", limits.high_ends, "high", limits.high, true},
      {"medium_ends", limits.medium_ends, "high_ends", limits.high_ends, true},
  }};
  for (const Pair& pair : pairs) {
    if (pair.low < pair.high || (pair.may_be_equal && pair.low == pair.high)) continue;
    std::string name = fmt::format("{}_{}", resource, pair.lower);
    std::string other = fmt::format("{}_{}", resource, pair.upper);
    // Where the file does not write the lower one, the upper one is what the operator wrote.
    const bool at_lower = lines.has(name);
    const std::string what =
        at_lower ? fmt::format("{} is not below {} ({})", pair.low, other, pair.high)
                 : fmt::format("{} is not above {} ({})", pair.high, name, pair.low);
    key_of(section, lines, at_lower ? name : other)
        .error(Rule::kLimitsContradict, what, cure_for(resource));
    return;  // one cure for all four
  }
}

}  // namespace

policy::PressureLimits BackPressureSettings::limits() const {
  return {{{memory_medium, memory_high, memory_high_ends, memory_medium_ends},
           {system_memory_medium, system_memory_high, system_memory_high_ends,
            system_memory_medium_ends},
           {spool_disk_medium, spool_disk_high, spool_disk_high_ends, spool_disk_medium_ends},
           {spool_medium, spool_high, spool_high_ends, spool_medium_ends},
           {queue_medium, queue_high, queue_high_ends, queue_medium_ends}}};
}

policy::PressureHistory BackPressureSettings::history() const {
  return {memory_history, {}, {}, {}, queue_history};
}

void check_back_pressure(const ModelDraft& model, const Place& place) {
  const Place section = place.key("back_pressure", 0);
  const policy::PressureLimits limits = model.back_pressure.limits();
  for (const policy::Resource resource : policy::all_resources()) {
    check_thresholds(name_of(resource), limits[static_cast<size_t>(resource)],
                     model.back_pressure_lines, section);
  }
}

}  // namespace relais::config
