#include "sink/seen.h"

#include <gtest/gtest.h>

namespace relais::sink {
namespace {

TEST(SeenTest, KnowsAMessageByRunNumberAndRecipient) {
  Seen seen;
  EXPECT_EQ(seen.add(1, 1, "a@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(2, 1, "a@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(1, 2, "a@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(1, 1, "b@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(1, 1, "a@x"), Seen::Answer::kBefore);
}

TEST(SeenTest, ForgetsNothingAsItGrows) {
  Seen seen;
  for (uint64_t number = 0; number < 100'000; ++number)
    ASSERT_EQ(seen.add(1, number, "a@x"), Seen::Answer::kNew) << number;
  for (uint64_t number = 0; number < 100'000; ++number)
    ASSERT_EQ(seen.add(1, number, "a@x"), Seen::Answer::kBefore) << number;
}

TEST(SeenTest, SaysSoWhenItIsFull) {
  Seen seen(2);
  EXPECT_EQ(seen.add(1, 1, "a@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(1, 2, "a@x"), Seen::Answer::kNew);
  EXPECT_EQ(seen.add(1, 3, "a@x"), Seen::Answer::kFull);
  EXPECT_EQ(seen.add(1, 2, "a@x"), Seen::Answer::kBefore);
}

}  // namespace
}  // namespace relais::sink
