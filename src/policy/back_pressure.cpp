#include "policy/back_pressure.h"

#include <algorithm>

namespace relais::policy {
namespace {

// The tarpit of Exchange: 10 s, and 5 s more with each poll, up to 55 s.
constexpr Duration kWaitFirst = seconds(10);
constexpr Duration kWaitStep = seconds(5);
constexpr Duration kWaitMax = seconds(55);

Duration wait_after(uint32_t polls) {
  const int64_t steps = std::min<int64_t>(polls - 1, kWaitMax.ns / kWaitStep.ns);
  return std::min(kWaitMax, kWaitFirst + kWaitStep * steps);
}

std::string reason_of(Resource resource, const ResourceState& state) {
  std::string text = "back pressure: ";
  text.append(name_of(resource)).append(" is ").append(name_of(state.pressure)).append(" with ");
  text += figure_text(resource, *state.figure);
  text += " (from " + threshold_text(resource, state.thresholds.begin_of(state.pressure));
  text += ", until below " + threshold_text(resource, state.thresholds.end_of(state.pressure));
  text += ')';
  return text;
}

std::string reply_of(Resource resource, const ResourceState& state) {
  std::string text = "Insufficient system resources (";
  text.append(name_of(resource)).append(1, ' ').append(name_of(state.pressure)).append(", ");
  text += figure_text(resource, *state.figure);
  text += ')';
  return text;
}

}  // namespace

BackPressure::BackPressure(const ResourceStates& states, const PressureHistory& history,
                           Instant now) {
  for (const Resource resource : all_resources())
    consider(resource, states.of(resource), history[static_cast<size_t>(resource)], now);
}

// The worst resource is named, of equals the first.
void BackPressure::consider(Resource resource, const ResourceState& state, Duration history,
                            Instant now) {
  if (state.pressure == Pressure::kNormal) return;
  const bool high = state.pressure == Pressure::kHigh;
  // Exchange throws caches away, of which we have none, and refuses nobody.
  if (!high && resource == Resource::kSystemMemory) return;
  const bool refuses = high || now - state.troubled >= history;
  if (!refuses && resource == Resource::kQueue) {
    wait_ = wait_after(state.polls);
    wait_reason_ = reason_of(resource, state);
  }
  if (!refuses) return;
  const Refusal refusal{state.pressure, reply_of(resource, state), reason_of(resource, state)};
  if (state.pressure > external_.pressure) external_ = refusal;
  if (high && internal_.pressure == Pressure::kNormal) internal_ = refusal;
}

Decision BackPressure::mail(bool internal) const {
  const Refusal& refusal = internal ? internal_ : external_;
  if (refusal.pressure == Pressure::kNormal) return {.allowed = true, .text = {}, .reason = {}};
  return {.allowed = false,
          .code = 452,
          .enhanced = {4, 3, 1},
          .text = refusal.text,
          .reason = refusal.reason};
}

}  // namespace relais::policy
