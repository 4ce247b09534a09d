// Taking mail, memory, and the turn.
#include "spool/spool.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <ranges>

#include "base/assert.h"
#include "base/crc32c.h"

namespace relais::spool {
namespace {

constexpr uint32_t kReadsMax = 256;

}  // namespace

bool Message::is_settled(uint32_t recipient) const {
  return std::ranges::binary_search(state.settled, recipient);
}

Spool::Spool(ring::Loop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      segments_(loop, {.folder = options.folder,
                       .segment_octets = options.segment_octets,
                       .count_max = std::max<uint32_t>(
                           4, static_cast<uint32_t>(options.octets_max / options.segment_octets))}),
      blocks_(std::max<uint32_t>(64, static_cast<uint32_t>(options.memory_octets / kBlockOctets))),
      messages_(messages_max(options)),
      reads_(kReadsMax) {}

// Each takes at least a page of the log, or a block of memory.
uint32_t Spool::messages_max(const Options& options) {
  const uint64_t pages = options.octets_max / kAlignment;
  const uint64_t blocks = options.memory_octets / kBlockOctets;
  return static_cast<uint32_t>(std::min<uint64_t>(pages + blocks + 1024, UINT32_MAX / 2));
}

Result<std::unique_ptr<Spool>> Spool::open(ring::Loop& loop, const Options& options) {
  ASSERT(options.segment_octets >= (1 << 20) && options.segment_octets % kAlignment == 0);
  std::unique_ptr<Spool> spool(new Spool(loop, options));
  if (!spool->blocks_.usable()) return std::unexpected(Error::kNoMemory);
  if (auto opened = spool->segments_.open_folder(); !opened) return std::unexpected(opened.error());
  auto recovered =
      recover(loop.kernel(), options.folder, options.segment_octets, spool->connectors_);
  if (!recovered) return std::unexpected(recovered.error());
  if (!spool->adopt(*std::move(recovered))) return std::unexpected(Error::kNoMemory);
  spool->segments_.free_dead(false);
  if (auto made = spool->segments_.make_first(); !made) return std::unexpected(made.error());
  return spool;
}

bool Spool::adopt(Recovered recovered) {
  if (recovered.messages.size() > messages_.capacity()) return false;
  report_ = recovered.report;
  next_sequence_ = recovered.next_sequence;
  next_epoch_ = recovered.next_epoch;
  next_message_ = recovered.next_message;
  for (Segment& segment : recovered.segments) segments_.adopt(std::move(segment));
  for (RecoveredMessage& old : recovered.messages) {
    Message* message = messages_.acquire();
    ASSERT(message != nullptr);
    message->number = old.number;
    message->received = old.received;
    message->connector = old.connector;
    message->flow = old.flow;
    message->stream_octets = old.envelope_octets + old.content_octets;
    message->envelope_octets = old.envelope_octets;
    message->traits = old.traits;
    message->recipients = UINT32_MAX;  // known when the envelope is read: see relay
    message->stage = Message::Stage::kLive;
    message->state = std::move(old.state);
    set_noted(*message, old.noted);
    message->first = old.chunks.front();
    for (const Chunk& chunk : std::span(old.chunks).subspan(1)) message->add_chunk(chunk);
    for (uint32_t i = 0; i < message->chunk_count(); ++i) {
      const uint32_t octets = disk_octets(message->payload_octets(i));
      segments_.at(message->chunk(i).segment).live += octets;
      disk_.take(message->connector, octets);
    }
    // Moved, and the program ended before its state was noted behind it; or that is in several
    // places.
    const uint32_t epoch = low(segments_.at(message->first.segment).epoch);
    if (old.is_scattered || (old.noted != 0 && old.noted < epoch))
      note_state(*message, message->state.settled);
    recovered_.push_back(messages_.handle_of(message));
  }
  adopt_dropped(recovered);
  clean_check_ = true;
  return true;
}

void Spool::set_shares(std::span<const Share> shares) {
  connectors_.set_weights(shares);
  disk_.set(shares, connectors_, options_.octets_max);
  blocks_.reserve().set(shares, connectors_, blocks_.count());
}

bool Spool::accepting(std::string_view connector) const {
  // One segment is kept for delivery records and one for moving survivors.
  constexpr uint32_t kKept = 2;
  if (segments_.available() < kKept || messages_.full()) return false;
  return segments_.room(kKept) >= disk_.kept_from(connectors_.find(connector));
}

Handle Spool::begin(const Envelope& envelope, Handle owner) {
  scratch_.clear();
  append_envelope(scratch_, envelope);
  const ConnectorNumber connector = connectors_.number_of(envelope.connector);
  const auto blocks = static_cast<uint32_t>(scratch_.size() / kPayloadMax) + 1;
  if (messages_.full()) return {};
  const uint64_t flow = flow_of(envelope.connector, envelope.client);
  auto purpose = BlockPool::Purpose::kBegin;
  if (writing_of(flow) == 0 && !blocks_.may_take(purpose, connector, blocks))
    purpose = BlockPool::Purpose::kFirst;
  if (!blocks_.may_take(purpose, connector, blocks)) return {};
  const auto block = blocks_.take(purpose, connector);
  ASSERT(block.has_value());
  ++writing_of(flow);
  Message* message = messages_.acquire();
  ASSERT(message != nullptr);
  message->number = next_message_++;
  message->received = envelope.received;
  message->connector = connector;
  message->flow = flow;
  message->owner = owner;
  message->envelope_octets = static_cast<uint32_t>(scratch_.size());
  message->recipients = static_cast<uint32_t>(envelope.recipients.size());
  message->first.block = *block;
  const Handle handle = messages_.handle_of(message);
  message->promised = blocks;
  const size_t taken = append(handle, scratch_);
  ASSERT(taken == scratch_.size());
  message->promised = 1;  // what the session puts in front of the content
  return handle;
}

size_t Spool::append(Handle handle, std::span<const char> bytes) {
  Message* message = messages_.get(handle);
  ASSERT(message != nullptr && message->stage == Message::Stage::kWriting);
  size_t taken = 0;
  while (taken < bytes.size()) {
    uint64_t capacity = uint64_t{message->chunk_count()} * kPayloadMax;
    if (message->stream_octets == capacity) {
      const auto block = next_block(*message);
      if (!block) {
        if (!message->waits_for_space) wait_for_space(*message);
        break;
      }
      // Its octets are in the cache now, and may no longer be when its group is written.
      const auto full = blocks_.bytes(message->chunk(message->chunk_count() - 1).block);
      enqueue(*message, message->chunk_count() - 1, false);
      queue_.back().payload_crc = crc32c(full.subspan(kHeaderOctets, kPayloadMax));
      message->add_chunk({.block = *block});
      capacity += kPayloadMax;
    }
    const size_t room = std::min<uint64_t>(capacity - message->stream_octets, bytes.size() - taken);
    const uint64_t at = message->stream_octets % kPayloadMax;
    const BlockId block = message->chunk(message->chunk_count() - 1).block;
    std::memcpy(blocks_.bytes(block).data() + kHeaderOctets + at, bytes.data() + taken, room);
    message->stream_octets += room;
    taken += room;
  }
  message->has_turn = false;
  message->promised = 0;
  return taken;
}

// Nobody comes before those who wait already, but with what is reserved for it.
std::optional<BlockId> Spool::next_block(Message& message) {
  if (message.promised > 0) {
    --message.promised;
    return blocks_.take(BlockPool::Purpose::kLog, message.connector);
  }
  const bool is_free =
      message.has_turn || waiting_.empty() || blocks_.reserve().covers(message.connector, 1);
  if (!is_free) return std::nullopt;
  message.has_turn = false;
  return blocks_.take(BlockPool::Purpose::kAppend, message.connector);
}

void Spool::wait_for_space(Message& message) {
  message.waits_for_space = true;
  waiting_.push(message.flow, connectors_.weight(message.connector), kBlockOctets,
                messages_.handle_of(&message));
}

void Spool::commit(Handle handle, ContentTraits traits) {
  Message* message = messages_.get(handle);
  ASSERT(message != nullptr && message->stage == Message::Stage::kWriting);
  message->stage = Message::Stage::kCommitting;
  message->traits = traits;
  --writing_of(message->flow);
  enqueue(*message, message->chunk_count() - 1, false);
}

void Spool::abort(Handle handle) {
  Message* message = messages_.get(handle);
  if (message == nullptr) return;
  ASSERT(message->stage == Message::Stage::kWriting);
  forget(*message);
}

void Spool::set_recipients(Handle handle, uint32_t count) {
  Message* message = messages_.get(handle);
  ASSERT(message != nullptr && (message->recipients == count || message->recipients == UINT32_MAX));
  message->recipients = count;
}

const Message* Spool::find(Handle message) const { return messages_.get(message); }

void Spool::arm_timer(Duration delay) {
  if (timer_.is_null())
    timer_ = loop_.arm_timer(loop_.now() + delay, {ring::Operation::kSpoolTimer, {}});
}

void Spool::on_timer() {
  timer_ = {};
  journal_due_ = !journal_.empty();
  clean_check_ = true;
  segments_.retry_later();
}

// ---- memory

void Spool::release(BlockId block) { blocks_.release(block); }

void Spool::drop_cached(Chunk& chunk) {
  if (chunk.block == kNoBlock) return;
  release(chunk.block);
  chunk.block = kNoBlock;
}

void Spool::uncache(Handle handle) {
  Message* message = messages_.get(handle);
  if (message == nullptr) return;
  for (uint32_t i = 0; i < message->chunk_count(); ++i) uncache(handle, i);
}

void Spool::uncache(Handle handle, uint32_t index) {
  Message* message = messages_.get(handle);
  if (message == nullptr) return;
  Chunk& chunk = message->chunk(index);
  if (chunk.segment != kNoSegment) drop_cached(chunk);
}

void Spool::wake_waiting() {
  // As many as there are blocks for: each needs one to go on. Whom a reservation keeps waiting does
  // not keep others waiting, and has paid for its turn.
  uint32_t woken = 0;
  std::vector<Handle> kept;
  while (!waiting_.empty() && blocks_.free() > woken) {
    const Handle handle = waiting_.pop();
    Message* message = messages_.get(handle);
    if (message == nullptr) continue;
    if (!blocks_.may_take(BlockPool::Purpose::kAppend, message->connector, woken + 1)) {
      kept.push_back(handle);
      if (blocks_.reserve().reserved() == 0) break;
      continue;
    }
    message->waits_for_space = false;
    message->has_turn = true;
    events_.push_back({.kind = Event::Kind::kSpace, .message = handle, .owner = message->owner});
    ++woken;
  }
  for (const Handle handle : std::views::reverse(kept)) {
    const Message& message = *messages_.get(handle);
    waiting_.push_front(message.flow, connectors_.weight(message.connector), handle);
  }
}

// ---- the core's turn

void Spool::on_completion(const ring::Completion& completion) {
  switch (completion.token.operation) {
    case ring::Operation::kSpoolWrite:
      return on_written(completion);
    case ring::Operation::kSpoolZero:
      return segments_.on_completion(completion);
    case ring::Operation::kSpoolRead:
      return on_read(completion);
    case ring::Operation::kSpoolTimer:
      return on_timer();
    default:
      ASSERT(false);
  }
}

bool Spool::next_event(Event& event) {
  if (events_.empty()) return false;
  event = events_.front();
  events_.pop_front();
  return true;
}

bool Spool::at_rest() const {
  return !flushing_ && queue_.empty() && journal_.empty() && events_.empty();
}

Spool::Figures Spool::figures() const {
  Figures figures = figures_;
  figures.messages = messages_.size();
  figures.blocks = static_cast<uint32_t>(options_.memory_octets / kBlockOctets);
  figures.free_blocks = blocks_.free();
  figures.segments = segments_.count();
  return figures;
}

Spool::Room Spool::room() const {
  Room room;
  for (const SegmentIndex index : segments_.log())
    room.live += const_cast<Segments&>(segments_).at(index).live;
  // What accepting() keeps back, and the end of each segment.
  constexpr uint64_t kKept = 2;
  const uint64_t count_max = std::max<uint64_t>(4, options_.octets_max / options_.segment_octets);
  room.budget = (count_max - kKept) * (options_.segment_octets - kSegmentReserve);
  const uint64_t whole = segments_.count() - (segments_.making() ? 1 : 0);
  const uint64_t needed = room.live + kKept * options_.segment_octets;
  const uint64_t files = whole * options_.segment_octets;
  if (files > needed) room.idle = files - needed;
  return room;
}

void Spool::invariants() const {
  uint64_t total = 0;
  std::vector<uint64_t> used(connectors_.count());
  std::map<SegmentIndex, uint32_t> states;
  messages_.for_each([&](Message& message) {
    const SegmentIndex noted = message.noted == 0 ? kNoSegment : segments_.find(message.noted);
    if (noted != kNoSegment) ++states[noted];
    ASSERT(message.envelope_octets <= message.stream_octets);
    for (uint32_t i = 0; i < message.chunk_count(); ++i) {
      const Chunk& chunk = message.chunk(i);
      ASSERT(chunk.segment != kNoSegment || chunk.block != kNoBlock);
      ASSERT(message.stage != Message::Stage::kLive || chunk.segment != kNoSegment);
      if (chunk.segment == kNoSegment) continue;
      total += disk_octets(message.payload_octets(i));
      used[message.connector] += disk_octets(message.payload_octets(i));
    }
  });
  for (size_t i = 0; i < used.size(); ++i)
    ASSERT(disk_.used(static_cast<ConnectorNumber>(i)) == used[i]);
  uint64_t counted = 0;
  for (const SegmentIndex index : segments_.log()) {
    const Segment& segment = const_cast<Segments&>(segments_).at(index);
    counted += segment.live;
    ASSERT(states.contains(index) ? segment.states == states[index] : segment.states == 0);
  }
  ASSERT(counted == total);
}

}  // namespace relais::spool
