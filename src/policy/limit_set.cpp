#include "policy/limit_set.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "policy/ascii.h"

namespace relais::policy {
namespace {

// Longer than any command line, so no address is cut.
constexpr size_t kKeyOctets = 2048;
constexpr uint64_t kForEver = UINT64_MAX >> 9;

// What is hashed: the limit's id and the key in one form for one thing.
class KeyText {
 public:
  void add(const void* bytes, size_t octets) {
    octets = std::min(octets, sizeof text_ - size_);
    std::memcpy(text_ + size_, bytes, octets);
    size_ += octets;
  }
  template <class Number>
  void add_number(Number number) {
    add(&number, sizeof number);
  }
  void add_lower(std::string_view text) {
    for (const char c : text.substr(0, sizeof text_ - size_)) text_[size_++] = ascii_lower(c);
  }
  void add_network(const IpAddress& address, unsigned bits_v4, unsigned bits_v6) {
    const auto kept = [](uint64_t word, unsigned bits) {
      return bits == 0 ? 0 : bits >= 64 ? word : word & ~(UINT64_MAX >> bits);
    };
    add_number(address.family());
    if (address.is_v4()) return add_number(kept(address.low() << 32, bits_v4));
    add_number(kept(address.high(), bits_v6));
    add_number(kept(address.low(), bits_v6 > 64 ? bits_v6 - 64 : 0));
  }
  [[nodiscard]] LimitHash hash(const char* secret) const {
    const XXH128_hash_t hash = XXH3_128bits_withSecret(text_, size_, secret, 192);
    return {hash.low64, hash.high64};
  }

 private:
  size_t size_ = 0;
  char text_[kKeyOctets];
};

bool delays_content(const LiveLimit& live) {
  return live.limit->measure == Measure::kBytes && live.action() == LimitAction::kDelay;
}

uint64_t wait_allowed(const LiveLimit& live) {
  if (live.action() != LimitAction::kDelay) return 0;
  return static_cast<uint64_t>(live.limit->max_delay.ns) * Bucket::kTicks;
}

LimitVerdict::Kind kind_of(LimitAction action) {
  return action == LimitAction::kClose ? LimitVerdict::Kind::kClose : LimitVerdict::Kind::kDefer;
}

}  // namespace

LimitHash LimitSet::hash_of(const LiveLimit& live, const LimitState& state,
                            const LimitSubject& subject) const {
  KeyText key;
  key.add_number(state.id);
  switch (live.limit->key) {
    case LimitKey::kConnector:
      return {};
    case LimitKey::kSource:
      key.add_network(subject.client, 32, 128);
      break;
    case LimitKey::kSourcePrefix:
      key.add_network(subject.client, live.limit->prefix_v4, live.limit->prefix_v6);
      break;
    case LimitKey::kSender:
      key.add_lower(subject.sender);
      break;
    case LimitKey::kSenderDomain:
      key.add_lower(subject.sender_domain);
      break;
    case LimitKey::kUser:
      key.add_lower(subject.user.empty() ? subject.sender : subject.user);
      break;
    case LimitKey::kRecipientDomain:
      key.add_lower(subject.recipient_domain);
      break;
  }
  LimitHash hash = key.hash(secret_);
  hash.tag = uint64_t{state.id} << 48 | hash.tag >> 16;
  return hash;
}

// What the bucket is now, without making an entry: its own, or what it would begin with.
uint64_t LimitSet::bucket_of(const LiveLimit& live, const LimitHash& hash,
                             const LimitSubject& subject, uint64_t now) const {
  if (hash.tag == 0) return live.state->shared.load(std::memory_order_acquire);
  while (const LimitTable::Entry* entry = table_->find(hash)) {
    const uint64_t value = entry->value.load(std::memory_order_acquire);
    if (value != LimitTable::kFrozen && entry->tag.load(std::memory_order_acquire) == hash.tag)
      return value;
  }
  if (live.previous == nullptr || (hash.tag & LimitTable::kCountBit) != 0) return kBucketFull;
  const LimitHash before = hash_of(live, *live.previous, subject);
  const LimitTable::Entry* entry = table_->find(before);
  if (entry == nullptr) return kBucketFull;
  const uint64_t value = entry->value.load(std::memory_order_acquire);
  if (value == LimitTable::kFrozen || entry->tag.load(std::memory_order_acquire) != before.tag)
    return kBucketFull;
  return live.state->bucket.converted(value, now, live.previous->bucket);
}

// Applies `change` to the key's number, wherever it lives; false: it did not want to.
template <class Change>
bool LimitSet::change(const LiveLimit& live, const LimitSubject& subject, uint64_t now,
                      LimitHash& hash, Change&& change) const {
  hash = hash_of(live, *live.state, subject);
  while (hash.tag != 0) {
    LimitTable::Entry* entry = table_->find(hash);
    if (entry == nullptr)
      entry = table_->find_or_insert(hash, bucket_of(live, hash, subject, now), now);
    if (entry == nullptr) {
      live.state->no_place.fetch_add(1, std::memory_order_relaxed);
      hash.tag = 0;
      break;
    }
    const LimitTable::Changed changed = LimitTable::change(*entry, hash.tag, change);
    if (changed != LimitTable::Changed::kGone) return changed == LimitTable::Changed::kYes;
  }
  uint64_t value = live.state->shared.load(std::memory_order_acquire);
  uint64_t next = 0;
  do {
    if (!change(value, next)) return false;
  } while (!live.state->shared.compare_exchange_weak(value, next, std::memory_order_acq_rel));
  return true;
}

Bucket::Taken LimitSet::take(const LiveLimit& live, const LimitSubject& subject, uint64_t n,
                             uint64_t wait_max, uint64_t now, Charges* charges) const {
  const Bucket& bucket = live.state->bucket;
  const uint64_t cost = bucket.cost(n);
  if (charges == nullptr) {
    const LimitHash hash = hash_of(live, *live.state, subject);
    return bucket.take(bucket_of(live, hash, subject, now), now, cost, wait_max);
  }
  Bucket::Taken taken{};
  LimitHash hash;
  change(live, subject, now, hash, [&](uint64_t value, uint64_t& next) {
    taken = bucket.take(value, now, cost, wait_max);
    next = taken.bucket;
    return taken.taken;
  });
  if (taken.taken) charges->push_back({live.state, hash, cost, taken.bucket, now});
  return taken;
}

// The most connections that this key may have now.
uint64_t LimitSet::most(const LiveLimit& live) const {
  if (live.of_all == nullptr) return live.limit->burst;
  const uint64_t all = live.of_all->limit->burst;
  const uint64_t in_use =
      live.of_all->state->shared.load(std::memory_order_relaxed) & LimitTable::kCountMask;
  // Never nobody: a small connector would serve no one at all.
  return std::max<uint64_t>((all - std::min(all, in_use)) * live.limit->burst / 100, 1);
}

bool LimitSet::enter(const LiveLimit& live, const LimitSubject& subject, uint64_t now,
                     Charges* charges, LimitLevel& level) const {
  level.of = most(live);
  const auto fits = [&](uint64_t value) {
    level.used = value & LimitTable::kCountMask;
    return level.used < level.of;
  };
  if (charges == nullptr)
    return fits(bucket_of(live, hash_of(live, *live.state, subject), subject, now));
  LimitHash hash;
  const bool entered = change(live, subject, now, hash, [&](uint64_t value, uint64_t& next) {
    // The upper half tells one use of a count from the next.
    next = value + 1 + (uint64_t{1} << 32);
    return fits(value);
  });
  if (entered) charges->push_back({live.state, hash, 0, 0, now});
  return entered;
}

void LimitSet::undo(const Charge& charge, uint64_t now) const {
  const auto back = [&](uint64_t value, uint64_t& next) {
    if (charge.cost == 0) {
      ASSERT((value & LimitTable::kCountMask) > 0);
      next = value - 1 + (uint64_t{1} << 32);
      return true;
    }
    next = charge.state->bucket.give_back(value, charge.taken, charge.then, now, charge.cost);
    return next != value;
  };
  if (charge.hash.tag != 0) {
    LimitTable::Entry* entry = table_->find(charge.hash);
    // A bucket without an entry has become full, and there is nothing to give back. A count above 0
    // keeps its entry.
    if (entry != nullptr) LimitTable::change(*entry, charge.hash.tag, back);
    return;
  }
  uint64_t value = charge.state->shared.load(std::memory_order_acquire);
  uint64_t next = 0;
  do {
    if (!back(value, next)) return;
  } while (!charge.state->shared.compare_exchange_weak(value, next, std::memory_order_acq_rel));
}

void LimitSet::give_back(Charges& charges, Instant now) const {
  for (const Charge& charge : charges) undo(charge, Bucket::ticks(now));
  charges.clear();
}

// One step: true when the event passes it. Otherwise (or when it has to wait) `verdict` says so.
bool LimitSet::pass(const LiveLimit& live, const LimitSubject& subject, uint64_t n, uint64_t now,
                    Charges* charges, LimitVerdict& verdict) const {
  const LimitAction action = live.action();
  LimitLevel level;
  uint64_t wait = 0;
  bool passed = false;
  if (live.limit->measure == Measure::kConcurrent) {
    passed = enter(live, subject, now, charges, level);
  } else {
    const Bucket::Taken taken = take(live, subject, n, wait_allowed(live), now, charges);
    passed = taken.taken;
    wait = taken.wait;
    if (!passed || wait > 0)
      level = this->level(live, subject, {static_cast<int64_t>(now / Bucket::kTicks)});
  }
  if (passed && wait == 0) return true;
  if (action == LimitAction::kShadow) {
    if (charges != nullptr) live.state->shadowed.fetch_add(1, std::memory_order_relaxed);
    if (verdict.shadow == nullptr) {
      verdict.shadow = &live;
      verdict.shadow_level = level;
    }
    return true;
  }
  const Duration time = Bucket::duration(wait);
  if (passed) {
    if (charges != nullptr) {
      live.state->delayed.fetch_add(1, std::memory_order_relaxed);
      live.state->delayed_ns.fetch_add(static_cast<uint64_t>(time.ns), std::memory_order_relaxed);
    }
    if (verdict.kind == LimitVerdict::Kind::kPass || time > verdict.wait) {
      verdict.kind = LimitVerdict::Kind::kDelay;
      verdict.wait = time;
      verdict.by = &live;
      verdict.level = level;
    }
    return true;
  }
  verdict.kind = kind_of(action);
  verdict.wait = time;
  verdict.by = &live;
  verdict.level = level;
  if (charges != nullptr) {
    auto& counter =
        verdict.kind == LimitVerdict::Kind::kClose ? live.state->closed : live.state->deferred;
    counter.fetch_add(1, std::memory_order_relaxed);
  }
  return false;
}

// Limits are in the order of their file; of one limit, the highest step comes first. What the
// higher steps have counted stays: they count attempts.
LimitVerdict LimitSet::consider(uint32_t slot, Measure measure, const LimitSubject& subject,
                                uint64_t n, Instant now, Charges* charges) const {
  LimitVerdict verdict;
  if (!has(slot, measure)) return verdict;
  const uint64_t ticks = Bucket::ticks(now);
  Charges attempts;
  const size_t before = charges == nullptr ? 0 : charges->size();
  for (const LiveLimit& live : limits(slot, measure)) {
    if (charges != nullptr && delays_content(live)) continue;
    Charges* into = charges == nullptr ? nullptr : live.step > 0 ? &attempts : charges;
    // Content that will be paced needs no room now, only a bucket that is not too deep in debt.
    if (pass(live, subject, delays_content(live) ? 1 : n, ticks, into, verdict)) continue;
    if (charges != nullptr) {
      for (size_t i = charges->size(); i-- > before;) undo((*charges)[i], ticks);
      charges->resize(before);
    }
    break;
  }
  return verdict;
}

LimitVerdict LimitSet::charge(uint32_t slot, Measure measure, const LimitSubject& subject,
                              uint64_t n, Instant now, Charges& charges) const {
  return consider(slot, measure, subject, n, now, &charges);
}

LimitVerdict LimitSet::ask(uint32_t slot, Measure measure, const LimitSubject& subject, uint64_t n,
                           Instant now) const {
  return consider(slot, measure, subject, n, now, nullptr);
}

// Octets that are here cannot be refused any more, whatever they cost.
LimitVerdict LimitSet::content(uint32_t slot, const LimitSubject& subject, uint64_t octets,
                               Instant now) const {
  LimitVerdict verdict;
  if (!has(slot, Measure::kBytes)) return verdict;
  Charges charges;
  for (const LiveLimit& live : limits(slot, Measure::kBytes)) {
    if (!delays_content(live) || live.step > 0) continue;
    const auto taken = take(live, subject, octets, kForEver, Bucket::ticks(now), &charges);
    const Duration wait = Bucket::duration(taken.wait);
    if (wait <= verdict.wait) continue;
    verdict.kind = LimitVerdict::Kind::kDelay;
    verdict.wait = wait;
    verdict.by = &live;
    live.state->delayed_ns.fetch_add(static_cast<uint64_t>(wait.ns), std::memory_order_relaxed);
  }
  return verdict;
}

void LimitSet::spend(uint32_t slot, const LimitSubject& subject, uint64_t octets,
                     Instant now) const {
  if (!has(slot, Measure::kBytes)) return;
  Charges charges;
  for (const LiveLimit& live : limits(slot, Measure::kBytes)) {
    if (!delays_content(live)) take(live, subject, octets, kForEver, Bucket::ticks(now), &charges);
  }
}

LimitLevel LimitSet::level(const LiveLimit& live, const LimitSubject& subject, Instant now) const {
  const uint64_t ticks = Bucket::ticks(now);
  const uint64_t value = bucket_of(live, hash_of(live, *live.state, subject), subject, ticks);
  if (live.limit->measure == Measure::kConcurrent)
    return {value & LimitTable::kCountMask, most(live)};
  const Bucket& bucket = live.state->bucket;
  return {std::min(bucket.used(value, ticks), bucket.burst()), bucket.burst()};
}

}  // namespace relais::policy
