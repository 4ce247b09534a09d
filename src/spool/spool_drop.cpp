// Using a segment again in which nothing is alive, though something in an older one is: mail that
// waits for a next hop for days would pin all that came behind it, and the log would grow, or be
// moved about (clean()), while the rest of the mail comes and goes.
//
// A segment between tail and head is dropped in three steps. What it says about records elsewhere,
// and what is still needed of that, is noted again: the state of messages that are alive, and that
// messages are gone of which other segments still have records (GoneNote). Behind these comes an
// entry that says which epochs are no part of the log any more. Once all of that is on disk, the
// segment is free. A power cut before that leaves the segment in the log, and some entries twice.
//
// Who reads the log (recovery.h) needs that entry for two things: an old file is not to be read,
// and the sequence number with which it began is where the segment before it ended. So it is noted
// again when its own segment is dropped; neighbours that are dropped are said in one.
#include <algorithm>

#include "base/assert.h"
#include "spool/spool.h"

namespace relais::spool {
namespace {

constexpr uint32_t kSlotsPerTurn = 1024;
constexpr size_t kEntriesPerTurn = 1024;
// With fewer than so many to go on in, the next one is not waited for.
constexpr uint32_t kFew = 3;

}  // namespace

void Spool::adopt_dropped(const Recovered& recovered) {
  for (const auto& [range, segment] : recovered.dropped) dropped_.push_back({range, segment});
}

void Spool::drop() {
  if (dropping_.segment == kNoSegment) begin_drop();
  if (dropping_.segment == kNoSegment) return;
  const Segment& segment = segments_.at(dropping_.segment);
  // As the tail it goes by itself.
  if (segment.epoch != dropping_.epoch || !segments_.is_inside(dropping_.segment)) {
    dropping_ = {};
    return;
  }
  if (dropping_.page == UINT64_MAX) {
    if (!rescue_states() || !rescue_gone()) return;
    note_dropped(segment);
    dropping_.page = journal_.end();
  }
  if (journal_.written() < dropping_.page) return;
  segments_.drop(dropping_.segment);
  ++figures_.dropped;
  dropping_ = {};
}

void Spool::begin_drop() {
  if (!drop_check_) return;
  const SegmentIndex head = segments_.head();
  const bool head_lasts =
      head != kNoSegment && segments_.at(head).used <= segments_.at(head).size / 2;
  if (segments_.available() >= kFew && (segments_.has_next() || head_lasts)) return;
  const SegmentIndex dead = segments_.find_dead_inside();
  if (dead == kNoSegment) {
    drop_check_ = false;
    return;
  }
  dropping_ = {.segment = dead, .epoch = segments_.at(dead).epoch};
  rescue_wide();
}

// Parts of their state may be anywhere. They are few.
void Spool::rescue_wide() {
  std::erase_if(wide_, [this](Handle handle) { return messages_.get(handle) == nullptr; });
  for (const Handle handle : wide_) {
    Message& message = *messages_.get(handle);
    note_state(message, message.state.settled);
  }
}

// False: not all yet.
bool Spool::rescue_states() {
  if (segments_.at(dropping_.segment).states == 0) return true;
  if (journal_.count() >= Group::kJournalsMax) {
    journal_due_ = true;
    return false;
  }
  const uint32_t end = std::min(messages_.slots_touched(), dropping_.slot + kSlotsPerTurn);
  for (; dropping_.slot < end; ++dropping_.slot) {
    Message* message = messages_.at_slot(dropping_.slot);
    if (message != nullptr && message->noted == low(dropping_.epoch))
      note_state(*message, message->state.settled);
  }
  if (dropping_.slot == messages_.slots_touched()) return true;
  loop_.do_not_wait();
  return false;
}

// False: not all yet.
bool Spool::rescue_gone() {
  const auto& all = segments_.at(dropping_.segment).gone;
  const size_t end = std::min(all.size(), dropping_.gone + kEntriesPerTurn);
  for (; dropping_.gone < end; ++dropping_.gone) {
    if (journal_.count() >= Group::kJournalsMax) {
      journal_due_ = true;
      return false;
    }
    const GoneNote& gone = all[dropping_.gone];
    if (!segments_.holds(gone.oldest, gone.newest, dropping_.segment)) continue;
    note({.kind = JournalEntry::Kind::kGone, .message = gone.message}).gone.push_back(gone);
  }
  if (end == all.size()) return true;
  loop_.do_not_wait();
  return false;
}

void Spool::note_dropped(const Segment& segment) {
  // Behind the tail nobody looks.
  std::erase_if(dropped_, [&](const Dropped& range) { return range.last < flushed_tail_; });
  for (const Dropped& range : dropped_) {
    if (range.noted == dropping_.segment) note_dropped(range);
  }
  const auto next = std::ranges::lower_bound(dropped_, segment.epoch, {}, &Dropped::first);
  auto range = dropped_.insert(
      next,
      {{.first = segment.epoch, .last = segment.epoch, .sequence = segment.sequence}, kNoSegment});
  if (range != dropped_.begin()) {
    const auto before = range - 1;
    if (!segments_.any_between(before->last, range->first)) {
      before->last = range->last;
      range = dropped_.erase(range) - 1;
    }
  }
  if (range + 1 != dropped_.end()) {
    const auto behind = range + 1;
    if (!segments_.any_between(range->last, behind->first)) {
      range->last = behind->last;
      dropped_.erase(behind);
    }
  }
  note_dropped(*range);
}

void Spool::note_dropped(const Dropped& range) {
  note({.kind = JournalEntry::Kind::kDropped, .dropped = range}).dropped.push_back(range.first);
}

}  // namespace relais::spool
