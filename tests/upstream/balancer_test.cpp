// Which upstream gets a message: least outstanding, circuits, slow start.
#include "upstream/balancer.h"

#include <gtest/gtest.h>

#include <array>

namespace relais::upstream {
namespace {

constexpr Instant kStart{1'000'000'000};

// Picks and begins.
uint32_t take(Balancer& balancer, Instant now) {
  const auto host = balancer.pick(now, 0);
  EXPECT_TRUE(host.has_value());
  balancer.began(*host);
  return *host;
}

void open_circuit(Balancer& balancer, uint32_t host, Instant now) {
  for (uint32_t i = 1; i < Balancer::kFailuresToOpen; ++i) EXPECT_FALSE(balancer.failed(host, now));
  EXPECT_TRUE(balancer.failed(host, now));
}

TEST(Balancer, EqualHostsTakeTurns) {
  Balancer balancer(3);
  std::array<uint32_t, 3> counts{};
  for (int i = 0; i < 300; ++i) {
    const uint32_t host = take(balancer, kStart);
    ++counts[host];
    balancer.ended(host);
  }
  EXPECT_EQ(counts, (std::array<uint32_t, 3>{100, 100, 100}));
}

TEST(Balancer, TheHostWithTheFewestMessagesUnderWayIsTaken) {
  Balancer balancer(3);
  for (int i = 0; i < 5; ++i) balancer.began(0);
  for (int i = 0; i < 2; ++i) balancer.began(1);
  for (int i = 0; i < 3; ++i) balancer.began(2);
  EXPECT_EQ(take(balancer, kStart), 1U);
  std::array<uint32_t, 3> counts{5, 3, 3};
  for (int i = 0; i < 4; ++i) ++counts[take(balancer, kStart)];
  EXPECT_EQ(counts, (std::array<uint32_t, 3>{5, 5, 5}));
}

TEST(Balancer, OnesThatWereTriedAreLeftOut) {
  Balancer balancer(2);
  EXPECT_EQ(balancer.pick(kStart, 0b01), 1U);
  EXPECT_EQ(balancer.pick(kStart, 0b10), 0U);
  EXPECT_EQ(balancer.pick(kStart, 0b11), std::nullopt);
}

TEST(Balancer, FailuresInARowOpenACircuitAndASuccessBetweenThemDoesNot) {
  Balancer balancer(2);
  for (int i = 0; i < 10; ++i) {
    for (uint32_t k = 1; k < Balancer::kFailuresToOpen; ++k)
      EXPECT_FALSE(balancer.failed(0, kStart));
    balancer.succeeded(0, kStart);
  }
  EXPECT_EQ(balancer.circuit(0), Circuit::kClosed);
  open_circuit(balancer, 0, kStart);
  EXPECT_EQ(balancer.circuit(0), Circuit::kOpen);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(balancer.pick(kStart, 0), 1U);
  open_circuit(balancer, 1, kStart);
  EXPECT_EQ(balancer.pick(kStart, 0), std::nullopt);
}

TEST(Balancer, AnOpenCircuitIsTriedOnceWhenItsTimeHasComeAndNotByAMessage) {
  Balancer balancer(1);
  EXPECT_EQ(balancer.next_trial(), std::nullopt);
  open_circuit(balancer, 0, kStart);
  EXPECT_EQ(balancer.next_trial(), kStart + Balancer::kOpenFirst);
  EXPECT_EQ(balancer.take_trial(kStart + Balancer::kOpenFirst - milliseconds(1)), std::nullopt);
  EXPECT_EQ(balancer.take_trial(kStart + Balancer::kOpenFirst), 0U);
  EXPECT_EQ(balancer.circuit(0), Circuit::kHalfOpen);
  EXPECT_EQ(balancer.take_trial(kStart + hours(1)), std::nullopt) << "one trial is under way";
  EXPECT_EQ(balancer.pick(kStart + hours(1), 0), std::nullopt);
}

TEST(Balancer, ATrialThatFailsOpensForLongerUpToALimit) {
  Balancer balancer(1);
  Instant now = kStart;
  open_circuit(balancer, 0, now);
  Duration expected = Balancer::kOpenFirst;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(balancer.next_trial(), now + expected);
    now = now + expected;
    ASSERT_TRUE(balancer.take_trial(now).has_value());
    EXPECT_TRUE(balancer.failed(0, now)) << "once is enough";
    expected = std::min(expected + expected, Balancer::kOpenMax);
  }
  EXPECT_EQ(expected, Balancer::kOpenMax);
  now = now + expected;
  ASSERT_TRUE(balancer.take_trial(now).has_value());
  balancer.succeeded(0, now);
  EXPECT_EQ(balancer.circuit(0), Circuit::kClosed);
  open_circuit(balancer, 0, now);
  EXPECT_EQ(balancer.next_trial(), now + Balancer::kOpenFirst) << "forgotten once it was closed";
}

TEST(Balancer, WhatWasUnderWayWhenTheCircuitOpenedDoesNotCloseIt) {
  Balancer balancer(1);
  open_circuit(balancer, 0, kStart);
  balancer.succeeded(0, kStart);
  EXPECT_EQ(balancer.circuit(0), Circuit::kOpen);
  EXPECT_FALSE(balancer.failed(0, kStart)) << "nor does it open it again";
}

TEST(Balancer, OneThatHasComeBackStartsSlowly) {
  Balancer balancer(2);
  EXPECT_EQ(balancer.weight(0, kStart), 100U) << "nobody has to start slowly at first";
  open_circuit(balancer, 0, kStart);
  const Instant back = kStart + Balancer::kOpenFirst;
  ASSERT_TRUE(balancer.take_trial(back).has_value());
  balancer.succeeded(0, back);
  EXPECT_EQ(balancer.weight(0, back), 10U);
  EXPECT_EQ(balancer.weight(0, back + seconds(5)), 55U);
  EXPECT_EQ(balancer.weight(0, back + Balancer::kSlowStart), 100U);

  const auto share = [&](Instant now) {
    std::array<uint32_t, 2> counts{};
    for (int i = 0; i < 110; ++i) ++counts[take(balancer, now)];
    for (uint32_t host = 0; host < 2; ++host) {
      for (uint32_t i = 0; i < counts[host]; ++i) balancer.ended(host);
    }
    return counts[0];
  };
  EXPECT_EQ(share(back), 10U);
  EXPECT_NEAR(share(back + seconds(5)), 39, 1);
  EXPECT_EQ(share(back + Balancer::kSlowStart), 55U);
}

}  // namespace
}  // namespace relais::upstream
