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
  static_cast<void>(load_run(handle, index, 1, reader));
  return false;
}

uint32_t Spool::load_run(Handle handle, uint32_t index, uint32_t most, Handle reader) {
  ASSERT(most > 0 && !has(handle, index));
  if (const uint32_t count = start_read(handle, index, most, reader, false); count > 0)
    return count;
  wanted_reads_.push_back({handle, index, reader});
  return 1;
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

// How many chunks; 0: no block or slot is free now.
uint32_t Spool::start_read(Handle handle, uint32_t index, uint32_t most, Handle reader,
                           bool relocation) {
  const Message& message = *messages_.get(handle);
  const Chunk& chunk = message.chunk(index);
  ASSERT(chunk.segment != kNoSegment);
  if (reads_.full()) return 0;
  const auto block = blocks_.take(BlockPool::Purpose::kLog, message.connector);
  if (!block) return 0;
  Read* read = reads_.acquire();
  ASSERT(read != nullptr);
  *read = {.message = handle,
           .chunk = index,
           .count = 1,
           .blocks = {*block},
           .reader = reader,
           .relocation = relocation,
           .segment = chunk.segment,
           .octets = disk_octets(message.payload_octets(index)),
           .offset = uint64_t{chunk.page} * kAlignment};
  while (read->count < std::min(most, kRunMax) && add_to_run(*read, message)) {
  }
  issue_read(reads_.handle_of(read));
  return read->count;
}

// The next chunk, if it stands behind the last one and there is memory for what is not needed yet.
bool Spool::add_to_run(Read& read, const Message& message) {
  const Chunk& next = message.chunk(read.chunk + read.count);
  ASSERT(next.block == kNoBlock);
  if (next.segment != read.segment || uint64_t{next.page} * kAlignment != read.offset + read.octets)
    return false;
  if (blocks_.scarce(4)) return false;
  const auto block = blocks_.take(BlockPool::Purpose::kLog, message.connector);
  if (!block) return false;
  read.octets += disk_octets(message.payload_octets(read.chunk + read.count));
  read.blocks[read.count++] = *block;
  return true;
}

void Spool::issue_read(Handle handle) {
  Read& read = *reads_.get(handle);
  size_t vectors = 0;
  for (uint32_t i = read.done / kBlockOctets; i < read.count; ++i) {
    const uint32_t end = std::min(read.octets, (i + 1) * kBlockOctets);
    const uint32_t begin = std::max(read.done, i * kBlockOctets);
    const auto bytes = blocks_.bytes(read.blocks[i]).subspan(begin - i * kBlockOctets, end - begin);
    read.vectors[vectors++] = {bytes.data(), bytes.size()};
  }
  loop_.read_vector(segments_.at(read.segment).fd, std::span(read.vectors).first(vectors),
                    read.offset + read.done, {ring::Operation::kSpoolRead, handle});
}

void Spool::on_read(const ring::Completion& completion) {
  Read* read = reads_.get(completion.token.handle);
  ASSERT(read != nullptr);
  if (!completion.ok()) return give_up_read(*read, completion.error());
  // Unbuffered reads go on from a whole page.
  read->done += static_cast<uint32_t>(completion.result) / kAlignment * kAlignment;
  if (completion.result < static_cast<int32_t>(kAlignment))
    return give_up_read(*read, Error::kCorrupt);
  if (read->done < read->octets) return issue_read(completion.token.handle);
  finish_read(*read);
}

// One chunk that the disk does not give must not take others with it: they are read one by one.
void Spool::give_up_read(Read& read, Error error) {
  const Read done = read;
  reads_.release(&read);
  if (done.count == 1) return finish_chunk(done, 0, false, error);
  for (uint32_t i = 0; i < done.count; ++i) {
    release(done.blocks[i]);
    read_again(done, done.chunk + i);
  }
}

void Spool::read_again(const Read& done, uint32_t index) {
  if (messages_.get(done.message) == nullptr) return;
  if (start_read(done.message, index, 1, done.reader, false) == 0)
    wanted_reads_.push_back({done.message, index, done.reader});
}

void Spool::finish_read(Read& read) {
  const Read done = read;
  reads_.release(&read);
  for (uint32_t i = 0; i < done.count; ++i) {
    const uint32_t octets = std::min(done.octets - i * kBlockOctets, kBlockOctets);
    const auto header = read_record(blocks_.bytes(done.blocks[i]).first(octets));
    const Message* message = messages_.get(done.message);
    const bool good = header && message != nullptr && header->kind == RecordKind::kChunk &&
                      header->message == message->number && header->chunk == done.chunk + i;
    finish_chunk(done, i, good, Error::kCorrupt);
  }
}

void Spool::finish_chunk(const Read& done, uint32_t place, bool good, Error error) {
  const uint32_t index = done.chunk + place;
  const BlockId block = done.blocks[place];
  Message* message = messages_.get(done.message);
  if (message == nullptr) {
    if (done.relocation) --moving_;
    return release(block);
  }
  Chunk& chunk = message->chunk(index);
  const uint64_t offset = done.offset + uint64_t{place} * kBlockOctets;
  const bool moved = chunk.segment != done.segment || uint64_t{chunk.page} * kAlignment != offset;
  if (done.relocation) {
    if (good && !moved && chunk.segment == cleaning_) {
      queue_.push_back({done.message, index, block, true});  // takes over the reference
      return;
    }
    // Unreadable: it stays where it is and keeps its segment; delivery will report it.
    --moving_;
    return release(block);
  }
  if (!good && moved) {
    // The chunk was moved while it was read, and the old place reused.
    release(block);
    return read_again(done, index);
  }
  if (good && chunk.block == kNoBlock) {
    chunk.block = block;
  } else {
    release(block);
  }
  events_.push_back({.kind = good ? Event::Kind::kLoaded : Event::Kind::kUnreadable,
                     .message = done.message,
                     .owner = done.reader,
                     .chunk = index,
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
               start_read(wanted.message, wanted.chunk, 1, wanted.reader, false) == 0) {
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
  } else if (start_read(messages_.handle_of(&message), chunk, 1, {}, true) > 0) {
    ++moving_;
  }
}

}  // namespace relais::spool
