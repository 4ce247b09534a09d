// What the states of the resources mean for a client at MAIL (docs/limits.md, "Back pressure"):
// Medium refuses those whom we need not trust, High refuses everybody, both with 452 4.3.1. An
// immutable value, made after each poll and handed to the cores; looking costs a branch.
#pragma once

#include <array>
#include <string>

#include "base/clock.h"
#include "policy/pressure.h"
#include "policy/snapshot.h"

namespace relais::policy {

// How long a resource that was not Normal all the time may be Medium before that refuses mail; by
// resource, 0: at once.
using PressureHistory = std::array<Duration, kResources>;

class BackPressure {
 public:
  BackPressure() = default;  // nothing is wrong
  BackPressure(const ResourceStates& states, const PressureHistory& history, Instant now);

  // `internal`: ReceiveConnector::is_internal(). Texts are valid as long as this object.
  [[nodiscard]] Decision mail(bool internal) const;
  // How long the reply to a MAIL that is taken has to wait, 0 when it need not: a queue that is
  // Medium slows its clients down first. And why.
  [[nodiscard]] Duration wait(bool internal) const { return internal ? Duration{} : wait_; }
  [[nodiscard]] const std::string& wait_reason() const { return wait_reason_; }
  friend bool operator==(const BackPressure&, const BackPressure&) = default;

 private:
  struct Refusal {
    Pressure pressure = Pressure::kNormal;  // Normal: there is none
    std::string text;
    std::string reason;
    friend bool operator==(const Refusal&, const Refusal&) = default;
  };
  void consider(Resource resource, const ResourceState& state, Duration history, Instant now);

  Refusal external_;
  Refusal internal_;
  Duration wait_;
  std::string wait_reason_;
};

}  // namespace relais::policy
