// When each message of an open loop is due: at a constant rate, or at one that grows (or falls)
// evenly from the first to the last within `ramp` and stays there. Before that the first rate holds
// for `hold` (the warm-up). Messages are numbered from 0, and due times come from the number alone,
// so being late never changes what is due. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace relais::load {

class RateSchedule {
 public:
  static constexpr double kRateMax = 10'000'000;

  // "500", "0.5", "100..2000": messages a second.
  [[nodiscard]] static std::expected<RateSchedule, std::string> parse(std::string_view text);
  RateSchedule(double first, double last) : first_(first), last_(last) {}

  void set(Duration hold, Duration ramp);
  [[nodiscard]] double first() const { return first_; }
  [[nodiscard]] double last() const { return last_; }
  [[nodiscard]] bool ramps() const { return first_ != last_; }

  // Messages a second at that time.
  [[nodiscard]] double rate_at(Duration when) const;
  // From the start of the run. Message 0 is due at once.
  [[nodiscard]] Duration due(uint64_t number) const;
  // How many are due by then: due(n) <= `when` for n < due_by(when).
  [[nodiscard]] uint64_t due_by(Duration when) const;

 private:
  [[nodiscard]] double number_at(double seconds) const;

  double first_;
  double last_;
  double hold_ = 0;  // seconds
  double ramp_ = 0;
};

}  // namespace relais::load
