#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/prng.h"

namespace relais {
namespace {

TEST(Histogram, SaysNothingOfNothing) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(0.5), 0U);
  EXPECT_EQ(histogram.minimum(), 0U);
  EXPECT_EQ(histogram.maximum(), 0U);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, KnowsSmallValuesExactly) {
  Histogram histogram;
  for (uint64_t i = 1; i <= 100; ++i) histogram.record(i);
  EXPECT_EQ(histogram.percentile(0.5), 50U);
  EXPECT_EQ(histogram.percentile(0.9), 90U);
  EXPECT_EQ(histogram.percentile(0.99), 99U);
  EXPECT_EQ(histogram.percentile(1), 100U);
  EXPECT_EQ(histogram.percentile(0), 1U);
  EXPECT_EQ(histogram.minimum(), 1U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

TEST(Histogram, IsRightToOnePartIn128AgainstASortedList) {
  Prng random(7);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t value = random.next() >> random.between(24, 62);
    values.push_back(value);
    histogram.record(value);
  }
  std::ranges::sort(values);
  for (const double share : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<size_t>(share * 20'000 + 0.999999);
    const uint64_t exact = values[rank - 1];
    const uint64_t found = histogram.percentile(share);
    EXPECT_GE(found, exact) << share;
    EXPECT_LE(found, exact + exact / 128 + 1) << share;
  }
  EXPECT_EQ(histogram.maximum(), values.back());
}

TEST(Histogram, KeepsTheMaximumOfWhatIsBeyondItsTable) {
  Histogram histogram;
  histogram.record(UINT64_MAX / 4);
  histogram.record(1);
  EXPECT_EQ(histogram.maximum(), UINT64_MAX / 4);
  EXPECT_EQ(histogram.percentile(0.5), 1U);
  EXPECT_EQ(histogram.percentile(1), UINT64_MAX / 4);
}

TEST(Histogram, AddsAndResets) {
  Histogram a(4);
  Histogram b(4);
  a.record(10);
  b.record(1000);
  b.record(2000);
  a.add(b);
  EXPECT_EQ(a.count(), 3U);
  EXPECT_EQ(a.minimum(), 10U);
  EXPECT_EQ(a.maximum(), 2000U);
  a.reset();
  EXPECT_EQ(a.count(), 0U);
  EXPECT_EQ(a.percentile(1), 0U);
}

}  // namespace
}  // namespace relais
