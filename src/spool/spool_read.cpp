// Reading messages back from the log, and moving the survivors out of old segments (log cleaning),
// where little is alive in each. Segments in which nothing is: spool_drop.cpp.
#include <algorithm>

#include "base/assert.h"
#include "spool/spool.h"

namespace relais::spool {
namespace {

constexpr uint32_t kCleanSlotsPerTurn = 1024;
constexpr uint32_t kMovingMax = 32;

}  // namespace

bool Spool::load(Handle handle, uint32_t index, Handle reader) {
  const Message* message = messages_.get(handle);
  if (message == nullptr) return false;
  ASSERT(index < message->chunk_count());
  if (message->chunk(index).block != kNoBlock) return true;
  if (!start_read(handle, index, reader, false)) wanted_reads_.push_back({handle, index, reader});
  return false;
}

bool Spool::has(Handle handle, uint32_t index) const {
  const Message* message = messages_.get(handle);
  return message != nullptr && message->chunk(index).block != kNoBlock;
}

bool Spool::may_read_ahead() const {
  return wanted_reads_.empty() && !blocks_.scarce(4) && reads_.size() < reads_.capacity() / 2;
}

std::span<const char> Spool::pin(Handle handle, uint32_t index, BlockId& block) {
  const Message* message = messages_.get(handle);
  ASSERT(message != nullptr && message->chunk(index).block != kNoBlock);
  block = message->chunk(index).block;
  blocks_.hold(block);
  const auto payload = blocks_.bytes(block).subspan(kHeaderOctets, message->payload_octets(index));
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

// False: no block or slot is free now.
bool Spool::start_read(Handle handle, uint32_t index, Handle reader, bool relocation) {
  const Message& message = *messages_.get(handle);
  const Chunk& chunk = message.chunk(index);
  ASSERT(chunk.segment != kNoSegment);
  if (reads_.full()) return false;
  const auto block = blocks_.take(BlockPool::Purpose::kLog, message.connector);
  if (!block) return false;
  Read* read = reads_.acquire();
  ASSERT(read != nullptr);
  *read = {.message = handle,
           .chunk = index,
           .block = *block,
           .reader = reader,
           .relocation = relocation,
           .segment = chunk.segment,
           .octets = disk_octets(message.payload_octets(index)),
           .offset = uint64_t{chunk.page} * kAlignment};
  issue_read(reads_.handle_of(read));
  return true;
}

void Spool::issue_read(Handle handle) {
  const Read& read = *reads_.get(handle);
  const auto bytes = blocks_.bytes(read.block).subspan(read.done, read.octets - read.done);
  loop_.read(segments_.at(read.segment).fd, bytes, read.offset + read.done,
             {ring::Operation::kSpoolRead, handle});
}

void Spool::on_read(const ring::Completion& completion) {
  Read* read = reads_.get(completion.token.handle);
  ASSERT(read != nullptr);
  if (!completion.ok()) return finish_read(*read, false, completion.error());
  // Unbuffered reads go on from a whole page.
  read->done += static_cast<uint32_t>(completion.result) / kAlignment * kAlignment;
  if (completion.result < static_cast<int32_t>(kAlignment))
    return finish_read(*read, false, Error::kCorrupt);
  if (read->done < read->octets) return issue_read(completion.token.handle);
  const auto header = read_record(blocks_.bytes(read->block).first(read->octets));
  const Message* message = messages_.get(read->message);
  const bool good = header && message != nullptr && header->kind == RecordKind::kChunk &&
                    header->message == message->number && header->chunk == read->chunk;
  finish_read(*read, good, Error::kCorrupt);
}

void Spool::finish_read(Read& read, bool good, Error error) {
  const Read done = read;
  reads_.release(&read);
  Message* message = messages_.get(done.message);
  if (message == nullptr) {
    if (done.relocation) --moving_;
    return release(done.block);
  }
  Chunk& chunk = message->chunk(done.chunk);
  const bool moved =
      chunk.segment != done.segment || uint64_t{chunk.page} * kAlignment != done.offset;
  if (done.relocation) {
    if (good && !moved && chunk.segment == cleaning_) {
      queue_.push_back({done.message, done.chunk, done.block, true});  // takes over the reference
      return;
    }
    // Unreadable: it stays where it is and keeps its segment; delivery will report it.
    --moving_;
    return release(done.block);
  }
  if (!good && moved) {
    // The chunk was moved while it was read, and the old place reused.
    release(done.block);
    if (!start_read(done.message, done.chunk, done.reader, false)) {
      wanted_reads_.push_back({done.message, done.chunk, done.reader});
    }
    return;
  }
  if (good && chunk.block == kNoBlock) {
    chunk.block = done.block;
  } else {
    release(done.block);
  }
  events_.push_back({.kind = good ? Event::Kind::kLoaded : Event::Kind::kUnreadable,
                     .message = done.message,
                     .owner = done.reader,
                     .chunk = done.chunk,
                     .error = error});
}

void Spool::serve_wanted_reads() {
  while (!wanted_reads_.empty()) {
    const WantedRead wanted = wanted_reads_.front();
    const Message* message = messages_.get(wanted.message);
    if (message != nullptr && message->chunk(wanted.chunk).block != kNoBlock) {
      events_.push_back({.kind = Event::Kind::kLoaded,
                         .message = wanted.message,
                         .owner = wanted.reader,
                         .chunk = wanted.chunk});
    } else if (message != nullptr &&
               !start_read(wanted.message, wanted.chunk, wanted.reader, false)) {
      return;
    }
    wanted_reads_.pop_front();
  }
}

// ---- cleaning

namespace {

// What a segment that is full may have left at its end at most: open_head() goes on in another one.
constexpr uint64_t kEndMax =
    kSegmentReserve + kAlignment + (1 + Group::kJournalsMax) * uint64_t{kBlockOctets};

// Of a segment that is no head any more: nothing is written behind what it holds, and after a
// restart that may be most of it.
uint64_t taken_by(const Segment& segment) {
  return std::max(segment.used, segment.size - std::min(segment.size, kEndMax));
}

}  // namespace

// Worth it when most of the log is garbage that only the tail's survivors keep: then at most as
// much is copied as is won.
bool Spool::cleaning_pays() const {
  const auto& log = segments_.log();
  const auto at = [&](SegmentIndex index) -> const Segment& {
    return const_cast<Segments&>(segments_).at(index);
  };
  if (log.size() < 3 || at(log.front()).live == 0) return false;  // the tail waits for a flush
  uint64_t taken = 0;
  uint64_t live = 0;
  for (size_t i = 0; i + 1 < log.size(); ++i) {
    const Segment& segment = at(log[i]);
    if (segment.live == 0) continue;  // is won back without
    taken += taken_by(segment);
    live += segment.live;
  }
  const uint64_t garbage = taken - std::min(taken, live);
  if (garbage > taken / 2) return true;
  return !accepting() && garbage > 2 * options_.segment_octets;
}

// Moves the chunks of the tail segment to the head, some a turn. The message's state is written
// again behind them (finish_group), since its old entries go with the segments that held them.
void Spool::clean() {
  if (cleaning_ == kNoSegment) {
    if (!clean_check_) return;
    clean_check_ = false;
    if (!cleaning_pays()) return;
    cleaning_ = segments_.log().front();
    clean_cursor_ = 0;
  }
  const uint32_t end = std::min(messages_.slots_touched(), clean_cursor_ + kCleanSlotsPerTurn);
  for (; clean_cursor_ < end && moving_ < kMovingMax; ++clean_cursor_) {
    Message* message = messages_.at_slot(clean_cursor_);
    if (message == nullptr) continue;
    for (uint32_t i = 0; i < message->chunk_count(); ++i) {
      if (message->chunk(i).segment == cleaning_) move_chunk(*message, i);
    }
  }
  if (clean_cursor_ < messages_.slots_touched()) {
    if (moving_ < kMovingMax) loop_.do_not_wait();
    return;
  }
  if (moving_ > 0) return;
  cleaning_ = kNoSegment;
  clean_check_ = true;
  journal_due_ = true;
}

void Spool::move_chunk(Message& message, uint32_t chunk) {
  if (message.chunk(chunk).block != kNoBlock) {
    ++moving_;
    enqueue(message, chunk, true);
  } else if (start_read(messages_.handle_of(&message), chunk, {}, true)) {
    ++moving_;
  }
}

}  // namespace relais::spool
