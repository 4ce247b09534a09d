// The files of one core's log: created, filled with zeros once, used one after the other, freed
// from the oldest end, used again. A log in a fixed set of prewritten files commits twice as fast
// as a growing one.
//
// A segment is in one of these lists:
//   making   being filled with zeros (one at a time, through the ring)
//   free     ready for use
//   log      in order of epoch: front() is the tail, back() is the head that is written to
//   cooling  nothing alive, but only a flush that says so (tail epoch) makes it free
// What dies between tail and head may be dropped: free once a flush says that it is no more part of
// the log (spool_drop.cpp).
// A segment in which a write failed is sealed: never written again, its file is removed when
// nothing in it is alive.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.h"
#include "ring/loop.h"

namespace relais::spool {

using SegmentIndex = uint32_t;
inline constexpr SegmentIndex kNoSegment = UINT32_MAX;

// Epochs as they are kept where room is scarce. All that are in use differ in this.
constexpr uint32_t low(uint64_t epoch) { return static_cast<uint32_t>(epoch); }

// A journal entry of a message that is gone, which other segments than the entry's own have records
// of: without it those would be a message again. Epochs of the first and last of them.
struct GoneNote {
  uint64_t message = 0;
  uint64_t oldest = 0;
  uint64_t newest = 0;
};

struct Segment {
  std::string name;  // file name within the spool's folder
  int fd = -1;
  uint64_t size = 0;
  uint64_t epoch = 0;
  uint64_t used = 0;  // octets from the start that records occupy (while head: where the next goes)
  uint64_t live = 0;  // octets of records that are still needed
  bool sealed = false;
  uint64_t sequence = 0;  // of its first record
  // What stands in it for records elsewhere.
  std::vector<GoneNote> gone{};
  uint32_t states = 0;  // messages alive whose newest complete state is in it
  bool copied = false;  // some of its records are elsewhere, too
};

// Kept back at the end of each segment: room for one group of delivery records that says which
// older segments are dead, when there is no free segment left to go on in.
inline constexpr uint64_t kSegmentReserve = 160 << 10;

class Segments {
 public:
  struct Options {
    std::string folder;
    uint64_t segment_octets = 64ULL << 20;
    uint32_t count_max = 64;
  };

  Segments(ring::Loop& loop, Options options);
  ~Segments();
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;

  // ---- start-up
  Result<void> open_folder();
  // Registers a file found by recovery: as part of the log (call in order of epoch), or as free
  // (used == 0).
  void adopt(Segment segment);
  // At least one free segment, made here and now.
  Result<void> make_first();

  // When nothing can be written anywhere: segments at the old end in which nothing is needed are
  // used again without waiting for a flush that says so. If that fails half-way, at worst what they
  // held is sent again. True: there is a free one now. `states_too`: also what messages were noted
  // to be in, which is noted elsewhere next.
  bool free_dead(bool states_too);
  // Between tail and head, with nothing alive; kNoSegment: none.
  [[nodiscard]] SegmentIndex find_dead_inside() const;
  [[nodiscard]] bool is_inside(SegmentIndex index) const;
  // One of these that is no more needed, as a flush has said: it is free.
  void drop(SegmentIndex index);
  // Without `but`: a segment in which records of these epochs may still be found.
  [[nodiscard]] bool holds(uint64_t oldest, uint64_t newest, SegmentIndex but) const;
  // In the log; kNoSegment: none.
  [[nodiscard]] SegmentIndex find(uint32_t low_epoch) const;
  // There is one that was in use at a time between these.
  [[nodiscard]] bool any_between(uint64_t older, uint64_t newer) const;

  // ---- use
  [[nodiscard]] Segment& at(SegmentIndex index) { return segments_[index]; }
  [[nodiscard]] SegmentIndex head() const {
    return log_.empty() || !head_open_ ? kNoSegment : log_.back();
  }
  // Takes a free segment as the new head. False: none is free (one is being made, if the budget
  // allows).
  bool advance_head(uint64_t epoch, uint64_t sequence);
  void seal_head();
  // Smallest epoch that may hold something alive, for the records' tail epoch.
  [[nodiscard]] uint64_t tail_epoch() const;
  // Moves dead segments from the old end to cooling; those that were cooling when the flush that
  // has just succeeded was put together (`flushed_tail`: its tail epoch) become free.
  void reclaim(uint64_t flushed_tail);
  [[nodiscard]] const std::deque<SegmentIndex>& log() const { return log_; }

  // ---- making, through the ring
  // Starts to make one more if there is none to go on in and the budget allows. `at_once`: nothing
  // can be written before it is there.
  void prepare(bool at_once);
  void on_completion(const ring::Completion& completion);
  [[nodiscard]] bool making() const { return making_ != kNoSegment; }
  // The last attempt to make one failed, and nothing has changed since.
  [[nodiscard]] bool failed() const { return failed_; }
  void retry_later() { failed_ = false; }
  [[nodiscard]] Error failure() const { return failure_; }

  // The next head is at hand.
  [[nodiscard]] bool has_next() const { return !free_.empty() || !cooling_.empty() || making(); }
  // Some segments only wait for a flush to become free.
  [[nodiscard]] bool cooling() const { return !cooling_.empty(); }
  // How many more segments could still be filled without freeing any.
  [[nodiscard]] uint32_t available() const;
  // The same in octets, without `kept` of them, and with what is left of the head.
  [[nodiscard]] uint64_t room(uint32_t kept) const;
  [[nodiscard]] uint32_t count() const { return existing_; }

 private:
  template <class Predicate>
  [[nodiscard]] bool any_in_use(const Predicate& predicate) const;
  void set_free(SegmentIndex index);
  void make_step();
  void give_up(Error error);
  void remove_file(SegmentIndex index);
  [[nodiscard]] std::string path(const std::string& name) const;
  [[nodiscard]] std::string next_name();
  SegmentIndex new_index();

  ring::Loop& loop_;
  Options options_;
  int folder_fd_ = -1;
  std::vector<Segment> segments_;
  std::vector<SegmentIndex> unused_;  // indices whose file is gone
  std::deque<SegmentIndex> log_;
  std::deque<SegmentIndex> free_;
  std::deque<SegmentIndex> cooling_;
  bool head_open_ = false;
  uint32_t existing_ = 0;
  uint32_t next_number_ = 0;

  enum class Making : uint8_t { kZeros, kSyncFile, kSyncFolder };
  SegmentIndex making_ = kNoSegment;
  Making stage_ = Making::kZeros;
  uint64_t zeroed_ = 0;
  bool failed_ = false;
  Error failure_ = Error::kOther;
};

}  // namespace relais::spool
