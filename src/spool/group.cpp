#include "spool/group.h"

#include <cstring>

#include "base/assert.h"

namespace relais::spool {

Group::Group() : own_(kJournalsMax + 1) {
  vectors_.reserve(kRecordsMax + kJournalsMax + 1);
  records_.reserve(kRecordsMax);
  for (uint32_t i = 0; i < kJournalsMax + 1; ++i) {
    const auto block = own_.take(BlockPool::Purpose::kLog, kNobody);
    ASSERT(block.has_value());
    own_blocks_.push_back(*block);
  }
}

void Group::begin(SegmentIndex segment, uint64_t offset, uint64_t room, uint64_t epoch,
                  uint64_t sequence, uint64_t tail_epoch) {
  segment_ = segment;
  offset_ = offset;
  room_ = room;
  epoch_ = epoch;
  first_sequence_ = sequence_ = sequence;
  tail_epoch_ = tail_epoch;
  octets_ = written_ = 0;
  journals_ = 0;
  first_vector_ = 0;
  vectors_.clear();
  records_.clear();
}

bool Group::add(RecordHeader header, std::span<std::byte> block,
                std::optional<uint32_t> payload_crc) {
  const uint32_t octets = disk_octets(header.payload_octets);
  if (octets_ + octets > room_) return false;
  header.epoch = epoch_;
  header.sequence = sequence_;
  header.tail_epoch = tail_epoch_;
  if (payload_crc) {
    seal_full_record(header, block, *payload_crc);
  } else {
    seal_record(header, block);
  }
  vectors_.push_back({block.data(), octets});
  octets_ += octets;
  return true;
}

bool Group::add_segment_start(uint64_t next_message) {
  ASSERT(empty() && offset_ == 0);
  // Does not take a sequence number: it says which one comes next.
  return add({.message = next_message, .kind = RecordKind::kSegment},
             own_.bytes(own_blocks_[kJournalsMax]));
}

bool Group::add_journal(const std::string& page) {
  ASSERT(records_.empty() && page.size() <= kPayloadMax);
  if (journals_ == kJournalsMax) return false;
  const auto block = own_.bytes(own_blocks_[journals_]);
  std::memcpy(block.data() + kHeaderOctets, page.data(), page.size());
  if (!add({.payload_octets = static_cast<uint32_t>(page.size()), .kind = RecordKind::kJournal},
           block))
    return false;
  ++journals_;
  ++sequence_;
  return true;
}

bool Group::add_chunk(const PendingChunk& pending, RecordHeader header,
                      std::span<std::byte> block) {
  if (records_.size() == kRecordsMax) return false;
  const auto page = static_cast<uint32_t>((offset_ + octets_) / kAlignment);
  if (!add(header, block, pending.payload_crc)) return false;
  records_.push_back({pending, page, disk_octets(header.payload_octets)});
  ++sequence_;
  return true;
}

std::span<const iovec> Group::unwritten() const {
  return std::span(vectors_).subspan(first_vector_);
}

bool Group::wrote(uint64_t octets) {
  written_ += octets;
  ASSERT(written_ <= octets_);
  while (octets > 0) {
    iovec& vector = vectors_[first_vector_];
    if (octets < vector.iov_len) {
      vector.iov_base = static_cast<std::byte*>(vector.iov_base) + octets;
      vector.iov_len -= octets;
      break;
    }
    octets -= vector.iov_len;
    ++first_vector_;
  }
  return written_ == octets_;
}

}  // namespace relais::spool
