// The bucket against the definition: over any window of length T, burst + T * rate events at most.
#include "policy/bucket.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "base/prng.h"

namespace relais::policy {
namespace {

constexpr Instant kFirstTick{1'000'000'000};

// A client that always tries; what passes is written down.
struct Taker {
  Bucket bucket;
  uint64_t value = kBucketFull;
  bool take(Instant now, uint64_t n = 1) {
    const auto taken = bucket.take(value, Bucket::ticks(now), bucket.cost(n), 0);
    if (taken.taken) value = taken.bucket;
    return taken.taken;
  }
  Duration wait(Instant now) const {
    return Bucket::duration(bucket.take(value, Bucket::ticks(now), bucket.cost(1), 0).wait);
  }
};

TEST(Bucket, TheFirstBurstIsExact) {
  for (const uint64_t burst : {1, 2, 3, 7, 10, 60, 600, 999, 10'007, 60'000}) {
    for (const uint64_t count : {1, 3, 7, 10, 600, 60'000, 1'000'003}) {
      Taker taker{.bucket = {{count, minutes(1)}, burst}};
      for (uint64_t i = 0; i < burst; ++i) ASSERT_TRUE(taker.take(kFirstTick)) << burst << ' ' << i;
      EXPECT_FALSE(taker.take(kFirstTick)) << burst << " at " << count;
    }
  }
}

TEST(Bucket, WhoeverWaitsAsLongAsToldIsServedAndNotEarlier) {
  Prng random(1);
  for (int round = 0; round < 2000; ++round) {
    const Rate rate{random.between(1, 100'000),
                    seconds(static_cast<int64_t>(random.between(1, 3600)))};
    Taker taker{.bucket = {rate, random.between(1, 50)}};
    Instant now = kFirstTick;
    while (taker.take(now)) now = now + Duration{static_cast<int64_t>(random.below(1000))};
    const Duration wait = taker.wait(now);
    ASSERT_GT(wait.ns, 0);
    EXPECT_FALSE(taker.take(now + wait - Duration{2}));
    EXPECT_TRUE(taker.take(now + wait));
  }
}

TEST(Bucket, NoWindowHoldsMoreThanBurstPlusRate) {
  Prng random(2);
  for (int round = 0; round < 50; ++round) {
    const uint64_t burst = random.between(1, 40);
    const Rate rate{random.between(1, 100),
                    milliseconds(static_cast<int64_t>(random.between(1, 5000)))};
    Taker taker{.bucket = {rate, burst}};
    std::vector<Instant> passed;
    Instant now = kFirstTick;
    for (int i = 0; i < 3000; ++i) {
      if (taker.take(now)) passed.push_back(now);
      const auto pause = static_cast<uint64_t>(rate.period.ns) / rate.count * random.below(3) / 2;
      now = now + Duration{static_cast<int64_t>(random.below(pause + 2))};
    }
    for (size_t first = 0; first < passed.size(); first += 7) {
      for (size_t last = first; last < passed.size(); last += 5) {
        const auto window = static_cast<double>((passed[last] - passed[first]).ns);
        const double allowed = static_cast<double>(burst) + window *
                                                                static_cast<double>(rate.count) /
                                                                static_cast<double>(rate.period.ns);
        ASSERT_LE(static_cast<double>(last - first + 1), allowed + 1e-3);
      }
    }
  }
}

TEST(Bucket, MonthsOfARateAreWithinAPartInAMillion) {
  for (const Rate rate : {Rate{10, minutes(1)}, Rate{600, minutes(1)}, Rate{7, hours(1)}}) {
    Taker taker{.bucket = {rate, 5}};
    uint64_t passed = 0;
    const Duration span = hours(24 * 150);
    const Duration step{rate.period.ns / static_cast<int64_t>(rate.count) / 2 - 1};
    for (Instant now = kFirstTick; now - kFirstTick < span; now = now + step)
      passed += taker.take(now) ? 1 : 0;
    const double expected = static_cast<double>(span.ns) / static_cast<double>(rate.period.ns) *
                            static_cast<double>(rate.count);
    EXPECT_NEAR(static_cast<double>(passed), expected + 5, expected * 1e-6 + 1);
  }
}

TEST(Bucket, WorksAcrossTheWrapOfItsTime) {
  const Instant wrap{static_cast<int64_t>((UINT64_MAX >> 8) / Bucket::kTicks)};
  Taker taker{.bucket = {{1, seconds(1)}, 3}};
  int passed = 0;
  for (Instant now = wrap - seconds(10); now < wrap + seconds(10); now = now + milliseconds(100))
    passed += taker.take(now) ? 1 : 0;
  EXPECT_EQ(passed, 3 + 19);
}

TEST(Bucket, WhatIsGivenBackCanBeTakenAgain) {
  const Bucket bucket{{10, seconds(1)}, 5};
  const uint64_t now = Bucket::ticks(kFirstTick);
  uint64_t value = kBucketFull;
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) value = last = bucket.take(value, now, bucket.cost(1), 0).bucket;
  EXPECT_EQ(bucket.used(value, now), 5U);
  value = bucket.give_back(value, last, now, now, bucket.cost(1));
  EXPECT_EQ(bucket.used(value, now), 4U);
  EXPECT_TRUE(bucket.take(value, now, bucket.cost(1), 0).taken);
}

// Whoever holds messages open until the bucket is full again must not get their tokens twice.
TEST(Bucket, WhatHasFlowedInAgainIsNotGivenBack) {
  const Bucket bucket{{10, seconds(1)}, 5};
  const uint64_t then = Bucket::ticks(kFirstTick);
  uint64_t value = kBucketFull;
  std::vector<uint64_t> held;
  for (int i = 0; i < 5; ++i)
    held.push_back(value = bucket.take(value, then, bucket.cost(1), 0).bucket);
  const uint64_t later = Bucket::ticks(kFirstTick + milliseconds(500));
  EXPECT_EQ(bucket.used(value, later), 0U);
  int passed = 0;
  while (true) {
    const auto taken = bucket.take(value, later, bucket.cost(1), 0);
    if (!taken.taken) break;
    value = taken.bucket;
    ++passed;
  }
  for (const uint64_t taken : held)
    value = bucket.give_back(value, taken, then, later, bucket.cost(1));
  while (bucket.take(value, later, bucket.cost(1), 0).taken) {
    value = bucket.take(value, later, bucket.cost(1), 0).bucket;
    ++passed;
  }
  EXPECT_EQ(passed, 5);
}

// Takes, holds, keeps and gives back at random. A window may hold as many more as came back in it
// of what was taken before it; nothing else.
TEST(Bucket, NoWindowHoldsMoreThanBurstPlusRateAndWhatCameBack) {
  Prng random(3);
  struct Event {
    Instant taken_at;
    Instant back_at;  // 0: kept
    uint64_t bucket;
  };
  for (int round = 0; round < 100; ++round) {
    const uint64_t burst = random.between(1, 20);
    const Bucket bucket{{100, seconds(1)}, burst};
    uint64_t value = kBucketFull;
    std::deque<Event> open;
    std::vector<Event> done;
    Instant now = kFirstTick;
    for (int i = 0; i < 1000; ++i) {
      const uint64_t pause = random.one_in(50) ? 300'000'000 : 8'000'000;
      now = now + Duration{static_cast<int64_t>(random.below(pause))};
      const uint64_t ticks = Bucket::ticks(now);
      const auto taken = bucket.take(value, ticks, bucket.cost(1), 0);
      if (taken.taken) open.push_back({now, {}, value = taken.bucket});
      if (open.empty() || !random.one_in(2)) continue;
      const auto which = open.begin() + static_cast<std::ptrdiff_t>(random.below(open.size()));
      Event event = *which;
      open.erase(which);
      if (random.one_in(2)) {
        event.back_at = now;
        value = bucket.give_back(value, event.bucket, Bucket::ticks(event.taken_at), ticks,
                                 bucket.cost(1));
      }
      done.push_back(event);
    }
    for (const Event& first : done) {
      for (size_t other = 0; other < done.size(); other += 7) {
        const Instant from = first.taken_at;
        const Instant to = done[other].taken_at;
        const auto in = [&](Instant at) { return from <= at && at <= to; };
        uint64_t kept = 0;
        double allowed = static_cast<double>(burst) + static_cast<double>((to - from).ns) / 1e7;
        for (const Event& event : done) {
          if (in(event.taken_at) && event.back_at.ns == 0) ++kept;
          if (event.taken_at < from && in(event.back_at)) allowed += 1;
        }
        if (to < from) continue;
        ASSERT_LE(static_cast<double>(kept), allowed + 1e-3);
      }
    }
  }
}

TEST(Bucket, AChangedRateKeepsTheLevel) {
  const Bucket before{{600, minutes(1)}, 600};
  const Bucket after{{10, seconds(1)}, 50};
  const uint64_t now = Bucket::ticks(kFirstTick);
  uint64_t value = kBucketFull;
  value = before.take(value, now, before.cost(450), 0).bucket;
  EXPECT_EQ(before.used(value, now), 450U);
  const uint64_t converted = after.converted(value, now, before);
  EXPECT_EQ(after.used(converted, now), 38U);  // three quarters of 50
  EXPECT_EQ(after.used(after.converted(kBucketFull, now, before), now), 0U);
}

TEST(Bucket, ManyEventsCostAsMuchTogetherAsAlone) {
  Prng random(4);
  for (int round = 0; round < 500; ++round) {
    const uint64_t count = random.between(1, 2'000'000'000);
    const uint64_t burst = random.between(1'000'000, 100'000'000);
    Taker whole{.bucket = {{count, minutes(1)}, burst}};
    uint64_t left = burst;
    uint64_t passed = 0;
    while (left > 0) {
      const uint64_t n = std::min<uint64_t>(left, random.between(1, 16'384));
      if (!whole.take(kFirstTick, n)) break;
      left -= n;
      passed += n;
    }
    EXPECT_GE(passed + passed / 100 + 16'384, burst);
    EXPECT_LE(passed, burst);
  }
}

}  // namespace
}  // namespace relais::policy
