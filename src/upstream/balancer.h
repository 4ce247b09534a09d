// Which of several upstreams gets the next message, and which of them are left alone: the one with
// the fewest messages under way for its weight, a circuit breaker each, and a slow start for one
// that has just come back. Pure: time is an argument.
//
// A circuit is closed (in use) until kFailuresToOpen failures in a row, then open (left alone) for
// a time that grows, then half open: one trial decides, and it is not a client's message. All that
// counts is whether the upstream can be talked to; a refusal of a message is no failure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace relais::upstream {

enum class Circuit : uint8_t { kClosed, kOpen, kHalfOpen };

class Balancer {
 public:
  static constexpr uint32_t kFailuresToOpen = 3;
  static constexpr Duration kOpenFirst = seconds(1);
  static constexpr Duration kOpenMax = seconds(30);
  // From a tenth of its share to all of it.
  static constexpr Duration kSlowStart = seconds(10);
  static constexpr uint32_t kHostsMax = 64;

  explicit Balancer(uint32_t hosts);  // 1 to kHostsMax

  // Never one whose bit is set in `tried`, nor one whose circuit is not closed. Those that are
  // equal take turns.
  [[nodiscard]] std::optional<uint32_t> pick(Instant now, uint64_t tried);
  void began(uint32_t host) { ++hosts_[host].outstanding; }
  void ended(uint32_t host);

  void succeeded(uint32_t host, Instant now);
  // True: the circuit opens by it, or opens again.
  bool failed(uint32_t host, Instant now);

  [[nodiscard]] Circuit circuit(uint32_t host) const { return hosts_[host].circuit; }
  [[nodiscard]] uint32_t outstanding(uint32_t host) const { return hosts_[host].outstanding; }
  [[nodiscard]] Duration open_time(uint32_t host) const;
  // Open long enough: it becomes half open, and succeeded() or failed() must follow.
  [[nodiscard]] std::optional<uint32_t> take_trial(Instant now);
  // When take_trial() has one; nullopt: no circuit is open.
  [[nodiscard]] std::optional<Instant> next_trial() const;
  // Of a hundred.
  [[nodiscard]] uint32_t weight(uint32_t host, Instant now) const;

 private:
  struct Host {
    Circuit circuit = Circuit::kClosed;
    uint32_t outstanding = 0;
    uint32_t failures = 0;  // in a row
    uint32_t opened = 0;    // times since it was last closed
    Instant open_until;
    Instant closed_at;  // 0: it was never open
  };
  std::vector<Host> hosts_;
  uint32_t turn_ = 0;
};

}  // namespace relais::upstream
