// Rebuilds what is alive from the log's files alone, at start, synchronously. Reads every segment
// once, front to back. In the newest segment the scan ends at the first record that is not valid or
// not the expected next one: what lies behind it was in a flush that never completed, and nobody
// was told 250 for it. In older segments every record below the next segment's first sequence
// number was durable once: the scan goes on behind a damaged one, and what cannot be read is
// counted (Report::lost_records). A later segment may say that earlier ones are no part of the log
// any more (spool_drop.cpp): they are not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ring/kernel.h"
#include "spool/message.h"

namespace relais::spool {

struct RecoveredMessage {
  uint64_t number = 0;
  uint64_t content_octets = 0;
  uint32_t envelope_octets = 0;
  uint32_t noted = 0;  // low(epoch) of the segment with the newest entry of all its state; 0: none
  WallTime received;
  uint64_t flow = 0;
  ConnectorNumber connector = kNobody;
  ContentTraits traits;
  bool is_scattered = false;  // there are later entries in other segments, or none is all
  MessageState state;
  std::vector<Chunk> chunks;  // Chunk::segment indexes Recovered::segments
};

struct Recovered {
  struct Report {
    uint64_t messages = 0;        // alive: acknowledged and not settled
    uint64_t untried = 0;         // of these, with no recorded attempt
    uint64_t unacknowledged = 0;  // incomplete messages that were dropped: nobody was told 250
    uint64_t lost_records = 0;  // records that must have existed and cannot be read: a damaged disk
    uint32_t segments = 0;
  };
  std::vector<Segment> segments;  // with open descriptors; used > 0: in the log, ascending epochs
                                  // first; then free ones
  std::vector<RecoveredMessage> messages;  // ascending numbers
  // What has been dropped and may still lie there, ascending, and which segment says so.
  std::vector<std::pair<DroppedSegments, SegmentIndex>> dropped;
  uint64_t next_sequence = 1;
  uint64_t next_epoch = 1;
  uint64_t next_message = 1;
  Report report;
};

// Connectors that the log knows get numbers.
[[nodiscard]] Result<Recovered> recover(ring::Kernel& kernel, const std::string& folder,
                                        uint64_t segment_octets, Connectors& connectors);

}  // namespace relais::spool
