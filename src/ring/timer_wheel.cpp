#include "ring/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace relais::ring {
namespace {
constexpr int64_t kTickNs = 1'000'000;
constexpr uint32_t kSlotBits = 8;
}  // namespace

TimerWheel::TimerWheel(Instant start) : start_(start) { heads_.fill(kNone); }

TimerId TimerWheel::arm(Instant when, uint64_t payload) {
  const int64_t away = std::max<int64_t>(0, (when - start_).ns);
  // Rounded up: never early.
  const uint64_t tick = static_cast<uint64_t>(away + kTickNs - 1) / kTickNs;
  uint32_t index = free_head_;
  if (index == kNone) {
    index = static_cast<uint32_t>(entries_.size());
    entries_.push_back({.payload = 0,
                        .tick = 0,
                        .previous = kNone,
                        .next = kNone,
                        .generation = 1,
                        .slot = kFree});
  } else {
    free_head_ = entries_[index].next;
  }
  Entry& entry = entries_[index];
  entry.payload = payload;
  entry.tick = std::max(tick, tick_);
  ++size_;
  file(index);
  return {index, entry.generation};
}

bool TimerWheel::cancel(TimerId id) {
  if (id.slot >= entries_.size()) return false;
  const Entry& entry = entries_[id.slot];
  if (entry.slot == kFree || entry.generation != id.generation) return false;
  unlink(id.slot);
  free_entry(id.slot);
  return true;
}

// An entry lies at the level of the highest byte in which its tick differs from the current one.
void TimerWheel::file(uint32_t index) {
  Entry& entry = entries_[index];
  const uint64_t differs = entry.tick ^ tick_;
  uint32_t level =
      differs == 0 ? 0 : (63 - static_cast<uint32_t>(std::countl_zero(differs))) / kSlotBits;
  uint64_t slot_tick = entry.tick;
  if (level >= kLevels) {
    // In the wheel's next round: its own slot, or when that lies beyond a whole round, the one just
    // behind the current slot, which is the last to come by.
    level = kLevels - 1;
    slot_tick = std::min(entry.tick, tick_ + (uint64_t{kSlots - 1} << (kSlotBits * level)));
  }
  const auto slot = static_cast<uint32_t>(slot_tick >> (kSlotBits * level)) & (kSlots - 1);
  const uint32_t at = level * kSlots + slot;
  entry.slot = static_cast<uint16_t>(at);
  entry.previous = kNone;
  entry.next = heads_[at];
  if (entry.next != kNone) entries_[entry.next].previous = index;
  heads_[at] = index;
  used_[level][slot / 64] |= uint64_t{1} << (slot % 64);
}

void TimerWheel::unlink(uint32_t index) {
  const Entry& entry = entries_[index];
  if (entry.next != kNone) entries_[entry.next].previous = entry.previous;
  if (entry.previous != kNone) {
    entries_[entry.previous].next = entry.next;
    return;
  }
  heads_[entry.slot] = entry.next;
  if (entry.next == kNone) {
    const uint32_t slot = entry.slot % kSlots;
    used_[entry.slot / kSlots][slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
}

void TimerWheel::free_entry(uint32_t index) {
  Entry& entry = entries_[index];
  entry.slot = kFree;
  entry.generation = (entry.generation + 1) & Slab<int>::kGenerationMask;
  entry.next = free_head_;
  free_head_ = index;
  --size_;
}

// Files the current slot of `level` again: its entries now belong to lower levels.
void TimerWheel::cascade(uint32_t level) {
  const uint32_t slot = static_cast<uint32_t>(tick_ >> (kSlotBits * level)) & (kSlots - 1);
  const uint32_t at = level * kSlots + slot;
  uint32_t index = heads_[at];
  heads_[at] = kNone;
  used_[level][slot / 64] &= ~(uint64_t{1} << (slot % 64));
  while (index != kNone) {
    const uint32_t next = entries_[index].next;
    file(index);
    index = next;
  }
}

void TimerWheel::advance(Instant now, std::vector<uint64_t>& due) {
  if (now < start_) return;
  const uint64_t target = static_cast<uint64_t>((now - start_).ns / kTickNs);
  while (tick_ <= target) {
    if (size_ == 0) {
      tick_ = target + 1;
      return;
    }
    uint32_t index = heads_[tick_ & (kSlots - 1)];
    while (index != kNone) {
      const uint32_t next = entries_[index].next;
      ASSERT(entries_[index].tick == tick_);
      due.push_back(entries_[index].payload);
      unlink(index);
      free_entry(index);
      index = next;
    }
    // Jump to the next used slot of level 0, or to its end, where the higher levels move.
    const uint32_t here = static_cast<uint32_t>(tick_) & (kSlots - 1);
    const uint32_t used = here + 1 < kSlots ? first_used(0, here + 1) : kSlots;
    tick_ = std::min(target + 1, tick_ - here + used);
    for (uint32_t level = 1; level < kLevels; ++level) {
      if ((tick_ & ((uint64_t{1} << (kSlotBits * level)) - 1)) != 0) break;
      cascade(level);
    }
  }
}

// First non-empty slot at or after `from`; kSlots when there is none.
uint32_t TimerWheel::first_used(uint32_t level, uint32_t from) const {
  for (uint32_t word = from / 64; word < kSlots / 64; ++word) {
    uint64_t bits = used_[level][word];
    if (word == from / 64) bits &= ~uint64_t{0} << (from % 64);
    if (bits != 0) return word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
  }
  return kSlots;
}

std::optional<Instant> TimerWheel::next() const {
  if (size_ == 0) return std::nullopt;
  const auto at = [this](uint64_t tick) {
    return start_ + Duration{static_cast<int64_t>(tick) * kTickNs};
  };
  for (uint32_t level = 0; level < kLevels; ++level) {
    const uint32_t shift = kSlotBits * level;
    const uint32_t here = static_cast<uint32_t>(tick_ >> shift) & (kSlots - 1);
    // The current slot of a higher level has been cascaded, so it is searched from the next one on.
    const uint32_t slot = first_used(level, level == 0          ? here
                                            : here + 1 < kSlots ? here + 1
                                                                : kSlots - 1);
    const bool found = slot < kSlots && (level == 0 || slot > here);
    if (found) return at(((tick_ >> shift) - here + slot) << shift);
    const bool wrapped = first_used(level, 0) < kSlots;
    if (wrapped) return at((((tick_ >> shift) | (kSlots - 1)) + 1) << shift);
  }
  return at(tick_);
}

}  // namespace relais::ring
