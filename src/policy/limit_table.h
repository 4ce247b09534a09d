// The buckets and counts of all keyed limits ("each source", "each sender"), in one table of fixed
// size that all cores share. An entry is 16 octets: a tag (which limit, and 48 bits of the key's
// hash) and a value (a bucket, or a count of connections).
//
//   line (64 octets, one cache line): 4 entries; group: 64 lines, one lock for what inserts there
//
// A key has two lines in its group and takes the emptier one. Finding and charging an entry takes
// no lock; inserting takes the group's. A place is taken over only from an entry that says nothing
// any more (a full bucket, a count of 0), so no debt is ever forgotten. When both lines hold
// nothing but debts there is no place: the caller charges the limit's shared bucket instead, and
// the table counts it (Figures::no_place).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/zero_pages.h"

namespace relais::policy {

struct LimitHash {
  uint64_t line = 0;  // which group and lines
  uint64_t tag = 0;   // the limit's id in the upper 16 bits, never 0
};

class LimitTable {
 public:
  static constexpr size_t kEntryOctets = 16;
  // A value that nothing may be stored over: the entry is changing its owner.
  static constexpr uint64_t kFrozen = UINT64_MAX;

  struct Entry {
    std::atomic<uint64_t> tag{0};
    std::atomic<uint64_t> value{0};
  };

  // Takes at most `octets`, at least one group (4 KiB); memory is used as it is touched.
  explicit LimitTable(size_t octets);
  LimitTable(const LimitTable&) = delete;
  LimitTable& operator=(const LimitTable&) = delete;

  // Null: it has none.
  [[nodiscard]] Entry* find(const LimitHash& hash);
  // Its entry, perhaps a new one that begins with `value`. `now`: ticks, tells which buckets are
  // full. Null: no place.
  [[nodiscard]] Entry* find_or_insert(const LimitHash& hash, uint64_t value, uint64_t now);

  // Stores what change(value, next) puts into `next`; kNo: it returned false. kGone: the entry is
  // another key's by now, look for it again.
  enum class Changed : uint8_t { kYes, kNo, kGone };
  template <class Change>
  static Changed change(Entry& entry, uint64_t tag, Change&& change) {
    uint64_t value = entry.value.load(std::memory_order_acquire);
    for (;;) {
      if (value == kFrozen || entry.tag.load(std::memory_order_acquire) != tag)
        return Changed::kGone;
      uint64_t next = 0;
      if (!change(value, next)) return Changed::kNo;
      if (entry.value.compare_exchange_weak(value, next, std::memory_order_acq_rel))
        return Changed::kYes;
    }
  }

  // Ids of counts have this bit; their entries are idle at count 0, all others when full.
  static constexpr uint64_t kCountBit = 1ULL << 63;
  static constexpr uint64_t kCountMask = UINT32_MAX;  // of a value; the rest tells uses apart

  // Frees what is idle, so that no bucket grows so old that its time wraps around; takes some
  // milliseconds for each 16 MiB, not on a core. Returns the entries that are left.
  size_t sweep(uint64_t now);
  // Frees all entries of a limit that is gone.
  void erase(uint16_t id);

  struct Figures {
    size_t places = 0;
    uint64_t inserted = 0;
    uint64_t taken_over = 0;  // of those: from an entry that had become idle
    uint64_t no_place = 0;
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct Line {
    Entry entries[4];
  };
  static constexpr size_t kGroupLines = 64;
  static constexpr size_t kGroupOctets = kGroupLines * sizeof(Line);

  struct Group {
    Line* first;
    std::atomic_flag* lock;
  };
  [[nodiscard]] Group group_of(uint64_t hash) const;
  static void lines_of(const Group& group, uint64_t hash, Line* (&lines)[2]);
  static Entry* find_in(Line* const (&lines)[2], uint64_t tag);
  static bool idle(uint64_t tag, uint64_t value, uint64_t now);
  static uint64_t first_value(uint64_t tag, uint64_t value, uint64_t before, uint64_t now);
  template <class Condition>
  size_t free_entries(Condition&& condition);

  size_t groups_;
  ZeroPages memory_;
  Line* lines_;  // in it
  std::unique_ptr<std::atomic_flag[]> locks_;
  std::atomic<uint64_t> inserted_{0};
  std::atomic<uint64_t> taken_over_{0};
  std::atomic<uint64_t> no_place_{0};
};

}  // namespace relais::policy
