// The limits of one configuration at work: immutable, read by all cores without a lock and swapped
// on reload. The buckets behind it belong to Limits (limits.h) and outlive it. Running sessions use
// the newest set, so new limits are in force for them at once.
//
// A connector is known by a slot for life (by its name); sessions keep the slot.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/bucket.h"
#include "policy/limit.h"
#include "policy/limit_table.h"

namespace relais::policy {

// Who and what is counted; only what the keys of its measure need (goes_with()).
struct LimitSubject {
  IpAddress client;
  std::string_view sender;         // whole address; empty: <>
  std::string_view sender_domain;  // empty: <>
  std::string_view user;           // empty: nobody has authenticated
  std::string_view recipient_domain;
};

// The buckets of one step of a limit, as long as its rate and burst stay what they are. At the same
// address for ever.
struct LimitState {
  uint16_t id = 0;
  Bucket bucket;                     // of a rate limit
  std::atomic<uint64_t> shared{0};   // of LimitKey::kConnector; else of keys without a place
  std::atomic<uint64_t> delayed{0};  // events, since the start
  std::atomic<uint64_t> deferred{0};
  std::atomic<uint64_t> closed{0};
  std::atomic<uint64_t> shadowed{0};
  std::atomic<uint64_t> no_place{0};  // events that went to `shared` for want of a place
  std::atomic<uint64_t> delayed_ns{0};
};

// One event that a limit has taken, to be given back when it was for nothing.
struct Charge {
  LimitState* state = nullptr;
  LimitHash hash;      // tag 0: of state->shared
  uint64_t cost = 0;   // ticks; 0: a count
  uint64_t taken = 0;  // the bucket behind it
  uint64_t then = 0;   // ticks
};
using Charges = std::vector<Charge>;

struct LiveLimit {
  const Limit* limit = nullptr;
  uint32_t step = 0;
  LimitState* state = nullptr;
  LimitState* previous = nullptr;     // whose levels a key's new bucket starts from; null: none
  const LiveLimit* of_all = nullptr;  // kPercentPerSource: the connector's max_inbound_connection
  [[nodiscard]] LimitAction action() const { return limit->steps[step].action; }
};

struct LimitLevel {
  uint64_t used = 0;  // events missing from a full bucket, or connections
  uint64_t of = 0;    // burst, or the most connections now
};

// What the limits say to an event. `limit` points into the set.
struct LimitVerdict {
  enum class Kind : uint8_t { kPass, kDelay, kDefer, kClose };
  Kind kind = Kind::kPass;
  Duration wait{};                // kDelay: before the reply; kDefer, kClose: until it would pass
  const LiveLimit* by = nullptr;  // null: kPass
  LimitLevel level;
  const LiveLimit* shadow = nullptr;  // the first that would have refused; null: none
  LimitLevel shadow_level;
  [[nodiscard]] bool refused() const { return kind == Kind::kDefer || kind == Kind::kClose; }
};

class LimitSet {
 public:
  // Asks each limit of the measure for `n` events. All give: they are appended to `charges`. One
  // does not: nothing is taken, and it is named. Of kBytes, those that delay are not asked here.
  LimitVerdict charge(uint32_t slot, Measure measure, const LimitSubject& subject, uint64_t n,
                      Instant now, Charges& charges) const;
  // Would charge() pass? Takes nothing. Of kBytes, those that delay are asked too.
  [[nodiscard]] LimitVerdict ask(uint32_t slot, Measure measure, const LimitSubject& subject,
                                 uint64_t n, Instant now) const;
  // Content that has arrived, for the limits of kBytes that delay: how long to read no more.
  [[nodiscard]] LimitVerdict content(uint32_t slot, const LimitSubject& subject, uint64_t octets,
                                     Instant now) const;
  // Content that has arrived for nothing, for the limits of kBytes that refuse.
  void spend(uint32_t slot, const LimitSubject& subject, uint64_t octets, Instant now) const;
  // Undoes charges; `now` no earlier than they were made. Counts of connections always.
  void give_back(Charges& charges, Instant now) const;

  [[nodiscard]] bool has(uint32_t slot, Measure measure) const {
    return slot < slots_.size() && !slots_[slot][static_cast<size_t>(measure)].empty();
  }
  [[nodiscard]] const std::vector<LiveLimit>& limits(uint32_t slot, Measure measure) const {
    return slots_[slot][static_cast<size_t>(measure)];
  }
  [[nodiscard]] LimitLevel level(const LiveLimit& limit, const LimitSubject& subject,
                                 Instant now) const;
  // Slots of connectors that the set was made for, by their index in its configuration.
  [[nodiscard]] const std::vector<uint32_t>& slots() const { return slot_of_connector_; }
  // The whole server's connections: a limit that delays without end.
  [[nodiscard]] static constexpr uint32_t server_slot() { return 0; }

 private:
  friend class Limits;
  using Slot = std::array<std::vector<LiveLimit>, kMeasures>;
  [[nodiscard]] LimitHash hash_of(const LiveLimit& live, const LimitState& state,
                                  const LimitSubject& subject) const;
  [[nodiscard]] uint64_t bucket_of(const LiveLimit& live, const LimitHash& hash,
                                   const LimitSubject& subject, uint64_t now) const;
  template <class Change>
  bool change(const LiveLimit& live, const LimitSubject& subject, uint64_t now, LimitHash& hash,
              Change&& change) const;
  // `charges` null: takes nothing.
  Bucket::Taken take(const LiveLimit& live, const LimitSubject& subject, uint64_t n,
                     uint64_t wait_max, uint64_t now, Charges* charges) const;
  bool enter(const LiveLimit& live, const LimitSubject& subject, uint64_t now, Charges* charges,
             LimitLevel& level) const;
  bool pass(const LiveLimit& live, const LimitSubject& subject, uint64_t n, uint64_t now,
            Charges* charges, LimitVerdict& verdict) const;
  [[nodiscard]] uint64_t most(const LiveLimit& live) const;
  LimitVerdict consider(uint32_t slot, Measure measure, const LimitSubject& subject, uint64_t n,
                        Instant now, Charges* charges) const;
  void undo(const Charge& charge, uint64_t now) const;

  std::vector<Slot> slots_;
  std::vector<uint32_t> slot_of_connector_;
  std::vector<std::shared_ptr<const std::vector<Limit>>> owned_;  // what `limit` points to
  LimitTable* table_ = nullptr;
  const char* secret_ = nullptr;
};

}  // namespace relais::policy
