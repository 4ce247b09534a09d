#include "sink/summary.h"

#include <gtest/gtest.h>

namespace relais::sink {
namespace {

Totals totals_of_a_run() {
  Totals totals;
  totals.sessions = 10;
  totals.messages = 30'000;
  totals.octets = 307'200'000;
  totals.recipients = 30'001;
  totals.time = milliseconds(1500);
  return totals;
}

TEST(SummaryTest, IsATableWithoutWhatIsRareAndDidNotHappen) {
  EXPECT_EQ(summary_table(totals_of_a_run(), milliseconds(450)),
            "sessions                              10\n"
            "messages                           30000\n"
            "octets                         307200000\n"
            "recipients                         30001\n"
            "seconds                              1.5\n"
            "messages/s                       20000.0\n"
            "own CPU us/message                  15.0\n"
            "damaged                                0\n"
            "duplicates                             0\n"
            "without a mark                         0\n");
}

TEST(SummaryTest, IsOneJsonObject) {
  EXPECT_EQ(summary_json(totals_of_a_run(), milliseconds(450)),
            R"({"sessions":10,"messages":30000,"octets":307200000,"recipients":30001,)"
            R"("seconds":1.500,"messages_per_s":20000.0,"cpu_us_per_message":15.00,"damaged":0,)"
            R"("duplicates":0,"unmarked":0,"refused":0,"cut":0,"turned_away":0,"tls_failures":0,)"
            R"("not_compared":0})"
            "\n");
}

TEST(SummaryTest, OfNothingDividesByNothing) {
  const std::string table = summary_table({}, milliseconds(5));
  EXPECT_NE(table.find("own CPU us/message                   0.0\n"), std::string::npos) << table;
}

TEST(SummaryTest, ThreadsAreAddedUp) {
  Figures one;
  one.messages.add(3);
  one.sessions.add(2);
  one.ended.add(1);
  one.first_ns = 1'000;
  one.last_ns = 2'000;
  Figures other;
  other.messages.add(4);
  other.first_ns = 500;
  other.last_ns = 1'500;
  const Figures idle;
  Totals totals;
  totals.add(one);
  totals.add(other);
  totals.add(idle);
  EXPECT_EQ(totals.messages, 7U);
  EXPECT_EQ(totals.open, 1U);
  EXPECT_EQ(totals.time.ns, 1'500);
}

TEST(SummaryTest, ProgressIsOfTheTimeSinceTheLastLine) {
  Totals before = totals_of_a_run();
  Totals now = before;
  now.messages += 500;
  now.open = 3;
  EXPECT_EQ(progress_line(now, before, milliseconds(500)),
            "30500 messages, 1000/s, 3 sessions open, 0 damaged, 0 duplicates");
  now.open = now.duplicates = 1;
  EXPECT_EQ(progress_line(now, before, milliseconds(500)),
            "30500 messages, 1000/s, 1 session open, 0 damaged, 1 duplicate");
}

}  // namespace
}  // namespace relais::sink
