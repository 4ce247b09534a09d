// One message of this core's log, in memory: where its chunks are on disk and in which blocks they
// still stand. The envelope is not here: it is read from chunk 0 when it is needed, so a message
// that waits costs about 140 octets.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/slab.h"
#include "spool/block_pool.h"
#include "spool/journal.h"
#include "spool/record.h"
#include "spool/segments.h"
#include "spool/shares.h"

namespace relais::spool {

struct Chunk {
  SegmentIndex segment = kNoSegment;  // kNoSegment: not durable yet
  uint32_t page = 0;                  // offset in the segment, in units of kAlignment
  BlockId block = kNoBlock;           // its bytes in memory (one reference), or none
};

struct Message {
  enum class Stage : uint8_t {
    kWriting,     // the client is still sending
    kCommitting,  // complete, waiting for the flush
    kLive,        // acknowledged: must be delivered
  };

  uint64_t number = 0;
  uint64_t stream_octets = 0;  // envelope and content so far
  uint32_t envelope_octets = 0;
  uint32_t recipients = 0;
  WallTime received;  // as in the envelope
  Handle owner;       // who is told about commit and failure (a session)
  Stage stage = Stage::kWriting;
  ContentTraits traits;
  bool waits_for_space = false;
  bool has_turn = false;                // it may take its next block though others wait
  uint32_t promised = 0;                // blocks that begin() left for what comes first
  ConnectorNumber connector = kNobody;  // that took it
  uint32_t noted = 0;  // low(epoch) of the segment with its newest complete state; 0: none
  uint64_t flow = 0;   // flow_of() the envelope
  MessageState state;
  Chunk first;
  std::unique_ptr<std::vector<Chunk>> more;  // null: none, as is usual

  [[nodiscard]] uint32_t chunk_count() const {
    return 1 + (more == nullptr ? 0 : static_cast<uint32_t>(more->size()));
  }
  void add_chunk(const Chunk& chunk) {
    if (more == nullptr) more = std::make_unique<std::vector<Chunk>>();
    more->push_back(chunk);
  }
  [[nodiscard]] Chunk& chunk(uint32_t index) { return index == 0 ? first : (*more)[index - 1]; }
  [[nodiscard]] const Chunk& chunk(uint32_t index) const {
    return index == 0 ? first : (*more)[index - 1];
  }
  // All chunks but the last are full.
  [[nodiscard]] uint32_t payload_octets(uint32_t index) const {
    const uint64_t before = uint64_t{index} * kPayloadMax;
    const uint64_t left = stream_octets - before;
    return left < kPayloadMax ? static_cast<uint32_t>(left) : kPayloadMax;
  }
  [[nodiscard]] uint64_t content_octets() const { return stream_octets - envelope_octets; }
  [[nodiscard]] bool is_settled(uint32_t recipient) const;
  [[nodiscard]] bool all_settled() const { return state.settled.size() == recipients; }
};

}  // namespace relais::spool
