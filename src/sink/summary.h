// What a sink says of itself: while it runs and at its end. Pure.
#pragma once

#include <string>

#include "sink/figures.h"

namespace relais::sink {

// `cpu`: of the whole process, user and system.
[[nodiscard]] std::string summary_table(const Totals& totals, Duration cpu);
[[nodiscard]] std::string summary_json(const Totals& totals, Duration cpu);
// One line without its end. `before`: the totals `passed` ago.
[[nodiscard]] std::string progress_line(const Totals& totals, const Totals& before,
                                        Duration passed);

}  // namespace relais::sink
