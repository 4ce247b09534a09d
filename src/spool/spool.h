// The durable queue of one core: takes messages as they arrive, acknowledges a message only after
// the flush that covers it has succeeded, keeps what became of it, and hands its bytes out for
// delivery. One log (segments.h), one flush under way at a time; while it runs the next group
// gathers (group commit without artificial delay).
//
// It is driven by its core: calls come in, completions come in, end_of_turn() starts the next
// flush, and what happened is picked up with next_event(): nothing is called back.
//
// Failures: a failed write or flush fails every message of that group (Event::kFailed, the client
// gets a 451), seals the segment and goes on in another one. No memory, no segment or no slot:
// begin() answers a null handle (452). Budgets: Options. Bytes are in wire form throughout.
// Messages that are coming in and wait for memory are served by fair queueing, as flows share next
// hops (relay.h).
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fair_queue.h"
#include "base/result.h"
#include "base/slab.h"
#include "ring/loop.h"
#include "spool/block_pool.h"
#include "spool/envelope.h"
#include "spool/group.h"
#include "spool/message.h"
#include "spool/pages.h"
#include "spool/recovery.h"
#include "spool/segments.h"
#include "spool/shares.h"

namespace relais::spool {

// How long a delivery record may wait for a flush: what a crash may send twice.
inline constexpr Duration kJournalDelay = milliseconds(100);

struct Event {
  enum class Kind : uint8_t {
    kCommitted,   // durable: tell `owner`'s client 250, then deliver
    kFailed,      // not kept (`error`): tell `owner`'s client 451. The message is gone
    kSpace,       // `owner` may append again
    kLoaded,      // `chunk` is in memory, for `owner` (a reader)
    kUnreadable,  // `chunk` cannot be read back (`error`), for `owner`
  };
  Kind kind = Kind::kCommitted;
  Handle message;
  Handle owner;
  uint32_t chunk = 0;
  Error error = Error::kOther;
};

class Spool {
 public:
  struct Options {
    std::string folder;                     // of this core
    uint64_t segment_octets = 64ULL << 20;  // a multiple of 4096, at least 1 MiB
    uint64_t octets_max = 4ULL << 30;       // on disk
    uint64_t memory_octets = 64ULL << 20;   // blocks
  };

  // Recovers what the folder holds; take_recovered() then lists it.
  static Result<std::unique_ptr<Spool>> open(ring::Loop& loop, const Options& options);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  [[nodiscard]] const Recovered::Report& report() const { return report_; }
  // Live messages, oldest first; meant for once, after open().
  [[nodiscard]] std::vector<Handle> take_recovered() { return std::exchange(recovered_, {}); }

  // ---- taking mail
  // Weights and reservations of the connectors, from now on; also for mail that is here already.
  void set_shares(std::span<const Share> shares);
  // There is disk for more from this connector: the question at MAIL. One with a reservation is
  // asked only to leave what others have reserved and do not use.
  [[nodiscard]] bool accepting(std::string_view connector = {}) const;
  // Null: no memory or slot now. `owner` comes back with events. A flow of which nothing is being
  // taken finds memory where others have to leave some.
  [[nodiscard]] Handle begin(const Envelope& envelope, Handle owner);
  // Octets of `bytes` that were taken. Fewer than given: no block is free; an Event::kSpace
  // follows.
  [[nodiscard]] size_t append(Handle message, std::span<const char> bytes);
  // Then kCommitted or kFailed.
  void commit(Handle message, ContentTraits traits = {});
  void abort(Handle message);  // before its commit; no event follows

  // ---- handing out. A null handle or a message that has gone is answered with false / nullptr.
  [[nodiscard]] const Message* find(Handle message) const;
  // With which its flow shares a next hop.
  [[nodiscard]] uint32_t weight(const Message& message) const {
    return connectors_.weight(message.connector);
  }
  // A recovered message does not know how many recipients it has until its envelope has been read:
  // the reader says so.
  void set_recipients(Handle message, uint32_t count);
  // True: the chunk is in memory now. False: it is being read; kLoaded or kUnreadable follows for
  // `reader`.
  [[nodiscard]] bool load(Handle message, uint32_t chunk, Handle reader);
  // From `chunk` on, of `most` that are neither in memory nor being read, as many as stand behind
  // each other on disk, with one read. How many: at least one; each has its kLoaded or kUnreadable.
  [[nodiscard]] uint32_t load_run(Handle message, uint32_t chunk, uint32_t most, Handle reader);
  [[nodiscard]] bool has(Handle message, uint32_t chunk) const;  // in memory
  // There is memory for what is not needed yet.
  [[nodiscard]] bool may_read_ahead() const;
  // The payload of a chunk that is in memory; keeps it there until unpin(). `block` is for unpin.
  [[nodiscard]] std::span<const char> pin(Handle message, uint32_t chunk, BlockId& block);
  void unpin(BlockId block) { release(block); }
  // The message (or one chunk of it) will not be sent soon: its memory can go once nobody pins it.
  void uncache(Handle message);
  void uncache(Handle message, uint32_t chunk);

  // ---- what became of it; recorded within kJournalDelay
  // Recipients delivered or given up. When the last one is settled the message is gone.
  void settle(Handle message, std::span<const uint32_t> recipients);
  void defer(Handle message, uint32_t attempts, WallTime next_attempt);

  // ---- the core's turn
  void on_completion(const ring::Completion& completion);
  void end_of_turn();
  [[nodiscard]] bool next_event(Event& event);
  [[nodiscard]] bool has_events() const { return !events_.empty(); }
  // Everything that was said is durable: no flush under way, nothing queued.
  [[nodiscard]] bool at_rest() const;
  // Flush delivery records now rather than at their time (drain).
  void hurry() { journal_due_ = true; }

  struct Figures {
    uint64_t messages = 0;  // in the log or on their way in
    uint64_t groups = 0;    // flushes that succeeded
    uint64_t failed_groups = 0;
    uint64_t records = 0;  // message chunks made durable
    uint64_t moved = 0;    // chunks copied out of old segments
    uint64_t dropped = 0;  // segments used again though older ones are in use
    uint32_t blocks = 0;   // memory_octets
    uint32_t free_blocks = 0;
    uint32_t segments = 0;
  };
  [[nodiscard]] Figures figures() const;

  // Octets, to see what is left before accepting() says no. Walks the log: for every second or so.
  struct Room {
    uint64_t live = 0;    // of messages that are still needed; the rest of the log can be won back
    uint64_t budget = 0;  // what `live` can grow to
    uint64_t idle = 0;    // in files that exist: what the log can take without more of the disk
  };
  [[nodiscard]] Room room() const;

  // Asserts what holds between turns.
  void invariants() const;

 private:
  static constexpr uint32_t kRunMax = 8;
  // Chunks on their way from disk, where they stand behind each other; all but the last are full.
  struct Read {
    Handle message;
    uint32_t chunk = 0;  // the first
    uint32_t count = 0;
    std::array<BlockId, kRunMax> blocks{};
    std::array<iovec, kRunMax> vectors{};
    Handle reader;
    bool relocation = false;
    SegmentIndex segment = kNoSegment;
    uint32_t octets = 0;
    uint32_t done = 0;
    uint64_t offset = 0;
  };
  struct WantedRead {
    Handle message;
    uint32_t chunk = 0;
    Handle reader;
  };

  Spool(ring::Loop& loop, const Options& options);
  [[nodiscard]] bool adopt(Recovered recovered);
  static uint32_t messages_max(const Options& options);

  // writing (spool_commit.cpp)
  void enqueue(Message& message, uint32_t chunk, bool relocation);
  [[nodiscard]] bool open_head();
  void start_group();
  void write_group();
  void on_written(const ring::Completion& completion);
  void finish_group();
  void fail_group(Error error);
  void fail_queue(Error error);
  void fail_message(Handle handle, Error error);
  [[nodiscard]] bool note_tail();
  void forget(Message& message);
  [[nodiscard]] RecordHeader header_of(const Message& message, uint32_t chunk) const;

  // what became of messages (spool_state.cpp)
  [[nodiscard]] Page& note(const JournalEntry& entry);
  void note_gone(const Message& message);
  void note_state(Message& message, std::span<const uint32_t> settled);
  void set_noted(Message& message, uint32_t low_epoch);
  void pages_written();

  void arm_timer(Duration delay);
  void on_timer();

  // memory (spool.cpp)
  void release(BlockId block);
  void drop_cached(Chunk& chunk);
  [[nodiscard]] std::optional<BlockId> next_block(Message& message);
  void wait_for_space(Message& message);
  void wake_waiting();
  [[nodiscard]] uint32_t& writing_of(uint64_t flow) { return writing_[flow % writing_.size()]; }

  // reading and moving (spool_read.cpp)
  [[nodiscard]] uint32_t start_read(Handle message, uint32_t chunk, uint32_t most, Handle reader,
                                    bool relocation);
  [[nodiscard]] bool add_to_run(Read& read, const Message& message);
  void issue_read(Handle read);
  void on_read(const ring::Completion& completion);
  void give_up_read(Read& read, Error error);
  void read_again(const Read& done, uint32_t chunk);
  void finish_read(Read& read);
  void finish_chunk(const Read& done, uint32_t place, bool good, Error error);
  void serve_wanted_reads();
  [[nodiscard]] bool cleaning_pays() const;
  void clean();
  void move_chunk(Message& message, uint32_t chunk);

  // using segments again (spool_drop.cpp)
  struct Dropped : DroppedSegments {
    SegmentIndex noted = kNoSegment;  // that holds its entry; none yet: kNoSegment
  };
  // A segment that is being dropped.
  struct Dropping {
    SegmentIndex segment = kNoSegment;
    uint64_t epoch = 0;
    uint32_t slot = 0;           // of messages whose state was written again
    size_t gone = 0;             // entries that were
    uint64_t page = UINT64_MAX;  // it is dropped when pages up to here are written
  };
  void adopt_dropped(const Recovered& recovered);
  void drop();
  void begin_drop();
  void rescue_wide();
  [[nodiscard]] bool rescue_states();
  [[nodiscard]] bool rescue_gone();
  void note_dropped(const Segment& segment);
  void note_dropped(const Dropped& range);

  ring::Loop& loop_;
  Options options_;
  Connectors connectors_;
  Segments segments_;
  Reserve disk_;  // octets of messages in the log, by connector
  BlockPool blocks_;
  mutable Slab<Message> messages_;
  std::string scratch_;
  Recovered::Report report_;
  std::vector<Handle> recovered_;

  uint64_t next_message_ = 1;
  uint64_t next_epoch_ = 1;
  uint64_t next_sequence_ = 1;
  uint64_t flushed_tail_ = 0;
  std::vector<PendingChunk> queue_;
  Group group_;
  bool flushing_ = false;
  Pages journal_;
  bool journal_due_ = false;
  ring::TimerId timer_;

  std::deque<Event> events_;
  FairQueue<Handle> waiting_;  // messages whose append came up short
  // Messages in kWriting by flow; flows that share a place count as one.
  std::array<uint32_t, 4096> writing_{};
  Slab<Read> reads_;
  std::deque<WantedRead> wanted_reads_;

  bool clean_check_ = false;
  SegmentIndex cleaning_ = kNoSegment;
  uint32_t clean_cursor_ = 0;
  uint32_t moving_ = 0;  // chunks on their way out of `cleaning_`
  Dropping dropping_;
  bool drop_check_ = true;        // something may have died inside
  std::vector<Handle> wide_;      // messages whose state takes several entries
  std::vector<Dropped> dropped_;  // ascending; those that a scan of the log could still come upon
  Figures figures_;
};

}  // namespace relais::spool
