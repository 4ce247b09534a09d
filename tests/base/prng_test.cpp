#include "base/prng.h"

#include <gtest/gtest.h>

#include <array>

namespace relais {
namespace {

TEST(Prng, the_same_seed_gives_the_same_sequence_and_another_does_not) {
  Prng a(7);
  Prng b(7);
  Prng c(8);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    equal += value == c.next() ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

TEST(Prng, is_the_published_generator) {
  // The first word of the reference implementation, seeded by splitmix64 from 0.
  static_assert(Prng(0).next() == 0x53175d61490b23dfULL);
}

TEST(Prng, stays_within_its_bounds_and_reaches_all_of_them) {
  Prng prng(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) {
    const uint64_t value = prng.between(10, 15);
    ASSERT_GE(value, 10U);
    ASSERT_LE(value, 15U);
    ++seen[value - 10];
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(prng.below(1), 0U);
}

TEST(Prng, one_in_n_is_about_that) {
  Prng prng(1);
  int often = 0;
  int never = 0;
  for (int i = 0; i < 10'000; ++i) {
    often += prng.one_in(10) ? 1 : 0;
    never += prng.one_in(0) ? 1 : 0;
  }
  EXPECT_NEAR(often, 1000, 200);
  EXPECT_EQ(never, 0);
  EXPECT_TRUE(prng.one_in(1));
}

}  // namespace
}  // namespace relais
