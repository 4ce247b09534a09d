#include "base/clock.h"

#include <gtest/gtest.h>

#include <clocale>

namespace relais {
namespace {

WallTime at(int64_t unix_seconds, int64_t ms = 0) {
  return WallTime{} + seconds(unix_seconds) + milliseconds(ms);
}

TEST(WallTime, prints_as_a_mail_header_wants_it) {
  EXPECT_EQ(rfc5322_date(at(1470414281)), "Fri, 5 Aug 2016 16:24:41 +0000");
  EXPECT_EQ(rfc5322_date(at(0)), "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(rfc5322_date(at(951782399)), "Mon, 28 Feb 2000 23:59:59 +0000");
  EXPECT_EQ(rfc5322_date(at(951782400)), "Tue, 29 Feb 2000 00:00:00 +0000");
  EXPECT_EQ(rfc5322_date(at(4102444799)), "Thu, 31 Dec 2099 23:59:59 +0000");
}

TEST(WallTime, prints_as_a_log_wants_it) {
  EXPECT_EQ(iso8601(at(1470414281, 123)), "2016-08-05T16:24:41.123Z");
  EXPECT_EQ(iso8601(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso8601(at(1470414281, 999) + microseconds(999)), "2016-08-05T16:24:41.999Z");
}

TEST(Duration, counts) {
  EXPECT_EQ(hours(2), minutes(120));
  EXPECT_EQ(minutes(1), seconds(60));
  EXPECT_EQ(seconds(1), milliseconds(1000));
  EXPECT_EQ(milliseconds(1), microseconds(1000));
  EXPECT_EQ((seconds(1) + milliseconds(999)).seconds(), 1);
  EXPECT_EQ((seconds(1) - seconds(3)).ms(), -2000);
  EXPECT_EQ(seconds(3) * 4, seconds(12));
  EXPECT_EQ((Instant{5} + seconds(1)) - Instant{5}, seconds(1));
  EXPECT_LT(Instant{5} - seconds(1), Instant{5});
}

TEST(GrowingWait, DoublesUpToTheLongest) {
  EXPECT_EQ(growing_wait(seconds(1), seconds(60), 1), seconds(1));
  EXPECT_EQ(growing_wait(seconds(1), seconds(60), 2), seconds(2));
  EXPECT_EQ(growing_wait(seconds(1), seconds(60), 6), seconds(32));
  EXPECT_EQ(growing_wait(seconds(1), seconds(60), 7), seconds(60));
  EXPECT_EQ(growing_wait(seconds(1), seconds(60), UINT32_MAX), seconds(60));
  EXPECT_EQ(growing_wait(seconds(5), seconds(3), 1), seconds(3));
}

}  // namespace
}  // namespace relais
