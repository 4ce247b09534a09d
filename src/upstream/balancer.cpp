#include "upstream/balancer.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::upstream {

Balancer::Balancer(uint32_t hosts) : hosts_(hosts) { ASSERT(hosts >= 1 && hosts <= kHostsMax); }

std::optional<uint32_t> Balancer::pick(Instant now, uint64_t tried) {
  std::optional<uint32_t> best;
  uint64_t best_load = 0;
  uint64_t best_weight = 1;
  const auto count = static_cast<uint32_t>(hosts_.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t host = (turn_ + i) % count;
    if ((tried >> host & 1) != 0 || hosts_[host].circuit != Circuit::kClosed) continue;
    const uint64_t load = uint64_t{hosts_[host].outstanding} + 1;
    const uint64_t host_weight = weight(host, now);
    // load / weight, without division
    if (best && load * best_weight >= best_load * host_weight) continue;
    best = host;
    best_load = load;
    best_weight = host_weight;
  }
  if (best) turn_ = (*best + 1) % count;
  return best;
}

void Balancer::ended(uint32_t host) {
  ASSERT(hosts_[host].outstanding > 0);
  --hosts_[host].outstanding;
}

void Balancer::succeeded(uint32_t host, Instant now) {
  Host& h = hosts_[host];
  h.failures = 0;
  // What was begun before the circuit opened says nothing about now; the trial does.
  if (h.circuit != Circuit::kHalfOpen) return;
  h.circuit = Circuit::kClosed;
  h.opened = 0;
  h.closed_at = now;
}

bool Balancer::failed(uint32_t host, Instant now) {
  Host& h = hosts_[host];
  ++h.failures;
  const bool opens = h.circuit == Circuit::kHalfOpen ||
                     (h.circuit == Circuit::kClosed && h.failures >= kFailuresToOpen);
  if (!opens) return false;
  h.circuit = Circuit::kOpen;
  ++h.opened;
  h.open_until = now + open_time(host);
  return true;
}

Duration Balancer::open_time(uint32_t host) const {
  return growing_wait(kOpenFirst, kOpenMax, hosts_[host].opened);
}

std::optional<uint32_t> Balancer::take_trial(Instant now) {
  for (uint32_t host = 0; host < hosts_.size(); ++host) {
    if (hosts_[host].circuit != Circuit::kOpen || hosts_[host].open_until > now) continue;
    hosts_[host].circuit = Circuit::kHalfOpen;
    return host;
  }
  return std::nullopt;
}

std::optional<Instant> Balancer::next_trial() const {
  std::optional<Instant> earliest;
  for (const Host& h : hosts_) {
    if (h.circuit == Circuit::kOpen && (!earliest || h.open_until < *earliest))
      earliest = h.open_until;
  }
  return earliest;
}

uint32_t Balancer::weight(uint32_t host, Instant now) const {
  const Instant since = hosts_[host].closed_at;
  if (since == Instant{} || now >= since + kSlowStart) return 100;
  return static_cast<uint32_t>(10 + 90 * (now - since).ms() / kSlowStart.ms());
}

}  // namespace relais::upstream
