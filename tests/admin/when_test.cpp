#include "admin/when.h"

#include <gtest/gtest.h>

namespace relais::admin {
namespace {

constexpr WallTime kNow{1'800'000'000'123'000'000};  // 2027-01-15T08:00:00.123Z

TEST(when, reads_what_iso8601_writes) {
  for (const int64_t ns : {0L, 951'782'400'000'000'000L, kNow.ns, 4'102'444'799'999'000'000L}) {
    const auto back = parse_time(iso8601({ns}));
    ASSERT_TRUE(back) << iso8601({ns});
    EXPECT_EQ(back->ns, ns);
  }
}

TEST(when, shorter_forms) {
  EXPECT_EQ(iso8601(*parse_time("2026-01-31")), "2026-01-31T00:00:00.000Z");
  EXPECT_EQ(iso8601(*parse_time("2026-01-31T10:20")), "2026-01-31T10:20:00.000Z");
  EXPECT_EQ(iso8601(*parse_time("2026-01-31 10:20:30Z")), "2026-01-31T10:20:30.000Z");
  EXPECT_EQ(iso8601(*parse_time("2024-02-29")), "2024-02-29T00:00:00.000Z");
}

TEST(when, ages_count_back_from_now) {
  EXPECT_EQ(*parse_time_or_age("30d", kNow), kNow + seconds(-30 * 86'400));
  EXPECT_EQ(*parse_time_or_age("90s", kNow), kNow + seconds(-90));
  EXPECT_EQ(*parse_time_or_age("15m", kNow), kNow + minutes(-15));
  EXPECT_EQ(*parse_time_or_age("12h", kNow), kNow + hours(-12));
  EXPECT_EQ(*parse_time_or_age("4w", kNow), kNow + hours(-28 * 24));
  EXPECT_EQ(*parse_time_or_age("2026-01-31", kNow), *parse_time("2026-01-31"));
  EXPECT_LT(parse_time_or_age("1000000000w", kNow)->ns, 1'000'000'000);
}

TEST(when, nothing_else) {
  for (const std::string_view text :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-01-31T", "2026-01-31T24:00", "2026-01-31x",
        "+026-01-31", "26-01-31", "1500-01-01", "-5d", "d", "30", "30 d", "30dd", "yesterday",
        "99999999999999999999d"})
    EXPECT_FALSE(parse_time_or_age(text, kNow)) << text;
}

TEST(when, says_how_long_ago) {
  EXPECT_EQ(ago({}, kNow), "never");
  EXPECT_EQ(ago(kNow + seconds(5), kNow), "0 s ago");
  EXPECT_EQ(ago(kNow + seconds(-119), kNow), "119 s ago");
  EXPECT_EQ(ago(kNow + minutes(-5), kNow), "5 min ago");
  EXPECT_EQ(ago(kNow + hours(-23), kNow), "23 h ago");
  EXPECT_EQ(ago(kNow + hours(-25), kNow), "2027-01-14");
}

}  // namespace
}  // namespace relais::admin
