#include "policy/pressure.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace relais::policy {
namespace {

using enum Pressure;

constexpr PressureThresholds kDisk{.medium = 89, .high = 99, .high_ends = 90, .medium_ends = 80};
constexpr PressureLimits kLimits{
    kDisk,
    kDisk,
    kDisk,
    kDisk,
    {.medium = 9999, .high = 15'000, .high_ends = 10'000, .medium_ends = 2000}};
constexpr Duration kPoll = seconds(2);

// One resource, polled every 2 s.
class Pressures : public testing::Test {
 protected:
  Pressure poll(std::optional<uint64_t> figure) {
    now_ = now_ + kPoll;
    PressureFigures figures{0, 0, figure, 0, 0};
    changes_ = states_.poll(figures, limits_, now_);
    return disk().pressure;
  }
  [[nodiscard]] const ResourceState& disk() const { return states_.of(Resource::kSpoolDisk); }

  ResourceStates states_;
  PressureLimits limits_ = kLimits;
  Instant now_ = Instant{} + hours(1);
  std::vector<PressureChange> changes_;
};

TEST_F(Pressures, StatesBeginAtTheirFigureAndEndBelowTheOther) {
  const std::pair<uint64_t, Pressure> story[] = {
      {0, kNormal},  {88, kNormal}, {89, kMedium}, {98, kMedium}, {81, kMedium},
      {80, kMedium}, {79, kNormal}, {88, kNormal}, {89, kMedium}, {99, kHigh},
      {98, kHigh},   {90, kHigh},   {89, kMedium}, {98, kMedium}, {99, kHigh},
      {79, kNormal}, {100, kHigh},  {85, kMedium}, {79, kNormal},
  };
  for (const auto& [figure, wanted] : story)
    ASSERT_EQ(poll(figure), wanted) << "at " << figure << " %";
}

TEST_F(Pressures, OnlyChangesAreToldWithFigureAndThresholds) {
  poll(50);
  EXPECT_TRUE(changes_.empty());
  poll(99);
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_EQ(changes_[0].resource, Resource::kSpoolDisk);
  EXPECT_EQ(changes_[0].before, kNormal);
  EXPECT_EQ(changes_[0].after, kHigh);
  EXPECT_EQ(changes_[0].figure, 99U);
  EXPECT_EQ(changes_[0].thresholds, kDisk);
  poll(99);
  EXPECT_TRUE(changes_.empty());
  poll(10);
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_EQ(changes_[0].before, kHigh);
  EXPECT_EQ(changes_[0].after, kNormal);
}

TEST_F(Pressures, TimesAreThoseOfTheStateAndOfTheTrouble) {
  poll(89);
  const Instant medium = now_;
  EXPECT_EQ(disk().since, medium);
  EXPECT_EQ(disk().troubled, medium);
  EXPECT_EQ(disk().polls, 1U);
  poll(99);
  EXPECT_EQ(disk().since, now_);
  EXPECT_EQ(disk().troubled, medium);
  poll(89);
  EXPECT_EQ(disk().since, now_);
  EXPECT_EQ(disk().troubled, medium) << "it was never Normal";
  EXPECT_EQ(disk().polls, 3U);
  poll(1);
  poll(89);
  EXPECT_EQ(disk().troubled, now_);
  EXPECT_EQ(disk().polls, 1U);
}

TEST_F(Pressures, WhatIsNotKnownIsNormal) {
  poll(100);
  EXPECT_EQ(poll(std::nullopt), kNormal);
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_FALSE(disk().figure.has_value());
  EXPECT_EQ(poll(100), kHigh);
}

TEST_F(Pressures, NewThresholdsJudgeAfresh) {
  poll(60);
  limits_[2] = {.medium = 50, .high = 99, .high_ends = 60, .medium_ends = 40};
  EXPECT_EQ(poll(60), kMedium);
  const Instant began = disk().since;
  // 60 lies between 40 and 80: what the old thresholds decided does not hold it up.
  limits_[2] = {.medium = 80, .high = 99, .high_ends = 60, .medium_ends = 40};
  EXPECT_EQ(poll(60), kNormal);
  limits_[2] = {.medium = 55, .high = 99, .high_ends = 60, .medium_ends = 40};
  EXPECT_EQ(poll(60), kMedium);
  EXPECT_GT(disk().since, began);
  const Instant again = disk().since;
  limits_[2].medium = 56;
  EXPECT_EQ(poll(60), kMedium);
  EXPECT_EQ(disk().since, again) << "the same state goes on";
}

TEST_F(Pressures, ResourcesDoNotMix) {
  const PressureFigures figures{99, 0, 89, std::nullopt, 14'999};
  EXPECT_EQ(states_.poll(figures, kLimits, now_).size(), 3U);
  EXPECT_EQ(states_.of(Resource::kMemory).pressure, kHigh);
  EXPECT_EQ(states_.of(Resource::kSystemMemory).pressure, kNormal);
  EXPECT_EQ(states_.of(Resource::kSpoolDisk).pressure, kMedium);
  EXPECT_EQ(states_.of(Resource::kSpool).pressure, kNormal);
  EXPECT_EQ(states_.of(Resource::kQueue).pressure, kMedium);
}

// The bands between the thresholds, one by one: section 7.3 of the reference as a table.
Pressure wanted(uint64_t figure, Pressure before) {
  if (figure >= 99) return kHigh;
  if (figure >= 90) return before == kHigh ? kHigh : kMedium;
  if (figure == 89) return kMedium;
  if (figure >= 80) return before == kNormal ? kNormal : kMedium;
  return kNormal;
}

// Three months, a poll each 2 s: a figure that wanders. Each state is what the thresholds say about
// the one before, and a wobble of less than the gap between them changes it at most once.
TEST_F(Pressures, MonthsOfPolls) {
  Prng prng(11);
  uint64_t figure = 50;
  uint32_t changes = 0;
  Pressure before = kNormal;
  const Instant end = now_ + hours(24 * 90);
  while (now_ < end) {
    const uint64_t step = prng.below(3);
    if (step == 0 && figure > 0) --figure;
    if (step == 2 && figure < 100) ++figure;
    const Pressure after = poll(figure);
    ASSERT_EQ(after, wanted(figure, before)) << "at " << figure << " %, " << name_of(before);
    ASSERT_EQ(changes_.size(), after == before ? 0U : 1U);
    ASSERT_LE(disk().since, now_);
    ASSERT_TRUE(after == kNormal || disk().troubled <= disk().since);
    changes += after != before ? 1 : 0;
    before = after;
  }
  EXPECT_GT(changes, 100U) << "the walk went nowhere";
  for (int i = 0; i < 100'000; ++i) poll(prng.between(80, 88));
  const Instant settled = disk().since;
  for (int i = 0; i < 100'000; ++i) poll(prng.between(80, 88));
  EXPECT_EQ(disk().since, settled) << "it flutters";
}

TEST(PressureForDisk, HighBeginsWhile500MegabytesAreFree) {
  constexpr uint64_t kGiB = 1ULL << 30;
  EXPECT_EQ(for_disk(kDisk, 1000 * kGiB).high, 99U);
  EXPECT_EQ(for_disk(kDisk, 20 * kGiB).high, 97U);  // 100 * (20480 - 500) / 20480 = 97.5
  EXPECT_EQ(for_disk(kDisk, 10 * kGiB).high, 95U);
  EXPECT_EQ(for_disk(kDisk, 64'000 * kGiB).high, 99U);
}

TEST(PressureForDisk, OnASmallDiskTheOrderIsKept) {
  constexpr uint64_t kMiB = 1ULL << 20;
  for (const uint64_t size :
       {0 * kMiB, 48 * kMiB, 500 * kMiB, 501 * kMiB, 600 * kMiB, 2000 * kMiB, 5000 * kMiB}) {
    const PressureThresholds limits = for_disk(kDisk, size);
    EXPECT_LT(limits.medium, limits.high) << size;
    EXPECT_LE(limits.high_ends, limits.high) << size;
    EXPECT_LE(limits.high, 99U) << size;
  }
  EXPECT_EQ(for_disk(kDisk, 48 * kMiB), kDisk);
}

TEST(PressureText, NamesAndFigures) {
  EXPECT_EQ(name_of(Resource::kSpoolDisk), "spool_disk");
  EXPECT_EQ(figure_text(Resource::kSpool, 97), "97 % used");
  EXPECT_EQ(figure_text(Resource::kQueue, 1'000'213), "1000213 messages");
  EXPECT_EQ(figure_text(Resource::kQueue, 1), "1 message");
  EXPECT_EQ(threshold_text(Resource::kQueue, 5), "5");
  EXPECT_EQ(threshold_text(Resource::kMemory, 5), "5 %");
  EXPECT_EQ(all_resources().size(), kResources);
  for (size_t i = 0; i < kResources; ++i) EXPECT_EQ(static_cast<size_t>(all_resources()[i]), i);
}

}  // namespace
}  // namespace relais::policy
