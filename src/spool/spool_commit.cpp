// Group commit: what waits, records and entries, goes to the head with one write that is durable,
// and is told when it is, or that it is not.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "spool/spool.h"

namespace relais::spool {
namespace {

constexpr Duration kRetryMakingSegment = seconds(1);

uint8_t flags_of_last(const Message& message) {
  uint8_t flags = RecordHeader::kLast;
  if (message.traits.seven_bit) flags |= RecordHeader::kSevenBit;
  if (message.traits.undotted) flags |= RecordHeader::kUndotted;
  return flags;
}

}  // namespace

void Spool::enqueue(Message& message, uint32_t chunk, bool relocation) {
  const BlockId block = message.chunk(chunk).block;
  blocks_.hold(block);
  queue_.push_back({messages_.handle_of(&message), chunk, block, relocation});
}

RecordHeader Spool::header_of(const Message& message, uint32_t chunk) const {
  const bool last = chunk + 1 == message.chunk_count() && message.stage != Message::Stage::kWriting;
  return {.message = message.number,
          .chunk = chunk,
          .payload_octets = message.payload_octets(chunk),
          .kind = RecordKind::kChunk,
          .flags = last ? flags_of_last(message) : uint8_t{0},
          .envelope_octets = message.envelope_octets,
          .content_octets = last ? message.content_octets() : 0};
}

void Spool::end_of_turn() {
  serve_wanted_reads();
  drop();
  clean();
  wake_waiting();
  // While nothing is accepted nothing else would find out that there is room again.
  if (segments_.failed()) arm_timer(kRetryMakingSegment);
  if (flushing_) return;
  if (queue_.empty() && (journal_.empty() || !journal_due_)) return;
  if (open_head() || (segments_.free_dead(true) && open_head())) return start_group();
  if (note_tail() || segments_.making()) return;
  fail_queue(segments_.failed() ? segments_.failure() : Error::kNoSpace);
}

// A head with room for at least the journal and one more record.
bool Spool::open_head() {
  const uint64_t journals = std::min<size_t>(journal_.count(), Group::kJournalsMax);
  const uint64_t wanted = kSegmentReserve + kAlignment + (1 + journals) * kBlockOctets;
  if (const SegmentIndex head = segments_.head(); head != kNoSegment) {
    const Segment& segment = segments_.at(head);
    const bool fits = segment.size - segment.used >= wanted;
    // The next one is made while this one is being filled. (`segment` may be moved by that.)
    if (segment.used > segment.size / 2 && dropping_.segment == kNoSegment)
      segments_.prepare(false);
    if (fits) return true;
  }
  if (!segments_.advance_head(next_epoch_, next_sequence_)) return false;
  ++next_epoch_;
  clean_check_ = true;
  drop_check_ = true;
  return true;
}

void Spool::start_group() {
  const SegmentIndex head = segments_.head();
  const Segment& segment = segments_.at(head);
  // A tail may move on only together with every delivery record that justifies it.
  const bool all_journals = journal_.count() <= Group::kJournalsMax;
  group_.begin(head, segment.used, segment.size - segment.used - kSegmentReserve, segment.epoch,
               next_sequence_, all_journals ? segments_.tail_epoch() : flushed_tail_);
  if (segment.used == 0 && !group_.add_segment_start(next_message_)) ASSERT(false);
  for (const Page& page : journal_.all()) {
    if (!group_.add_journal(page.bytes)) break;
  }
  size_t taken = 0;
  for (; taken < queue_.size(); ++taken) {
    const PendingChunk& pending = queue_[taken];
    const Message* message = messages_.get(pending.message);
    if (message == nullptr) {
      if (pending.relocation) --moving_;
      release(pending.block);
      continue;
    }
    if (!group_.add_chunk(pending, header_of(*message, pending.chunk),
                          blocks_.bytes(pending.block)))
      break;
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(taken));
  if (!group_.empty()) write_group();
}

// No free segment, but some would become free if a flush said so: says it in the head's reserve.
// More delivery records than fit follow with the next group, at once: until then a crash may send
// again what they settled.
bool Spool::note_tail() {
  segments_.reclaim(flushed_tail_);
  const SegmentIndex head = segments_.head();
  if (head == kNoSegment) return false;
  const bool tail_waits = segments_.at(segments_.log().front()).live == 0;  // for states
  if (!segments_.cooling() && !tail_waits && dropping_.segment == kNoSegment) return false;
  const Segment& segment = segments_.at(head);
  group_.begin(head, segment.used, segment.size - segment.used, segment.epoch, next_sequence_,
               segments_.tail_epoch());
  for (const Page& page : journal_.all()) {
    if (!group_.add_journal(page.bytes)) break;
  }
  if (journal_.empty() && !group_.add_journal({})) return false;
  if (group_.empty()) return false;
  write_group();
  return true;
}

void Spool::write_group() {
  flushing_ = true;
  journal_.begin_write(std::min<size_t>(group_.journals(), journal_.count()));
  loop_.write_durable(segments_.at(group_.segment()).fd, group_.unwritten(), group_.write_offset(),
                      {ring::Operation::kSpoolWrite, {}});
}

void Spool::on_written(const ring::Completion& completion) {
  ASSERT(flushing_);
  if (!completion.ok()) return fail_group(completion.error());
  // A write of nothing, or one that ends off the grid, is a disk that is full or broken.
  const auto octets = static_cast<uint64_t>(completion.result);
  if (octets == 0) return fail_group(Error::kNoSpace);
  if (octets % kAlignment != 0) return fail_group(Error::kIo);
  if (group_.wrote(octets)) return finish_group();
  write_group();
}

void Spool::finish_group() {
  flushing_ = false;
  ++figures_.groups;
  next_sequence_ = group_.next_sequence();
  flushed_tail_ = group_.tail_epoch();
  pages_written();
  if (journal_.empty()) journal_due_ = false;
  Segment& segment = segments_.at(group_.segment());
  segment.used = group_.offset() + group_.octets();
  for (const Group::Record& record : group_.records()) {
    const PendingChunk& pending = record.pending;
    ++figures_.records;
    if (pending.relocation) --moving_;
    if (Message* message = messages_.get(pending.message)) {
      Chunk& chunk = message->chunk(pending.chunk);
      if (!pending.relocation) disk_.take(message->connector, record.octets);
      if (pending.relocation) {
        ++figures_.moved;
        Segment& old = segments_.at(chunk.segment);
        old.live -= record.octets;
        old.copied = true;
        drop_check_ = true;
        if (message->state.attempts > 0 || !message->state.settled.empty())
          note_state(*message, message->state.settled);
      }
      chunk.segment = group_.segment();
      chunk.page = record.page;
      segment.live += record.octets;
      if (blocks_.scarce(2) && pending.chunk + 1 < message->chunk_count()) drop_cached(chunk);
      if (message->stage == Message::Stage::kCommitting &&
          pending.chunk + 1 == message->chunk_count()) {
        message->stage = Message::Stage::kLive;
        events_.push_back(
            {.kind = Event::Kind::kCommitted, .message = pending.message, .owner = message->owner});
        if (blocks_.scarce(4)) uncache(pending.message);
      }
    }
    release(pending.block);
  }
  segments_.reclaim(flushed_tail_);
}

// Nobody is told 250 for this group. What it may have left on disk is void: the next segment starts
// with the same sequence number (see recovery.h).
void Spool::fail_group(Error error) {
  flushing_ = false;
  journal_.write_failed();
  ++figures_.failed_groups;
  segments_.seal_head();
  for (const Group::Record& record : group_.records()) {
    if (record.pending.relocation) {
      --moving_;
    } else {
      fail_message(record.pending.message, error);
    }
    release(record.pending.block);
  }
  arm_timer(kRetryMakingSegment);
}

// There is no segment to write to and none can be made now.
void Spool::fail_queue(Error error) {
  for (const PendingChunk& pending : std::exchange(queue_, {})) {
    if (pending.relocation) {
      --moving_;
    } else {
      fail_message(pending.message, error);
    }
    release(pending.block);
  }
  arm_timer(kRetryMakingSegment);
}

void Spool::fail_message(Handle handle, Error error) {
  Message* message = messages_.get(handle);
  if (message == nullptr) return;
  ASSERT(message->stage != Message::Stage::kLive);
  events_.push_back(
      {.kind = Event::Kind::kFailed, .message = handle, .owner = message->owner, .error = error});
  forget(*message);
}

void Spool::forget(Message& message) {
  if (message.stage == Message::Stage::kWriting) --writing_of(message.flow);
  for (uint32_t i = 0; i < message.chunk_count(); ++i) {
    Chunk& chunk = message.chunk(i);
    if (chunk.segment != kNoSegment) {
      const uint32_t octets = disk_octets(message.payload_octets(i));
      Segment& segment = segments_.at(chunk.segment);
      segment.live -= octets;
      drop_check_ = drop_check_ || segment.live == 0;
      disk_.give(message.connector, octets);
    }
    drop_cached(chunk);
  }
  set_noted(message, 0);
  messages_.release(&message);
}

}  // namespace relais::spool
