// A run, told afterwards: as a table for people, as one JSON object, as a page with plots. Pure.
#pragma once

#include <string>

#include "base/clock.h"
#include "load/plan.h"
#include "load/tally.h"

namespace relais::load {

struct Run {
  const Plan& plan;
  const Tally& tally;
  Duration counted{};   // without the warm-up
  Duration user_cpu{};  // ours, within that
  Duration system_cpu{};
  WallTime began{};
  std::string version;
  std::string problem;  // why it ended early; empty: it did not
  bool interrupted = false;
};

[[nodiscard]] std::string text_report(const Run& run);
[[nodiscard]] std::string json_report(const Run& run);  // with a line end
[[nodiscard]] std::string html_report(const Run& run);

// What was asked for, in a line: "closed loop, 10 sessions, lock-step, to 127.0.0.1:2525".
[[nodiscard]] std::string describe(const Plan& plan);
[[nodiscard]] std::string_view name_of(Mode mode);

// Messages a second; 0 where no time was counted.
[[nodiscard]] double per_second(const Run& run, uint64_t count);
// "8749", "0.5": three digits that mean something.
[[nodiscard]] std::string rate_text(double rate);
// Our own CPU time for a message that was decided, in microseconds.
[[nodiscard]] double cpu_us_per_message(const Run& run);
[[nodiscard]] constexpr double in_ms(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

}  // namespace relais::load
