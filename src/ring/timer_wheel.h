// Coarse timers: a hierarchical wheel (Varghese and Lauck) of 1 ms ticks, 4 levels of 256 slots,
// about 49 days; what is further away waits in the last slot and is filed again. Arm and cancel are
// O(1); the ring needs one time-out for all of them. Pure: time is an argument. Limit: grows by
// doubling; an entry takes 32 octets. A timer never fires early, and at most one tick plus one turn
// late.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/slab.h"

namespace relais::ring {

using TimerId = Handle;  // null: no timer

class TimerWheel {
 public:
  explicit TimerWheel(Instant start);

  // `payload` comes back when the time has come. A time in the past fires with the next tick.
  [[nodiscard]] TimerId arm(Instant when, uint64_t payload);
  // False: it has fired or was cancelled before.
  bool cancel(TimerId id);
  // Moves time on and appends the payloads that are due, in order of tick.
  void advance(Instant now, std::vector<uint64_t>& due);
  // When advance() should be called next, at the latest; nothing armed: nullopt.
  [[nodiscard]] std::optional<Instant> next() const;
  [[nodiscard]] uint32_t size() const { return size_; }

 private:
  static constexpr uint32_t kLevels = 4;
  static constexpr uint32_t kSlots = 256;
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Entry {
    uint64_t payload;
    uint64_t tick;
    uint32_t previous;
    uint32_t next;
    uint32_t generation;
    uint16_t slot;  // level * kSlots + index, kFree when not armed
  };
  static constexpr uint16_t kFree = UINT16_MAX;

  void file(uint32_t entry);
  void unlink(uint32_t entry);
  void free_entry(uint32_t entry);
  void cascade(uint32_t level);
  [[nodiscard]] uint32_t first_used(uint32_t level, uint32_t from) const;

  Instant start_;
  uint64_t tick_ = 0;  // everything before it has fired
  uint32_t size_ = 0;
  uint32_t free_head_ = kNone;
  std::vector<Entry> entries_;
  std::array<uint32_t, kLevels * kSlots> heads_;
  std::array<std::array<uint64_t, kSlots / 64>, kLevels> used_{};  // bit: slot is not empty
};

}  // namespace relais::ring
