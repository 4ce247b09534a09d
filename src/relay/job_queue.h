// The jobs that wait in memory for a place on one next hop. Sources share the places by weight
// (base/fair_queue.h), and so they do the room to wait in: once it is full, and until half of it is
// empty, only a source that has less than half of its share comes in. What others have more waits
// in the log (Relay parks it).
//
// Limit: 2 * kMax jobs, of which more than kMax only with many sources.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/fair_queue.h"
#include "base/slab.h"
#include "relay/work.h"

namespace relais::relay {

class JobQueue {
 public:
  static constexpr uint32_t kMax = 1000;

  [[nodiscard]] size_t size() const { return jobs_.size(); }
  [[nodiscard]] bool empty() const { return jobs_.empty(); }
  // It was full and is not half empty yet.
  [[nodiscard]] bool congested() const { return congested_; }
  [[nodiscard]] bool has_room(const Claim& claim) const;

  void push(Handle job, const Claim& claim);
  // One that was taken and comes back.
  void push_front(Handle job, const Claim& claim);
  // Null: none waits.
  [[nodiscard]] Handle pop();
  // Whose jobs were taken while it was congested, since the last call.
  [[nodiscard]] std::vector<Claim> take_left() { return std::exchange(left_, {}); }

 private:
  struct Waiting {
    Handle job;
    Claim claim;
  };
  FairQueue<Waiting> jobs_;
  std::vector<Claim> left_;
  bool congested_ = false;
};

}  // namespace relais::relay
