// The wheel against the simplest model that can be: a list of armed times.
#include "ring/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/prng.h"

namespace relais::ring {
namespace {

constexpr Instant kStart{123'456'789};
constexpr Duration kTick = milliseconds(1);

// Arms, cancels and lets time pass; `reach` is how far ahead timers lie at most.
class Model {
 public:
  Model(uint64_t seed, Duration reach) : prng_(seed), reach_(reach) {}

  void arm() {
    // All magnitudes alike, from a tick to the whole reach, and sometimes the past.
    const auto bits = static_cast<uint64_t>(64 - __builtin_clzll(static_cast<uint64_t>(reach_.ns)));
    const int64_t away = static_cast<int64_t>(prng_.next() >> (64 - prng_.between(1, bits)));
    const Instant when = now_ + Duration{prng_.one_in(20) ? -away : std::min(away, reach_.ns)};
    const uint64_t payload = next_payload_++;
    armed_[payload] = {when, std::max(when, now_), wheel_.arm(when, payload)};
  }

  void cancel_one() {
    if (armed_.empty()) return;
    auto it = armed_.begin();
    std::advance(it, static_cast<ptrdiff_t>(prng_.below(armed_.size())));
    EXPECT_TRUE(wheel_.cancel(it->second.id));
    EXPECT_FALSE(wheel_.cancel(it->second.id));
    armed_.erase(it);
  }

  void advance(Duration by) {
    now_ = now_ + by;
    due_.clear();
    wheel_.advance(now_, due_);
    Instant last{INT64_MIN};
    for (const uint64_t payload : due_) {
      const auto it = armed_.find(payload);
      ASSERT_NE(it, armed_.end()) << "fired twice or after it was cancelled";
      EXPECT_LE(it->second.when, now_) << "early";
      // Ticks are the order; within one there is none.
      EXPECT_GE(it->second.due + kTick, last) << "out of order";
      last = std::max(last, it->second.due);
      armed_.erase(it);
    }
    for (const auto& [payload, timer] : armed_)
      ASSERT_GT(timer.due + kTick, now_) << "late by " << (now_ - timer.due).ms() << " ms";
    check_next();
  }

  void check_next() {
    EXPECT_EQ(wheel_.size(), armed_.size());
    const auto next = wheel_.next();
    ASSERT_EQ(next.has_value(), !armed_.empty());
    if (!next) return;
    Instant earliest{INT64_MAX};
    for (const auto& [payload, timer] : armed_) earliest = std::min(earliest, timer.due);
    EXPECT_LE(*next, earliest + kTick) << "would sleep too long";
  }

  // Follows next() to the end; every step must bring something on.
  void run_out() {
    int steps = 0;
    while (const auto next = wheel_.next()) {
      ASSERT_LT(++steps, 100'000) << "next() makes no progress";
      advance(std::max(Duration{}, *next - now_));
      if (testing::Test::HasFatalFailure()) return;
    }
    EXPECT_TRUE(armed_.empty());
  }

  [[nodiscard]] Prng& prng() { return prng_; }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] TimerWheel& wheel() { return wheel_; }

 private:
  struct Timer {
    Instant when;
    Instant due;  // a time in the past is due when it is armed
    TimerId id;
  };
  Prng prng_;
  Duration reach_;
  Instant now_ = kStart;
  TimerWheel wheel_{kStart};
  std::map<uint64_t, Timer> armed_;
  uint64_t next_payload_ = 1;
  std::vector<uint64_t> due_;
};

void play(uint64_t seed, Duration reach, Duration step, int turns) {
  SCOPED_TRACE(seed);
  Model model(seed, reach);
  for (int i = 0; i < turns && !testing::Test::HasFatalFailure(); ++i) {
    const uint64_t arms = model.prng().below(4);
    for (uint64_t k = 0; k < arms; ++k) model.arm();
    if (model.prng().one_in(2)) model.cancel_one();
    model.check_next();
    model.advance(
        Duration{static_cast<int64_t>(model.prng().below(static_cast<uint64_t>(step.ns)))});
  }
  model.run_out();
}

TEST(TimerWheel, follows_the_model_over_seconds) {
  for (uint64_t seed = 1; seed <= 10; ++seed) play(seed, seconds(10), milliseconds(50), 300);
}

TEST(TimerWheel, follows_the_model_over_hours) {
  for (uint64_t seed = 1; seed <= 5; ++seed) play(seed, hours(5), minutes(1), 300);
}

TEST(TimerWheel, follows_the_model_over_months) {
  for (uint64_t seed = 1; seed <= 3; ++seed) play(seed, hours(24 * 100), hours(24), 150);
}

TEST(TimerWheel, a_timer_across_the_end_of_the_wheels_round_is_on_time) {
  // The round of 2^32 ticks ends after 49.7 days.
  constexpr Duration kRound = milliseconds(int64_t{1} << 32);
  TimerWheel wheel(kStart);
  std::vector<uint64_t> due;
  wheel.advance(kStart + kRound - seconds(1), due);
  [[maybe_unused]] const TimerId id = wheel.arm(kStart + kRound + seconds(1), 7);
  wheel.advance(kStart + kRound + milliseconds(999), due);
  EXPECT_TRUE(due.empty());
  wheel.advance(kStart + kRound + milliseconds(1000), due);
  EXPECT_EQ(due, std::vector<uint64_t>{7});
}

TEST(TimerWheel, an_identifier_of_a_timer_that_fired_cancels_nobody) {
  TimerWheel wheel(kStart);
  std::vector<uint64_t> due;
  const TimerId first = wheel.arm(kStart + kTick, 1);
  wheel.advance(kStart + kTick, due);
  EXPECT_EQ(due, std::vector<uint64_t>{1});
  const TimerId second = wheel.arm(kStart + kTick * 5, 2);
  EXPECT_EQ(first.slot, second.slot);
  EXPECT_FALSE(wheel.cancel(first));
  EXPECT_TRUE(wheel.cancel(second));
  EXPECT_FALSE(wheel.next().has_value());
}

TEST(TimerWheel, time_that_goes_backwards_fires_nothing) {
  TimerWheel wheel(kStart);
  std::vector<uint64_t> due;
  [[maybe_unused]] const TimerId id = wheel.arm(kStart + seconds(1), 1);
  wheel.advance(kStart + milliseconds(500), due);
  wheel.advance(kStart - seconds(5), due);
  wheel.advance(kStart + milliseconds(400), due);
  EXPECT_TRUE(due.empty());
  wheel.advance(kStart + seconds(1), due);
  EXPECT_EQ(due.size(), 1U);
}

}  // namespace
}  // namespace relais::ring
