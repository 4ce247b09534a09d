#include "load/tally.h"

#include <gtest/gtest.h>

namespace relais::load {
namespace {

Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(Tally, CountsNothingOfTheWarmUp) {
  Tally tally(1);
  tally.count_from(at(1000));
  tally.answered(Step::kMail, at(900), at(1100));
  tally.accepted(0, at(999), at(1100), 10, {1, 1});
  tally.failed(0, Fate::kRefused, at(999), at(1100));
  EXPECT_EQ(tally.latency(Step::kMail).count(), 0U);
  EXPECT_EQ(tally.messages(Fate::kAccepted), 0U);
  EXPECT_EQ(tally.failures(), 0U);
  EXPECT_EQ(tally.early_failures(), 1U);
  tally.accepted(0, at(1000), at(1100), 10, {1, 2});
  EXPECT_EQ(tally.messages(Fate::kAccepted), 1U);
  EXPECT_EQ(tally.partial(), 1U);
  EXPECT_EQ(tally.latency(Step::kMessage).maximum(), 100'000'000U);
}

TEST(Tally, CountsRefusalsByStepCodeAndText) {
  Tally tally(1);
  tally.refused(Step::kRecipient, 550, "5.1.1 nobody\nhere", at(1));
  tally.refused(Step::kRecipient, 550, "5.1.1 nobody\nhere", at(2));
  tally.refused(Step::kData, 550, "5.1.1 nobody\nhere", at(2));
  ASSERT_EQ(tally.refusals().size(), 2U);
  EXPECT_EQ(tally.refusals().at({Step::kRecipient, 550, "5.1.1 nobody here"}), 2U);
}

TEST(Tally, PutsTextsWithoutEndIntoOneRow) {
  Tally tally(1);
  for (int i = 0; i < 1000; ++i)
    tally.refused(Step::kMail, 451, "try again, " + std::to_string(i), at(1));
  EXPECT_EQ(tally.refusals().size(), Tally::kTextsMax + 1);
  EXPECT_EQ(tally.refusals().at({Step::kMail, 451, "(other texts)"}), 1000 - Tally::kTextsMax);
}

TEST(Series, KeepsEachIntervalApart) {
  Series series;
  series.accepted(milliseconds(10), 5);
  series.accepted(milliseconds(99), 7);
  series.failed(milliseconds(100));
  ASSERT_EQ(series.rows().size(), 2U);
  EXPECT_EQ(series.rows()[0].accepted, 2U);
  EXPECT_EQ(series.rows()[1].failed, 1U);
}

TEST(Series, DoublesItsIntervalAndLosesNothing) {
  Series series;
  for (int64_t i = 0; i < 10'000; ++i) series.accepted(milliseconds(i * 100), 1000 + 100 * i);
  EXPECT_LE(series.rows().size(), Series::kRowsMax);
  EXPECT_EQ(series.interval(), milliseconds(6400));
  uint64_t sum = 0;
  uint64_t maximum = 0;
  for (const Series::Row& row : series.rows()) {
    EXPECT_EQ(row.latency.count(), row.accepted);
    EXPECT_GT(row.latency.maximum(), maximum);  // they came in order, so the rows are in order
    maximum = row.latency.maximum();
    sum += row.accepted;
  }
  EXPECT_EQ(sum, 10'000U);
  EXPECT_EQ(series.rows()[0].accepted, 64U);
}

}  // namespace
}  // namespace relais::load
