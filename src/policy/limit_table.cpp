#include "policy/limit_table.h"

#include <algorithm>

#include "base/assert.h"
#include "policy/bucket.h"

namespace relais::policy {
namespace {

// Held for tens of nanoseconds, by whoever sees a new key.
class Locked {
 public:
  explicit Locked(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) {
      while (flag_.test(std::memory_order_relaxed)) __builtin_ia32_pause();
    }
  }
  ~Locked() { flag_.clear(std::memory_order_release); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  std::atomic_flag& flag_;
};

}  // namespace

// Zeroes are empty entries.
LimitTable::LimitTable(size_t octets)
    : groups_(std::max<size_t>(octets / kGroupOctets, 1)),
      memory_(groups_ * kGroupOctets),
      lines_(static_cast<Line*>(memory_.get())),
      locks_(std::make_unique<std::atomic_flag[]>(groups_)) {
  ASSERT(lines_ != nullptr);
}

LimitTable::Group LimitTable::group_of(uint64_t hash) const {
  const auto index = static_cast<size_t>((static_cast<unsigned __int128>(hash) * groups_) >> 64);
  return {lines_ + index * kGroupLines, &locks_[index]};
}

// The lowest bits choose: the highest have chosen the group.
void LimitTable::lines_of(const Group& group, uint64_t hash, Line* (&lines)[2]) {
  const size_t first = hash % kGroupLines;
  const size_t step = 1 + hash / kGroupLines % (kGroupLines - 1);
  lines[0] = group.first + first;
  lines[1] = group.first + (first + step) % kGroupLines;
}

LimitTable::Entry* LimitTable::find_in(Line* const (&lines)[2], uint64_t tag) {
  for (Line* line : lines) {
    for (Entry& entry : line->entries) {
      if (entry.tag.load(std::memory_order_acquire) == tag) return &entry;
    }
  }
  return nullptr;
}

LimitTable::Entry* LimitTable::find(const LimitHash& hash) {
  Line* lines[2];
  lines_of(group_of(hash.line), hash.line, lines);
  return find_in(lines, hash.tag);
}

bool LimitTable::idle(uint64_t tag, uint64_t value, uint64_t now) {
  if (tag == 0) return true;
  if (value == kFrozen) return false;
  if ((tag & kCountBit) != 0) return (value & kCountMask) == 0;
  return Bucket::debt_of(value, now) == 0;
}

// What an entry begins with must differ from all that a core may have read there shortly before: it
// would take its compare-and-swap for its own key's. So the uses are counted on, in the bits that
// say nothing else.
uint64_t LimitTable::first_value(uint64_t tag, uint64_t value, uint64_t before, uint64_t now) {
  if ((tag & kCountBit) != 0) return ((before >> 32) + 1) << 32 | (value & kCountMask);
  const uint64_t full_at = value == kBucketFull ? now : value >> 8;
  return full_at << 8 | ((before + 1) & 0xff);
}

LimitTable::Entry* LimitTable::find_or_insert(const LimitHash& hash, uint64_t value, uint64_t now) {
  const Group group = group_of(hash.line);
  Line* lines[2];
  lines_of(group, hash.line, lines);
  if (Entry* entry = find_in(lines, hash.tag)) return entry;

  const Locked locked(*group.lock);
  if (Entry* entry = find_in(lines, hash.tag)) return entry;  // another core was faster
  size_t free[2] = {0, 0};
  for (size_t i = 0; i < 2; ++i) {
    for (const Entry& entry : lines[i]->entries)
      free[i] += idle(entry.tag.load(), entry.value.load(), now) ? 1 : 0;
  }
  Line* const order[2] = {lines[free[1] > free[0] ? 1 : 0], lines[free[1] > free[0] ? 0 : 1]};
  for (Line* line : order) {
    for (Entry& entry : line->entries) {
      const uint64_t tag = entry.tag.load(std::memory_order_relaxed);
      uint64_t old = entry.value.load(std::memory_order_relaxed);
      // Whoever is about to charge the old owner fails at the frozen value, and looks for it again.
      if (!idle(tag, old, now) || !entry.value.compare_exchange_strong(old, kFrozen)) continue;
      entry.tag.store(hash.tag, std::memory_order_release);
      entry.value.store(first_value(hash.tag, value, old, now), std::memory_order_release);
      inserted_.fetch_add(1, std::memory_order_relaxed);
      if (tag != 0) taken_over_.fetch_add(1, std::memory_order_relaxed);
      return &entry;
    }
  }
  no_place_.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

template <class Condition>
size_t LimitTable::free_entries(Condition&& condition) {
  size_t left = 0;
  for (size_t i = 0; i < groups_; ++i) {
    Line* lines = lines_ + i * kGroupLines;
    for (size_t line = 0; line < kGroupLines; ++line) {
      for (Entry& entry : lines[line].entries) {
        const uint64_t tag = entry.tag.load(std::memory_order_relaxed);
        if (tag == 0) continue;
        uint64_t value = entry.value.load(std::memory_order_relaxed);
        if (!condition(tag, value)) {
          ++left;
          continue;
        }
        const Locked locked(locks_[i]);
        if (entry.tag.load() != tag || !entry.value.compare_exchange_strong(value, kFrozen))
          continue;
        entry.tag.store(0, std::memory_order_release);
        entry.value.store(first_value(tag, 0, value, 0), std::memory_order_release);
      }
    }
  }
  return left;
}

size_t LimitTable::sweep(uint64_t now) {
  return free_entries([now](uint64_t tag, uint64_t value) { return idle(tag, value, now); });
}

void LimitTable::erase(uint16_t id) {
  free_entries([id](uint64_t tag, uint64_t value) { return tag >> 48 == id && value != kFrozen; });
}

LimitTable::Figures LimitTable::figures() const {
  return {.places = groups_ * kGroupLines * 4,
          .inserted = inserted_.load(std::memory_order_relaxed),
          .taken_over = taken_over_.load(std::memory_order_relaxed),
          .no_place = no_place_.load(std::memory_order_relaxed)};
}

}  // namespace relais::policy
