// The main thread's part of back pressure: reads what the machine and the cores have left, holds it
// against the thresholds (policy/pressure.h), says every change of state to the operator with the
// cure, keeps resources.json for `relais stats`, and makes what the cores are told. tick() about
// once a second; it polls every poll_interval.
// Failure: a figure that cannot be read counts as Normal; a file that cannot be written is said
// once.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "admin/core_figures.h"
#include "admin/machine.h"
#include "admin/pressure_report.h"
#include "config/model.h"
#include "policy/back_pressure.h"
#include "ring/kernel.h"

namespace relais::admin {

// What Letter::Kind::kPressure brings to each core.
struct PressureLetter {
  std::shared_ptr<const policy::BackPressure> answers;
  std::vector<policy::PressureChange> changes;  // for the log; one core writes them
};

class PressureKeeper {
 public:
  // `kernel`: for its clocks.
  PressureKeeper(ring::Kernel& kernel, std::string data_dir)
      : kernel_(kernel), data_dir_(std::move(data_dir)) {}

  void begin(int64_t pid);
  // Counts from the next tick() on, which polls whatever the time.
  void configure(const config::BackPressureSettings& settings);
  // `cores`: the sum of what they have said last. For all of them; null: there is nothing new.
  [[nodiscard]] std::shared_ptr<PressureLetter> tick(const CoreFigures& cores);
  // The server ends.
  void finish();

  [[nodiscard]] const PressureReport& report() const { return report_; }

 private:
  [[nodiscard]] policy::PressureFigures read(const CoreFigures& cores,
                                             policy::PressureLimits& limits) const;
  [[nodiscard]] std::shared_ptr<PressureLetter> poll(const CoreFigures& cores);
  [[nodiscard]] std::shared_ptr<PressureLetter> turn_off();
  void tell(const policy::PressureChange& change) const;
  void renew_report();
  void write();

  ring::Kernel& kernel_;
  std::string data_dir_;
  config::BackPressureSettings settings_;
  policy::ResourceStates states_;
  std::array<WallTime, policy::kResources> since_{};
  PressureReport report_;
  std::string written_;  // the report without its time
  Instant next_poll_;
  std::shared_ptr<const policy::BackPressure> answers_ =
      std::make_shared<const policy::BackPressure>();  // that the cores know
  bool off_ = false;                                   // and the cores know it
  bool broken_ = false;                                // said so already
};

}  // namespace relais::admin
