// The buckets of all limits, for the life of the process, and the making of LimitSets from
// configurations. A limit that is still there after a reload keeps its levels, scaled to its new
// burst, and connections stay counted. One object, used by the main thread only; what it makes is
// for all.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policy/connector.h"
#include "policy/limit_set.h"

namespace relais::policy {

using LimitsByConnector = std::map<std::string, std::vector<Limit>>;

class Limits {
 public:
  // `table_octets`: for all keyed buckets. `random`: any 192 octets that clients do not know, so
  // that nobody can choose keys that meet in one place.
  Limits(size_t table_octets, const std::array<char, 192>& random);
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  // The set of a configuration; `now` is when old levels are taken over. Sets must not outlive
  // Limits. Slots of connectors that are gone keep their last limits, for sessions that still run.
  // `connection_rate`: connections a minute of the whole server; UINT32_MAX: no limit. `replaced`:
  // connectors whose limits are not what limits_of() says.
  [[nodiscard]] std::shared_ptr<const LimitSet> compile(
      const std::vector<ReceiveConnector>& connectors, Instant now,
      uint32_t connection_rate = UINT32_MAX, const LimitsByConnector& replaced = {});
  // Now and then (an hour is often enough): frees idle places. Returns how many keys are live.
  size_t sweep(Instant now);
  [[nodiscard]] LimitTable::Figures table() const { return table_.figures(); }

 private:
  struct Known {
    LimitState* state = nullptr;
    LimitState* previous = nullptr;  // until all its buckets would be full
    Instant previous_until;
  };
  LimitState& new_state(bool counts, const Bucket& bucket);
  Known& known(const std::string& name, const Limit& limit, uint32_t step, Instant now);
  uint32_t slot_of(const std::string& connector, std::vector<Limit> limits);
  [[nodiscard]] LimitSet::Slot compile_slot(const std::string& connector,
                                            const std::vector<Limit>& limits, Instant now);

  LimitTable table_;
  std::array<char, 192> secret_;
  std::deque<LimitState> states_;
  std::deque<LimitState*> retired_;        // replaced by others, the longest first
  std::map<std::string, Known> known_;     // by connector, limit and step
  std::map<std::string, uint32_t> slots_;  // by connector
  std::vector<std::string> names_;         // by slot
  std::vector<std::shared_ptr<const std::vector<Limit>>> limits_;  // by slot: the last ones
  uint16_t rates_ = 0;                                             // ids given out
  uint16_t counts_ = 0;
};

}  // namespace relais::policy
