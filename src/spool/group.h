// One group commit: the records that one flush makes durable. Assembled from the queue, written
// with one vectored write, finished or failed as a whole.
//
// Order within a group: [segment start] [journal records] [message chunks]. Journals come first so
// that a tail epoch in a later record never outlives the entries that justified it (a scan stops at
// the first invalid record).
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/slab.h"
#include "spool/block_pool.h"
#include "spool/message.h"
#include "spool/record.h"

namespace relais::spool {

// A chunk that waits for its flush. Holds one reference to the block.
struct PendingChunk {
  Handle message;
  uint32_t chunk = 0;
  BlockId block = kNoBlock;
  bool relocation = false;  // a copy of a durable chunk, on its way out of an old segment
  std::optional<uint32_t> payload_crc{};  // of a full chunk, where it is known
};

class Group {
 public:
  static constexpr uint32_t kRecordsMax = 256;
  static constexpr uint32_t kJournalsMax = 8;

  struct Record {
    PendingChunk pending;
    uint32_t page = 0;
    uint32_t octets = 0;  // on disk
  };

  Group();

  // Where the group goes and what its headers say.
  void begin(SegmentIndex segment, uint64_t offset, uint64_t room, uint64_t epoch,
             uint64_t sequence, uint64_t tail_epoch);
  // False: no room left (in the segment, or in the group).
  bool add_segment_start(uint64_t next_message);
  bool add_journal(const std::string& page);
  bool add_chunk(const PendingChunk& pending, RecordHeader header, std::span<std::byte> block);

  [[nodiscard]] bool empty() const { return octets_ == 0; }
  [[nodiscard]] SegmentIndex segment() const { return segment_; }
  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] uint64_t octets() const { return octets_; }
  [[nodiscard]] uint64_t first_sequence() const { return first_sequence_; }
  [[nodiscard]] uint64_t next_sequence() const { return sequence_; }
  [[nodiscard]] uint64_t tail_epoch() const { return tail_epoch_; }
  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] uint32_t journals() const { return journals_; }

  // ---- while it is written
  [[nodiscard]] std::span<const iovec> unwritten() const;
  [[nodiscard]] uint64_t write_offset() const { return offset_ + written_; }
  // Takes note of `octets` written. True: all of it is.
  bool wrote(uint64_t octets);

 private:
  bool add(RecordHeader header, std::span<std::byte> block,
           std::optional<uint32_t> payload_crc = {});

  SegmentIndex segment_ = kNoSegment;
  uint64_t offset_ = 0;
  uint64_t room_ = 0;
  uint64_t epoch_ = 0;
  uint64_t first_sequence_ = 0;
  uint64_t sequence_ = 0;
  uint64_t tail_epoch_ = 0;
  uint64_t octets_ = 0;
  uint64_t written_ = 0;
  uint32_t journals_ = 0;
  size_t first_vector_ = 0;
  std::vector<iovec> vectors_;
  std::vector<Record> records_;
  BlockPool own_;  // for the segment start and the journals
  std::vector<BlockId> own_blocks_;
};

}  // namespace relais::spool
