// What happened in a simulated world: the last few hundred events as text, and a hash over all of
// them. Two runs of one seed have the same hash; if not, something outside the seed got in.
// RELAIS_TRACE=1 prints every event when it happens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais::simulation {

class SimTrace {
 public:
  SimTrace();
  void add(Instant when, std::string_view event);
  [[nodiscard]] uint64_t hash() const { return hash_; }
  [[nodiscard]] uint64_t events() const { return events_; }
  void print(std::string_view title) const;  // to stderr

 private:
  static constexpr size_t kKept = 400;
  std::vector<std::string> lines_;  // a ring
  uint64_t events_ = 0;
  uint64_t hash_ = 0xcbf29ce484222325;  // FNV-1a
  bool echo_;
};

}  // namespace relais::simulation
