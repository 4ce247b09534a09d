// What became of messages, as entries that ride on the next flush (at most kJournalDelay later).
// Pure codec.
//
//   gone:   u8 1 | u64 message                                      every recipient is settled
//   state:  u8 2 | u64 message | u32 attempts | i64 next attempt (wall, ns) | u32 n | n * u32
//   settled recipient
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

struct JournalEntry {
  uint64_t message = 0;
  bool gone = false;
  MessageState state;  // when not gone
};

void append_entry(std::string& out, const JournalEntry& entry);
// Reads the entries of one journal record in order. False: the bytes are damaged (never with a good
// CRC).
[[nodiscard]] bool read_entries(std::string_view bytes,
                                const std::function<void(JournalEntry&&)>& take);

}  // namespace relais::spool
