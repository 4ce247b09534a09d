#include "front/placement.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace relais::front {
namespace {

// Handing over costs a wake-up, so it must pay: a difference of this many sessions and an eighth.
constexpr uint32_t kSpreadMargin = 2;

// Both loads and when that was, in one word.
constexpr unsigned kLoadBits = 12;
constexpr uint64_t kLoadMask = (1U << kLoadBits) - 1;

uint32_t permille(Duration part, Duration whole) {
  const int64_t of_thousand = part.ns * 1000 / std::max<int64_t>(whole.ns, 1);
  return static_cast<uint32_t>(std::clamp<int64_t>(of_thousand, 0, 1000));
}

Placement::Load load_in(Duration elapsed, const ring::ThreadTime& before,
                        const ring::ThreadTime& time) {
  const Duration ran = time.ran - before.ran;
  return {.busy = permille(ran + (time.waited - before.waited), elapsed),
          .ran = permille(ran, elapsed)};
}

}  // namespace

Placement::Placement(Neighbours& neighbours, uint16_t mine)
    : neighbours_(neighbours), mine_(mine) {}

void Placement::publish(Instant now, Load load) {
  const auto at = static_cast<uint64_t>(now.ns / milliseconds(1).ns);
  const uint64_t word = (at << kLoadBits | load.busy) << kLoadBits | load.ran;
  neighbours_.cores[mine_]->load.store(word, std::memory_order_relaxed);
}

Placement::Load Placement::load_of(uint16_t core, Instant now) const {
  const Neighbours::Core& there = *neighbours_.cores[core];
  const auto sessions = static_cast<uint32_t>(
      std::min<uint64_t>(uint64_t{sessions_of(core)} * 1000 / neighbours_.sessions_max, 1000));
  const uint32_t full = std::max(sessions, there.full.load(std::memory_order_relaxed));
  const uint64_t word = there.load.load(std::memory_order_relaxed);
  const Instant at{static_cast<int64_t>(word >> 2 * kLoadBits) * milliseconds(1).ns};
  if (now >= at + kStale) return {full, full, full};
  return {.busy = std::max(static_cast<uint32_t>(word >> kLoadBits & kLoadMask), full),
          .ran = std::max(static_cast<uint32_t>(word & kLoadMask), full),
          .full = full};
}

void Placement::review(Instant now, const ring::ThreadTime& time, uint32_t full) {
  const Instant before = std::exchange(reviewed_, now);
  const ring::ThreadTime time_before = std::exchange(time_, time);
  if (before.ns == 0) return;  // what a start took says nothing
  Neighbours::Core& mine = *neighbours_.cores[mine_];
  mine.full.store(std::min(full, 1000U), std::memory_order_relaxed);
  mine.working.store(working_, std::memory_order_relaxed);
  publish(now, load_in(now - before, time_before, time));
  if (mine_ == 0) open_or_close(now);
  decide_what_to_give(now);
  ++window_;
  working_ = 0;
}

// The first core is always open and decides for all.
void Placement::open_or_close(Instant now) {
  const uint32_t open = this->open();
  const bool can_open = open < neighbours_.cores.size();
  Load all;
  Load of_open;
  for (uint16_t core = 0; core < neighbours_.cores.size(); ++core) {
    const Load load = load_of(core, now);
    all.busy += load.busy;
    all.ran += load.ran;
    if (core >= open) continue;
    of_open.ran += load.ran;
    of_open.full += load.full;
  }
  const bool are_busy = of_open.ran > kBusy * open;
  const bool are_full = of_open.full > kBusy * open;
  look_at_rest(are_busy || all.ran > kBusy, now, all.ran);
  const bool has_room = rest_ && rest_->idle >= kIdle;
  if (can_open && (are_full || (are_busy && has_room))) {
    trial_.reset();
    return apply(Change::kOpen, now);
  }
  if (trial_) return go_on_with_trial(now);
  // One fewer would have enough CPU time, at least if a message costs less there; or others want
  // what the last one has.
  const bool is_contended = rest_ && !has_room && rest_->others >= kOthers;
  const bool can_close = open > 1 && (all.ran < kBusy * (open - 1) || (is_contended && !are_full));
  const bool few = open > 1 && all.busy < kFew * (open - 1);
  const bool may_open = can_open && !few && working_ > 1;
  if (can_close && !(may_open && last_tried_ == Change::kClose))
    return wait_for_trial(now, Change::kClose, few);
  wait_for_trial(now, may_open ? Change::kOpen : Change::kNone, false);
}

// Our own loads do not tell whether another core would find a CPU, or take it from somebody. Where
// nobody tells, it would find one.
void Placement::look_at_rest(bool matters, Instant now, uint32_t ran) {
  if (!matters) {
    look_.reset();
    rest_.reset();
    return;
  }
  if (look_ && now < look_->at + neighbours_.window * kLookWindows) return;
  const auto idle = neighbours_.idle_time ? neighbours_.idle_time() : std::nullopt;
  if (!idle) {
    rest_ = {.idle = kIdle, .others = 0};
    return;
  }
  if (look_) {
    const auto whole = static_cast<uint32_t>(neighbours_.cores.size()) * 1000;
    const int64_t found = (*idle - look_->idle).ns * 1000 / (now - look_->at).ns;
    const auto left = static_cast<uint32_t>(std::clamp<int64_t>(found, 0, whole));
    rest_ = {.idle = left, .others = whole - std::min(whole, left + ran)};
  }
  look_ = {.at = now, .idle = *idle};
}

// `untried`: if too little is done to tell a difference, it is made all the same.
void Placement::wait_for_trial(Instant now, Change change, bool untried) {
  if (change != std::exchange(wanted_, change)) steady_ = 0;
  if (change == Change::kNone) return;
  if (steady_++ == 0) steady_count_ = count_from(now);
  if (steady_ <= kSteadyWindows) return;
  const uint64_t usual = per_second(steady_count_, now);
  const bool worth_it = usual >= kWorthATrial;
  if (worth_it && now >= next_trial_) {
    apply(change, now);
    trial_ = {.change = change, .usual = usual};
    last_tried_ = change;
    next_trial_ = now + kNextTrial;
  } else if (!worth_it && untried) {
    apply(change, now);
  }
  steady_ = 0;
}

void Placement::go_on_with_trial(Instant now) {
  if (++trial_->windows == kTrialBegins) trial_->count = count_from(now);
  if (trial_->windows < kTrialBegins + kTrialWindows) return;
  const Trial trial = *std::exchange(trial_, std::nullopt);
  const uint64_t done = per_second(trial.count, now) * 1000;
  if (trial.change == Change::kOpen && done < trial.usual * kMoreByOpening)
    apply(Change::kClose, now);
  if (trial.change == Change::kClose && done < trial.usual * kLeftByClosing)
    apply(Change::kOpen, now);
}

// One that opens has to have something to do before it can be judged, or given back what it had.
void Placement::apply(Change change, Instant now) {
  const uint32_t open = this->open();
  const auto count = static_cast<uint32_t>(neighbours_.cores.size());
  const uint32_t now_open = change == Change::kOpen ? std::min(open + 1, count) : open - 1;
  neighbours_.open.store(std::max(now_open, 1U), std::memory_order_relaxed);
  const Duration even = neighbours_.window * (kTrialBegins + kTrialWindows);
  const int64_t until = change == Change::kOpen ? (now + even).ns : 0;
  neighbours_.even_until.store(until, std::memory_order_relaxed);
  steady_ = 0;
}

Placement::Count Placement::count_from(Instant now) const {
  uint64_t sum = 0;
  for (const auto& core : neighbours_.cores) sum += core->messages.load(std::memory_order_relaxed);
  return {now, sum};
}

uint64_t Placement::per_second(const Count& count, Instant now) const {
  const auto ms = static_cast<uint64_t>(std::max<int64_t>((now - count.since).ms(), 1));
  return (count_from(now).before - count.before) * 1000 / ms;
}

// Another core, among those that are open.
std::optional<uint16_t> Placement::least_loaded(Instant now) const {
  std::optional<uint16_t> best;
  uint32_t least = UINT32_MAX;
  for (uint16_t core = 0; core < open(); ++core) {
    const uint32_t load = load_of(core, now).busy;
    if (core == mine_ || load >= least) continue;
    best = core;
    least = load;
  }
  return best;
}

bool Placement::evens_out(Instant now) const {
  return now.ns < neighbours_.even_until.load(std::memory_order_relaxed);
}

// Sessions that work here beyond the open cores' mean.
uint32_t Placement::surplus(Instant now) const {
  if (!evens_out(now)) return 0;
  uint32_t all = 0;
  for (uint16_t core = 0; core < open(); ++core) {
    const auto& working = neighbours_.cores[core]->working;
    if (load_of(core, now).busy > 0) all += working.load(std::memory_order_relaxed);
  }
  const uint32_t mean = (all + open() - 1) / open();
  return working_ > mean ? working_ - mean : 0;
}

void Placement::decide_what_to_give(Instant now) {
  to_give_ = 0;
  if (rests_ > 0) {
    --rests_;
    return;
  }
  const auto best = least_loaded(now);
  if (!best) return;
  const uint32_t ours = load_of(mine_, now).busy;
  const uint32_t theirs = load_of(*best, now).busy;
  if (is_closed()) {
    // Closed: all that come to a rest, as long as there is room for them.
    if (theirs < kBusy) to_give_ = UINT32_MAX;
  } else if (const uint32_t more = surplus(now); more > 0) {
    to_give_ = more;
    rests_ = 2;
  } else if (ours > kMuch && theirs + kMore < ours && working_ > 1) {
    // As if all that work did so equally; the next review sees what was wrong with that.
    to_give_ = std::max(1U, working_ * (ours - theirs) / (2 * ours));
    rests_ = 2;
  }
  to_ = *best;
}

bool Placement::give_one() {
  ASSERT(to_give_ > 0);
  auto& sessions = neighbours_.cores[to_]->sessions;
  if (sessions.fetch_add(1, std::memory_order_relaxed) >= neighbours_.sessions_max) {
    sessions.fetch_sub(1, std::memory_order_relaxed);
    to_give_ = 0;
    return false;
  }
  --to_give_;
  return true;
}

void Placement::saw_message_of(uint32_t& seen) {
  auto& messages = neighbours_.cores[mine_]->messages;
  messages.store(messages.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (seen == window_) return;
  seen = window_;
  ++working_;
}

std::optional<uint16_t> Placement::place_new(Instant now, bool has_room, uint64_t chance) const {
  if (neighbours_.draining.load(std::memory_order_relaxed)) return std::nullopt;
  if (!neighbours_.gathers) return spread_new();
  if (!has_room) return with_most_room();
  const auto best = least_loaded(now);
  if (!best) return std::nullopt;
  if (is_closed()) return best;
  const uint32_t ours = load_of(mine_, now).busy;
  if (ours <= kMuch || load_of(*best, now).busy + kMore >= ours) return std::nullopt;
  // Loads are those of a moment ago: not all at once to the other one.
  return ours > kFull || chance % 2 == 0 ? best : std::nullopt;
}

// Open or not: many may come before the next review.
std::optional<uint16_t> Placement::with_most_room() const {
  std::optional<uint16_t> best;
  uint32_t least = neighbours_.sessions_max;
  for (uint16_t core = 0; core < neighbours_.cores.size(); ++core) {
    if (core == mine_ || sessions_of(core) >= least) continue;
    best = core;
    least = sessions_of(core);
  }
  return best;
}

// The kernel spreads connections over the cores by hash: with a few heavy sessions that is as good
// as chance.
std::optional<uint16_t> Placement::spread_new() const {
  const uint32_t ours = sessions_of(mine_);
  std::optional<uint16_t> best;
  uint32_t least = ours;
  for (uint16_t core = 0; core < neighbours_.cores.size(); ++core) {
    const uint32_t theirs = sessions_of(core);
    if (core == mine_ || theirs + kSpreadMargin + theirs / 8 > ours || theirs >= least) continue;
    best = core;
    least = theirs;
  }
  return best;
}

}  // namespace relais::front
