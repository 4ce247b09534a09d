// On which core a session is. Sessions gather on as few cores as can carry them: a core that serves
// more of them does more in a turn, and sends, wakes up and flushes less for each message. A core
// that is busy opens another one and gives sessions away; a few that are heavy do not stay
// together. Or they are spread from the first one on ([server] gather_sessions).
//
// A core is busy when its thread runs nearly all of the time, or when it is full (sessions, memory,
// spool, connections to next hops): then another one opens, if the CPUs have time for it. Short of
// that, whether one more would do more (a slow disk, CPUs that others have) or only cost more is
// tried out by the first core: it opens one, or closes one, and what the cores get done meanwhile
// says whether it stays so.
//
// Neighbours is what the cores share; a Placement is one core's part. Time is an argument. Loads
// are permille. CPU time is that of the last window or so, and 0 when it was not renewed for
// kStale: a core without work has no turns. How full one is does not age.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "ring/kernel.h"
#include "ring/mailbox.h"

namespace relais::front {

struct Neighbours {
  struct alignas(64) Core {
    std::atomic<uint32_t> sessions{0};  // there or on their way
    std::atomic<uint32_t> full{0};      // of whatever else it has most of, permille
    std::atomic<uint64_t> load{0};      // CPU, see Placement
    std::atomic<uint64_t> messages{0};
    std::atomic<uint32_t> working{0};  // sessions that finished a message in its last window
    ring::Mailbox* mailbox = nullptr;
  };
  std::vector<std::unique_ptr<Core>> cores;
  uint32_t sessions_max = UINT32_MAX;  // of each core
  bool gathers = false;                // false: sessions are spread
  Duration window = milliseconds(50);  // each looks at its load so often
  std::atomic<uint32_t> open{1};       // if it gathers: cores [0, open) get new ones
  std::atomic<int64_t> even_until{0};  // open ones share what works, whatever the loads (Instant)
  std::atomic<bool> draining{false};   // nobody gives anything away any more
  // Of the cores' CPUs, summed (base/idle_time.h); null, or nothing: nobody knows.
  std::function<std::optional<Duration>()> idle_time;
};

class Placement {
 public:
  static constexpr Duration kStale = milliseconds(200);
  // Opening and closing.
  static constexpr uint32_t kBusy = 900;    // all open ones together: another one opens
  static constexpr uint32_t kFew = 450;     // each of one fewer could carry that well: one closes
  static constexpr uint32_t kIdle = 250;    // of a CPU that another one needs, to open at once
  static constexpr uint32_t kOthers = 500;  // of a CPU: if they have that, one fewer is tried
  static constexpr uint32_t kLookWindows = 2;       // how long that is looked at
  static constexpr uint32_t kSteadyWindows = 40;    // after so long it is tried, or done
  static constexpr uint64_t kWorthATrial = 500;     // messages a second; one closes untried below
  static constexpr uint32_t kTrialBegins = 2;       // windows until sessions have gone over ...
  static constexpr uint32_t kTrialWindows = 10;     // ... and then it is measured
  static constexpr uint64_t kMoreByOpening = 1200;  // permille of what was done before, at least
  static constexpr uint64_t kLeftByClosing = 900;
  static constexpr Duration kNextTrial = seconds(30);
  // Giving away.
  static constexpr uint32_t kMuch = 500;  // from here on a core gives away ...
  static constexpr uint32_t kMore = 250;  // ... to one that has so much less
  static constexpr uint32_t kFull = 900;  // gets nothing new while another has kMore less
  static constexpr Duration kStays =
      milliseconds(250);  // a session, where it was brought to, at least

  Placement(Neighbours& neighbours, uint16_t mine);

  // At the end of a turn. What the thread has had of its CPU; how full the core is otherwise than
  // with sessions, permille.
  void review(Instant now, const ring::ThreadTime& time, uint32_t full);
  [[nodiscard]] bool review_due(Instant now) const {
    return neighbours_.gathers && now >= reviewed_ + neighbours_.window;
  }
  [[nodiscard]] uint32_t open() const { return neighbours_.open.load(std::memory_order_relaxed); }
  // This one gets nothing new, and gives away what it has.
  [[nodiscard]] bool is_closed() const { return mine_ >= open(); }

  // For a new connection that this core has accepted, and has room for or not. Null: it stays.
  // `chance`: any number.
  [[nodiscard]] std::optional<uint16_t> place_new(Instant now, bool has_room,
                                                  uint64_t chance) const;

  // A session has finished one; `seen` is where it keeps that it was counted in this window.
  void saw_message_of(uint32_t& seen);
  // Such a session is to go to this core now. Null: it stays.
  [[nodiscard]] std::optional<uint16_t> wants_away(Instant now) const {
    const bool is_old = now >= reviewed_ + kStale;
    return to_give_ > 0 && !is_old ? std::optional(to_) : std::nullopt;
  }
  // It goes; false: there is no room. Its place there is taken.
  [[nodiscard]] bool give_one();

  struct Load {
    uint32_t busy = 0;  // it runs, or would like to, or is full
    uint32_t ran = 0;   // it runs, or is full
    uint32_t full = 0;
  };
  [[nodiscard]] Load load_of(uint16_t core, Instant now) const;

 private:
  enum class Change : uint8_t { kNone, kOpen, kClose };
  // Messages of all cores from some time on.
  struct Count {
    Instant since{};
    uint64_t before = 0;
  };
  // One core more or fewer, to see what comes of it.
  struct Trial {
    Change change = Change::kNone;
    uint64_t usual = 0;    // messages a second, before
    uint32_t windows = 0;  // since the change
    Count count{};
  };

  // What became of the CPUs' time that we did not have, permille of one CPU.
  struct Rest {
    uint32_t idle = 0;
    uint32_t others = 0;
  };

  void publish(Instant now, Load load);
  void open_or_close(Instant now);
  void look_at_rest(bool matters, Instant now, uint32_t ran);
  void wait_for_trial(Instant now, Change change, bool untried);
  void go_on_with_trial(Instant now);
  void apply(Change change, Instant now);
  void decide_what_to_give(Instant now);
  [[nodiscard]] uint32_t surplus(Instant now) const;
  [[nodiscard]] bool evens_out(Instant now) const;
  [[nodiscard]] Count count_from(Instant now) const;
  [[nodiscard]] uint64_t per_second(const Count& count, Instant now) const;
  [[nodiscard]] std::optional<uint16_t> least_loaded(Instant now) const;
  [[nodiscard]] std::optional<uint16_t> with_most_room() const;
  [[nodiscard]] std::optional<uint16_t> spread_new() const;
  [[nodiscard]] uint32_t sessions_of(uint16_t core) const {
    return neighbours_.cores[core]->sessions.load(std::memory_order_relaxed);
  }

  Neighbours& neighbours_;
  uint16_t mine_;
  Instant reviewed_{};     // 0: not yet
  ring::ThreadTime time_;  // as of then
  uint32_t window_ = 1;
  uint32_t working_ = 0;  // sessions that have finished a message in this window
  // ---- of the first core
  Change wanted_ = Change::kNone;
  Change last_tried_ = Change::kNone;
  uint32_t steady_ = 0;  // windows in which that was wanted
  Count steady_count_{};
  std::optional<Trial> trial_;
  Instant next_trial_{};
  struct Look {
    Instant at{};
    Duration idle{};
  };
  std::optional<Look> look_;  // at the CPUs; null: they do not matter
  std::optional<Rest> rest_;  // null: not known yet
  // ----
  uint32_t rests_ = 0;  // windows to wait until what was given shows
  uint32_t to_give_ = 0;
  uint16_t to_ = 0;
};

}  // namespace relais::front
