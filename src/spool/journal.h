// What became of messages, as entries that ride on the next flush (at most kJournalDelay later).
// Pure codec.
//
//   gone:     u8 1 | u64 message                                    every recipient is settled
//   state:    u8 2 | u64 message | u32 attempts | i64 next attempt (wall, ns) | u32 n | n * u32
//   settled recipient
//   dropped:  u8 3 | u64 first epoch | u64 last epoch | u64 sequence
//
// The newest state entry of a message decides attempts and time; settled recipients add up over all
// of them (a recipient is never unsettled), so a long list is split over several entries of
// kSettledMax.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais::spool {

inline constexpr size_t kSettledMax = 1000;

struct MessageState {
  uint32_t attempts = 0;          // of delivery, that ended in a temporary failure
  WallTime next_attempt;          // 0: as soon as possible
  std::vector<uint32_t> settled;  // indices of recipients: delivered or given up, ascending
};

// Segments that are no part of the log any more, though older ones are: nothing in them is needed
// (spool_drop.cpp). All of the log's own epochs from `first` to `last` are.
struct DroppedSegments {
  uint64_t first = 0;  // epochs
  uint64_t last = 0;
  uint64_t sequence = 0;  // of the first record of `first`: where what stands before it ended
};

struct JournalEntry {
  enum class Kind : uint8_t { kGone = 1, kState = 2, kDropped = 3 };
  Kind kind = Kind::kState;
  uint64_t message = 0;       // kGone, kState
  MessageState state{};       // kState
  DroppedSegments dropped{};  // kDropped
};

void append_entry(std::string& out, const JournalEntry& entry);
// Reads the entries of one journal record in order. False: the bytes are damaged (never with a good
// CRC).
[[nodiscard]] bool read_entries(std::string_view bytes,
                                const std::function<void(JournalEntry&&)>& take);

}  // namespace relais::spool
