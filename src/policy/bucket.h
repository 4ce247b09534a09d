// A token bucket as one 64-bit number: GCRA (ITU-T I.371), the "theoretical arrival time" at which
// the bucket is full again. Pure arithmetic; the atomics that hold such numbers are in
// limit_table.h and limits.h, and all cores change them by compare-and-swap, so that over any
// window of length T no more than burst + T * rate events pass, whatever the number of cores.
//
//   63                                                8 7          0
//  +---------------------------------------------------+------------+
//  | full again at, in quarters of a nanosecond        | times full |
//  +---------------------------------------------------+------------+
//
// "Times full" grows when a charge finds the bucket full. It tells whether what is given back later
// is still missing, or has flowed in again meanwhile (and would be given twice).
//
// Times wrap after 208 days: a bucket that nobody has touched for 104 days must be set to 0 before
// it looks as if it lay in the future (Limits::sweep() does so).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "policy/limit.h"

namespace relais::policy {

// A full bucket that nobody has charged; free places of a table hold it too.
inline constexpr uint64_t kBucketFull = 0;

class Bucket {
 public:
  // Of a rate limit, or of one step of it.
  Bucket() = default;
  Bucket(const Rate& rate, uint64_t burst);

  struct Taken {
    uint64_t bucket;    // the number to store, if taken
    uint64_t wait = 0;  // ticks until the event conforms
    bool taken = false;
  };

  static constexpr uint64_t kTicks = 4;  // a nanosecond
  static uint64_t ticks(Instant now) { return (static_cast<uint64_t>(now.ns) * kTicks) & kMask; }
  // Rounded up, so that whoever waits so long is not a tick too early.
  static Duration duration(uint64_t ticks) {
    return {static_cast<int64_t>((ticks + kTicks - 1) / kTicks)};
  }

  // What n events cost, in ticks; n <= burst.
  [[nodiscard]] uint64_t cost(uint64_t n) const {
    if (n == 1) return one_;
    return static_cast<uint64_t>((static_cast<Wide>(n) * period_ + count_ - 1) / count_);
  }
  // An event that would have to wait longer than `wait_max` is not taken, and `wait` says how long
  // it would be.
  [[nodiscard]] Taken take(uint64_t bucket, uint64_t now, uint64_t cost, uint64_t wait_max) const {
    const uint64_t debt = debt_of(bucket, now);
    const uint64_t after = debt + cost;
    const uint64_t wait = after > tolerance_ ? after - tolerance_ : 0;
    if (wait > wait_max) return {bucket, wait, false};
    const uint64_t times_full = debt == 0 ? bucket + 1 : bucket;
    return {pack(now + after, times_full), wait, true};
  }
  // What it is after an event has been given back, which was taken at `then` and left `taken`. Only
  // if the bucket has not been full in between: else the event has flowed in again already.
  [[nodiscard]] uint64_t give_back(uint64_t bucket, uint64_t taken, uint64_t then, uint64_t now,
                                   uint64_t cost) const {
    if (((bucket ^ taken) & 0xff) != 0 || ((now - then) & kMask) > tolerance_) return bucket;
    const uint64_t debt = debt_of(bucket, now);
    return pack(now + (debt > cost ? debt - cost : 0), bucket);
  }
  // Events that are missing from a full bucket, rounded up.
  [[nodiscard]] uint64_t used(uint64_t bucket, uint64_t now) const {
    const uint64_t debt = debt_of(bucket, now);
    const Wide exact = debt - std::min(debt, slack());
    return static_cast<uint64_t>((exact * count_ + period_ - 1) / period_);
  }
  // The same share of the burst is missing from the bucket of other rates.
  [[nodiscard]] uint64_t converted(uint64_t bucket, uint64_t now, const Bucket& from) const {
    const Wide debt = debt_of(bucket, now);
    const uint64_t whole = tolerance_ - slack();
    return pack(now + static_cast<uint64_t>(debt * whole / (from.tolerance_ - from.slack())),
                bucket);
  }
  // Ticks until it is full.
  [[nodiscard]] static uint64_t debt_of(uint64_t bucket, uint64_t now) {
    const uint64_t debt = ((bucket >> 8) - now) & kMask;
    return bucket == kBucketFull || debt > kMask / 2 ? 0 : debt;
  }

  [[nodiscard]] uint64_t burst() const { return burst_; }
  friend bool operator==(const Bucket&, const Bucket&) = default;

 private:
  using Wide = unsigned __int128;
  static constexpr uint64_t kMask = UINT64_MAX >> 8;
  static uint64_t pack(uint64_t ticks, uint64_t times_full) {
    const uint64_t bucket = ticks << 8 | (times_full & 0xff);
    return bucket == kBucketFull ? 1 : bucket;
  }

  // Costs are rounded up, a tick at most for each charge; the tolerance takes those ticks back, but
  // never as much as another event.
  [[nodiscard]] uint64_t slack() const { return std::min(burst_, one_ / 2); }

  uint64_t burst_ = 1;
  uint64_t count_ = 1;      // events in
  uint64_t period_ = 1;     // ticks
  uint64_t one_ = 1;        // cost of one event
  uint64_t tolerance_ = 1;  // a burst and the slack
};

}  // namespace relais::policy
