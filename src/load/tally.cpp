#include "load/tally.h"

#include <algorithm>

namespace relais::load {
namespace {

uint64_t nanoseconds(Instant from, Instant to) {
  return static_cast<uint64_t>(std::max<int64_t>(0, (to - from).ns));
}

}  // namespace

void Tally::answered(Step step, Instant asked, Instant now) {
  if (counts(asked)) latencies_[static_cast<size_t>(step)].record(nanoseconds(asked, now));
}

void Tally::refused(Step step, uint16_t code, std::string_view text, Instant now) {
  if (!counts(now)) return;
  Refusal refusal{step, code, std::string(text)};
  std::ranges::replace(refusal.text, '\n', ' ');
  const auto found = refusals_.find(refusal);
  if (found != refusals_.end()) {
    ++found->second;
    return;
  }
  if (refusals_.size() >= kTextsMax) refusal.text = "(other texts)";
  ++refusals_[refusal];
}

void Tally::accepted(uint32_t target, Instant due, Instant now, uint64_t octets,
                     Recipients recipients) {
  if (!counts(due)) return;
  answered(Step::kMessage, due, now);
  series_.accepted(now - from_, nanoseconds(due, now));
  ++fates_[index_of(Fate::kAccepted)];
  ++by_target_[target].accepted;
  recipients_ += recipients.accepted;
  if (recipients.accepted < recipients.asked) ++partial_;
  octets_ += octets;
  last_ = now;
}

void Tally::failed(uint32_t target, Fate fate, Instant due, Instant now) {
  if (!counts(due)) {
    ++early_failures_;
    return;
  }
  ++fates_[index_of(fate)];
  ++by_target_[target].failed;
  series_.failed(now - from_);
  last_ = now;
}

void Tally::late(Instant due, Instant begun) {
  if (counts(due)) waits_.record(nanoseconds(due, begun));
}

uint64_t Tally::failures() const {
  return messages(Fate::kRefused) + messages(Fate::kLost) + messages(Fate::kNotBegun);
}

}  // namespace relais::load
