// Rates as people write them, and what is wrong with those that are none.
#include "config/rate.h"

#include <gtest/gtest.h>

namespace relais::config {
namespace {

using policy::Rate;

TEST(RateText, CountsAndPeriods) {
  const std::pair<const char*, Rate> cases[] = {
      {"600/min", {600, minutes(1)}},
      {"600/minute", {600, minutes(1)}},
      {"600/m", {600, minutes(1)}},
      {"10/s", {10, seconds(1)}},
      {"10/sec", {10, seconds(1)}},
      {"10/second", {10, seconds(1)}},
      {"100/h", {100, hours(1)}},
      {"100/hour", {100, hours(1)}},
      {"5000/d", {5000, hours(24)}},
      {"5000/day", {5000, hours(24)}},
      {"10/15s", {10, seconds(15)}},
      {"3/2min", {3, minutes(2)}},
      {"1/365d", {1, hours(24 * 365)}},
      {"1000000000/s", {1'000'000'000, seconds(1)}},
      {"60000000000/min", {60'000'000'000, minutes(1)}},
  };
  for (const auto& [text, rate] : cases) {
    for (const bool octets : {false, true}) {
      const auto read = parse_rate(text, octets);
      ASSERT_TRUE(read) << text << ' ' << read.error();
      EXPECT_EQ(*read, rate) << text;
    }
  }
  EXPECT_EQ(*parse_rate("50MB/min", true), (Rate{50 << 20, minutes(1)}));
  EXPECT_EQ(*parse_rate("64kb/2h", true), (Rate{64 << 10, hours(2)}));
}

TEST(RateText, WhatIsWrong) {
  struct Case {
    const char* text;
    bool octets;
    const char* what;
  };
  const Case cases[] = {
      {"", false, "the period is missing"},
      {"600", false, "the period is missing"},
      {"600/", false, "the period is missing"},
      {"600/15", false, "the period has no unit"},
      {"/min", false, "the count is missing"},
      {"0/min", false, "the count is 0"},
      {"0MB/min", true, "the count is 0"},
      {"-5/min", false, "'-5' is no whole number above 0"},
      {"-5MB/min", true, "'-5MB' is no size"},
      {"1.5/min", false, "'1.5' is no whole number above 0"},
      {"+5/min", false, "'+5' is no whole number above 0"},
      {" 5/min", false, "' 5' is no whole number above 0"},
      {"ten/min", false, "'ten' is no whole number above 0"},
      {"50MB/min", false, "sizes are for bytes only"},
      {"10/fortnight", false, "'fortnight' is no unit of time; those are s, min, h and d"},
      {"10/Min", false, "'Min' is no unit of time; those are s, min, h and d"},
      {"10/ms", false, "'ms' is no unit of time; those are s, min, h and d"},
      {"10/-1s", false, "'-1s' is no unit of time; those are s, min, h and d"},
      {"10/min/2", false, "'min/2' is no unit of time; those are s, min, h and d"},
      {"10/ min", false, "' min' is no unit of time; those are s, min, h and d"},
      {"10/0s", false, "the period is 0"},
      {"1/366d", false, "the period is longer than 365 days"},
      {"1/99999999999999999999s", false, "the period is longer than 365 days"},
      {"1/9223372036854775807d", false, "the period is longer than 365 days"},
      {"1000000001/s", false, "more than 1000000000 a second"},
      {"1GB/s", true, "more than 1000000000 a second"},
      {"18446744073709551615/d", false, "more than 1000000000 a second"},
      {"18446744073709551616/d", false, "the count is too large"},
      {"99999999999999999TB/d", true, "'99999999999999999TB' is no size"},
  };
  for (const Case& c : cases) {
    const auto read = parse_rate(c.text, c.octets);
    ASSERT_FALSE(read) << c.text;
    EXPECT_EQ(read.error(), c.what) << c.text;
  }
}

TEST(RateText, IsPrintedAsItIsRead) {
  for (const char* text : {"600/min", "10/s", "100/h", "5000/d", "10/15s", "3/120s"}) {
    EXPECT_EQ(print_rate(*parse_rate(text, false), false), text);
  }
  EXPECT_EQ(print_rate(*parse_rate("50MB/min", true), true), "50MB/min");
  EXPECT_EQ(print_rate(*parse_rate("1000/s", true), true), "1000/s");
}

TEST(RateText, AStepAboveTheFirstMustBeCountableToo) {
  EXPECT_TRUE(is_countable({500'000'000, seconds(1)}, 200));
  EXPECT_FALSE(is_countable({500'000'000, seconds(1)}, 201));
  EXPECT_TRUE(is_countable({1, hours(24 * 365)}, 10'000));
}

}  // namespace
}  // namespace relais::config
