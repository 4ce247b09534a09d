#include "load/size_mix.h"

#include <gtest/gtest.h>

#include <array>

namespace relais::load {
namespace {

TEST(SizeMix, ReadsSizesInUnitsOf1024) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("10k"), 10'240U);
  EXPECT_EQ(parse_size("10KB"), 10'240U);
  EXPECT_EQ(parse_size("1M"), 1U << 20);
  EXPECT_EQ(parse_size("1g"), 1U << 30);
}

TEST(SizeMix, SaysWhatIsWrongWithASize) {
  EXPECT_NE(parse_size("0").error().find("size 0 cannot be sent"), std::string::npos);
  EXPECT_NE(parse_size("0k").error().find("size 0k cannot be sent"), std::string::npos);
  for (const char* text : {"", "k", "-1", "1.5k", "10q", "10 k", "99999999999999999999"})
    EXPECT_NE(parse_size(text).error().find("is no size"), std::string::npos) << text;
  EXPECT_NE(parse_size("2g").error().find("too large"), std::string::npos);
  EXPECT_NE(parse_size("18014398509481985k").error().find("too large"), std::string::npos);
}

TEST(SizeMix, IsOneSizeOrMany) {
  const auto one = SizeMix::parse("10k");
  ASSERT_TRUE(one);
  ASSERT_EQ(one->classes().size(), 1U);
  EXPECT_EQ(one->classes()[0].octets, 10'240U);
  const auto many = SizeMix::parse("1k:60,10k:30,100k:9,1m:1");
  ASSERT_TRUE(many);
  ASSERT_EQ(many->classes().size(), 4U);
  EXPECT_EQ(many->classes()[3].octets, 1U << 20);
  EXPECT_EQ(many->classes()[0].weight, 60U);
}

TEST(SizeMix, SaysWhatIsWrongWithAMix) {
  EXPECT_FALSE(SizeMix::parse(""));
  EXPECT_FALSE(SizeMix::parse("1k:60,"));
  EXPECT_FALSE(SizeMix::parse("normal"));
  for (const char* text : {"1k:0", "1k:", "1k:x", "1k:-3", "1k:1.5", "1k:9999999999"})
    EXPECT_NE(SizeMix::parse(text).error().find("is no weight"), std::string::npos) << text;
}

TEST(SizeMix, DrawsAsOftenAsTheWeightsSay) {
  const auto mix = SizeMix::parse("1k:60,10k:30,100k:9,1m:1");
  ASSERT_TRUE(mix);
  Prng random(1);
  std::array<uint64_t, 4> seen{};
  constexpr uint64_t kDraws = 100'000;
  for (uint64_t i = 0; i < kDraws; ++i) ++seen[mix->draw(random)];
  // Five standard deviations of a binomial are below 0.8 % of the draws.
  const std::array<double, 4> expected = {0.6, 0.3, 0.09, 0.01};
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(static_cast<double>(seen[i]) / kDraws, expected[i], 0.008) << i;
}

}  // namespace
}  // namespace relais::load
