#include "relay/job_queue.h"

namespace relais::relay {

bool JobQueue::has_room(const Claim& claim) const {
  if (!congested_) return true;
  if (jobs_.size() >= size_t{2} * kMax) return false;
  const uint64_t waiting = jobs_.length(claim.flow);
  return waiting == 0 || waiting * jobs_.weight() < uint64_t{kMax / 2} * claim.weight;
}

void JobQueue::push(Handle job, const Claim& claim) {
  jobs_.push(claim.flow, claim.weight, claim.cost, {job, claim});
  if (jobs_.size() >= kMax) congested_ = true;
}

void JobQueue::push_front(Handle job, const Claim& claim) {
  jobs_.push_front(claim.flow, claim.weight, {job, claim});
}

Handle JobQueue::pop() {
  if (jobs_.empty()) return {};
  const Waiting first = jobs_.pop();
  if (congested_) left_.push_back(first.claim);
  if (jobs_.size() < kMax / 2) congested_ = false;
  return first.job;
}

}  // namespace relais::relay
