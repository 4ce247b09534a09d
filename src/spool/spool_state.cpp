// What became of messages: the entries that say so, and which segment holds the newest of them.
#include <algorithm>

#include "base/assert.h"
#include "spool/spool.h"

namespace relais::spool {
namespace {

// Before kJournalDelay by what a turn and a flush take.
constexpr Duration kJournalTimer = milliseconds(85);
// So many recipients are named again and again in entries of state.
constexpr size_t kSettledFew = 64;

}  // namespace

void Spool::settle(Handle handle, std::span<const uint32_t> recipients) {
  Message* message = messages_.get(handle);
  ASSERT(message != nullptr && message->stage == Message::Stage::kLive);
  auto& settled = message->state.settled;
  const auto middle = static_cast<ptrdiff_t>(settled.size());
  settled.insert(settled.end(), recipients.begin(), recipients.end());
  std::sort(settled.begin() + middle, settled.end());
  std::inplace_merge(settled.begin(), settled.begin() + middle, settled.end());
  settled.erase(std::unique(settled.begin(), settled.end()), settled.end());
  if (message->all_settled()) {
    note_gone(*message);
    forget(*message);
  } else {
    note_state(*message, recipients);
  }
}

void Spool::defer(Handle handle, uint32_t attempts, WallTime next_attempt) {
  Message* message = messages_.get(handle);
  ASSERT(message != nullptr && message->stage == Message::Stage::kLive);
  message->state.attempts = attempts;
  message->state.next_attempt = next_attempt;
  note_state(*message, {});
  uncache(handle);
}

Page& Spool::note(const JournalEntry& entry) {
  arm_timer(kJournalTimer);
  return journal_.add(entry);
}

void Spool::note_gone(const Message& message) {
  Page& page = note({.kind = JournalEntry::Kind::kGone, .message = message.number});
  GoneNote gone{.message = message.number, .oldest = UINT64_MAX, .newest = 0};
  const auto add = [&](SegmentIndex index) {
    const uint64_t epoch = segments_.at(index).epoch;
    gone.oldest = std::min(gone.oldest, epoch);
    gone.newest = std::max(gone.newest, epoch);
  };
  for (uint32_t i = 0; i < message.chunk_count(); ++i) add(message.chunk(i).segment);
  if (flushing_) add(group_.segment());  // one of them may be on its way there
  page.gone.push_back(gone);
}

// `settled`: those that are since the last entry.
void Spool::note_state(Message& message, std::span<const uint32_t> settled) {
  const Handle handle = messages_.handle_of(&message);
  const std::span<const uint32_t> all = message.state.settled;
  if (all.size() > kSettledMax) {
    set_noted(message, 0);
    if (std::ranges::find(wide_, handle) == wide_.end()) wide_.push_back(handle);
  }
  // Whoever has all of it in one entry need not look elsewhere.
  if (all.size() <= kSettledFew) settled = all;
  do {
    const size_t count = std::min(settled.size(), kSettledMax);
    JournalEntry entry{.message = message.number, .state = message.state};
    entry.state.settled.assign(settled.begin(), settled.begin() + static_cast<ptrdiff_t>(count));
    note(entry).states.push_back({handle, count == all.size()});
    settled = settled.subspan(count);
  } while (!settled.empty());
}

// What they say is on disk now, in the group's segment.
void Spool::pages_written() {
  const SegmentIndex index = group_.segment();
  Segment& segment = segments_.at(index);
  for (const Page& page : journal_.take_written()) {
    for (const GoneNote& gone : page.gone) {
      if (gone.oldest != segment.epoch || gone.newest != segment.epoch)
        segment.gone.push_back(gone);
    }
    for (const StateNote& state : page.states) {
      Message* message = messages_.get(state.message);
      if (message == nullptr || message->state.settled.size() > kSettledMax) continue;
      if (state.complete) {
        set_noted(*message, low(segment.epoch));
      } else if (message->noted != low(segment.epoch)) {
        note_state(*message, message->state.settled);
      }
    }
    for (const uint64_t first : page.dropped) {
      const auto range = std::ranges::find(dropped_, first, &Dropped::first);
      if (range != dropped_.end()) range->noted = index;
    }
  }
}

void Spool::set_noted(Message& message, uint32_t low_epoch) {
  const auto add = [this](uint32_t epoch, int32_t change) {
    const SegmentIndex index = epoch == 0 ? kNoSegment : segments_.find(epoch);
    if (index != kNoSegment) segments_.at(index).states += static_cast<uint32_t>(change);
  };
  add(message.noted, -1);
  add(low_epoch, 1);
  message.noted = low_epoch;
}

}  // namespace relais::spool
