// How long CPUs had nothing to do: whether there is one for another busy thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"

namespace relais {

// The sum over these CPUs since the system began; in steps of 10 ms as a rule. Time in which a CPU
// waits for a disk counts. Null: the system does not tell. Reads /proc/stat, which takes as long as
// many messages on a large machine: for a few times a second.
[[nodiscard]] std::optional<Duration> idle_time(std::span<const uint32_t> cpus);

// Of the text of that file (proc_stat(5)); `tick` is 1 / USER_HZ.
[[nodiscard]] std::optional<Duration> idle_time_in(std::string_view stat, Duration tick,
                                                   std::span<const uint32_t> cpus);

}  // namespace relais
