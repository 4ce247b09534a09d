#include "load/rate.h"

#include <gtest/gtest.h>

namespace relais::load {
namespace {

double seconds_of(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

// due_by() and due() are the same statement, at each message and just before it.
void expect_consistent(const RateSchedule& rate, uint64_t messages) {
  Duration before{-1};
  for (uint64_t n = 0; n < messages; ++n) {
    const Duration due = rate.due(n);
    ASSERT_GE(due.ns, before.ns) << n;
    ASSERT_GT(rate.due_by(due), n);
    if (due.ns > before.ns) {
      ASSERT_LE(rate.due_by({due.ns - 1}), n);
    }
    before = due;
  }
}

TEST(RateSchedule, SpacesMessagesEvenly) {
  const RateSchedule rate(500, 500);
  EXPECT_EQ(rate.due(0).ns, 0);
  EXPECT_EQ(rate.due(1).ns, 2'000'000);
  EXPECT_NEAR(seconds_of(rate.due(5000)), 10, 1e-6);
  EXPECT_EQ(rate.due_by({-1}), 0U);
  EXPECT_EQ(rate.due_by({0}), 1U);
  EXPECT_EQ(rate.due_by(milliseconds(3)), 2U);
  expect_consistent(rate, 3000);
}

TEST(RateSchedule, RampsFromTheFirstRateToTheLast) {
  RateSchedule rate(100, 2000);
  rate.set({}, seconds(60));
  // The area below the line: (100 + 2000) / 2 * 60.
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(60))), 63'000, 2);
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(30))), 100 * 30 + 0.5 * 30 * 30 * 1900 / 60,
              2);
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(61)) - rate.due_by(seconds(60))), 2000, 2);
  EXPECT_NEAR(rate.rate_at(seconds(30)), 1050, 1e-6);
  EXPECT_NEAR(rate.rate_at(seconds(90)), 2000, 1e-6);
  expect_consistent(rate, 70'000);
}

TEST(RateSchedule, FallsAsWell) {
  RateSchedule rate(1000, 10);
  rate.set({}, seconds(4));
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(4))), 2020, 2);
  expect_consistent(rate, 2100);
}

TEST(RateSchedule, HoldsTheFirstRateDuringTheWarmUp) {
  RateSchedule rate(100, 300);
  rate.set(seconds(2), seconds(2));
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(2))), 200, 2);
  EXPECT_NEAR(static_cast<double>(rate.due_by(seconds(4))), 600, 2);
  EXPECT_NEAR(rate.rate_at(seconds(1)), 100, 1e-9);
  EXPECT_NEAR(rate.rate_at(seconds(3)), 200, 1e-9);
  expect_consistent(rate, 900);
}

TEST(RateSchedule, ReadsRatesAndRamps) {
  EXPECT_EQ(RateSchedule::parse("0.5")->first(), 0.5);
  EXPECT_FALSE(RateSchedule::parse("500")->ramps());
  const auto ramp = RateSchedule::parse("100..2000");
  ASSERT_TRUE(ramp);
  EXPECT_EQ(ramp->first(), 100);
  EXPECT_EQ(ramp->last(), 2000);
}

TEST(RateSchedule, SaysWhatIsWrongWithARate) {
  for (const char* text : {"0", "0.0", "-5", "0..100", "100..0"})
    EXPECT_NE(RateSchedule::parse(text).error().find("never sends"), std::string::npos) << text;
  for (const char* text : {"", "fast", "10/s", "1..2..3", "..5", "5..", "nan", "inf", "1e3"})
    EXPECT_NE(RateSchedule::parse(text).error().find("is no rate"), std::string::npos) << text;
  EXPECT_NE(RateSchedule::parse("99999999").error().find("too high"), std::string::npos);
}

}  // namespace
}  // namespace relais::load
