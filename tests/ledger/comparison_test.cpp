#include "ledger/comparison.h"

#include <gtest/gtest.h>

#include "ledger/report.h"

namespace relais::ledger {
namespace {

struct Sides {
  std::string sent{first_line(Kind::kSent)};
  std::string received{first_line(Kind::kReceived)};

  Sides& send(uint64_t number, std::string_view recipients, Fate fate = Fate::kAccepted) {
    begin_sent(sent, fate, 250, mark(number));
    append_all(sent, recipients);
    return *this;
  }
  Sides& receive(uint64_t number, std::string_view recipients, Fate fate = Fate::kAccepted) {
    begin_received(received, fate, 250, mark(number), mark(number).body);
    append_all(received, recipients);
    return *this;
  }
  Comparison compare() const {
    const auto result = ledger::compare({"sent", sent}, {"received", received});
    EXPECT_TRUE(result) << result.error();
    return result.value_or(Comparison{});
  }
  static Mark mark(uint64_t number) { return {7, number, {number * 10, 0x1234}}; }
  static void append_all(std::string& out, std::string_view recipients) {
    while (!recipients.empty()) append_recipient(out, take_recipient(recipients));
    end_line(out);
  }
};

uint64_t count(const Comparison& comparison, Finding finding) {
  return comparison.of(finding).count;
}

TEST(ComparisonTest, AllCameOnce) {
  Sides sides;
  // Not in order, and split by a server on the way.
  sides.send(1, "a@x b@x").send(2, "a@x").receive(2, "a@x").receive(1, "b@x").receive(1, "a@x");
  const Comparison result = sides.compare();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.sent, 3U);
  EXPECT_EQ(result.accepted, 3U);
  EXPECT_EQ(result.received, 3U);
}

TEST(ComparisonTest, OneRecipientIsMissing) {
  Sides sides;
  sides.send(1, "a@x b@x").send(2, "a@x").receive(1, "a@x").receive(2, "a@x");
  const Comparison result = sides.compare();
  EXPECT_FALSE(result.good());
  EXPECT_EQ(count(result, Finding::kMissing), 1U);
  const Example& example = result.of(Finding::kMissing).examples.at(0);
  EXPECT_EQ(example.run, 7U);
  EXPECT_EQ(example.number, 1U);
  EXPECT_EQ(example.recipient, "b@x");
}

TEST(ComparisonTest, OneCameThreeTimes) {
  Sides sides;
  sides.send(1, "a@x").receive(1, "a@x").receive(1, "a@x").receive(1, "a@x");
  const Comparison result = sides.compare();
  EXPECT_FALSE(result.good());
  EXPECT_EQ(count(result, Finding::kDuplicate), 2U);
}

TEST(ComparisonTest, WhatASinkDidNotTakeIsNoArrival) {
  Sides sides;
  sides.send(1, "a@x").receive(1, "a@x", Fate::kRefused).receive(1, "a@x", Fate::kUnknown);
  sides.receive(1, "a@x");
  const Comparison result = sides.compare();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.turned_off, 2U);
}

TEST(ComparisonTest, OneIsDamaged) {
  for (const BodySum counted : {BodySum{10, 0x1235}, BodySum{11, 0x1234}}) {
    Sides sides;
    sides.send(1, "a@x");
    begin_received(sides.received, Fate::kAccepted, 250, Sides::mark(1), counted);
    Sides::append_all(sides.received, "a@x");
    const Comparison result = sides.compare();
    EXPECT_FALSE(result.good());
    EXPECT_EQ(count(result, Finding::kDamaged), 1U);
    EXPECT_EQ(count(result, Finding::kMissing), 0U);
  }
}

TEST(ComparisonTest, WhatWasRefusedOrNeverSentIsUnexpected) {
  Sides sides;
  sides.send(1, "a@x", Fate::kRefused).send(2, "a@x", Fate::kRefused);
  sides.receive(1, "a@x").receive(3, "a@x");
  const Comparison result = sides.compare();
  EXPECT_FALSE(result.good());
  EXPECT_EQ(result.refused, 2U);
  EXPECT_EQ(count(result, Finding::kUnexpected), 2U);
  EXPECT_EQ(count(result, Finding::kDuplicate), 0U);
}

TEST(ComparisonTest, UnknownIsNeitherGoodNorBad) {
  Sides sides;
  sides.send(1, "a@x", Fate::kUnknown).send(2, "a@x", Fate::kUnknown).receive(2, "a@x");
  const Comparison result = sides.compare();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(count(result, Finding::kUnknownArrived), 1U);
  EXPECT_EQ(count(result, Finding::kUnknownNotThere), 1U);
}

TEST(ComparisonTest, TriedAgainAfterAnUnknownMayComeTwiceButNotThrice) {
  Sides sides;
  sides.send(1, "a@x", Fate::kUnknown).send(1, "a@x").receive(1, "a@x");
  EXPECT_TRUE(sides.compare().good());
  sides.receive(1, "a@x");
  EXPECT_TRUE(sides.compare().good());
  sides.receive(1, "a@x");
  EXPECT_EQ(count(sides.compare(), Finding::kDuplicate), 1U);
}

TEST(ComparisonTest, DomainsKnowNoCaseAndLocalPartsDo) {
  Sides sides;
  sides.send(1, "Kate@Fabrikam.COM").receive(1, "Kate@fabrikam.com");
  EXPECT_TRUE(sides.compare().good());
  sides.send(2, "Kate@x").receive(2, "kate@x");
  EXPECT_FALSE(sides.compare().good());
}

TEST(ComparisonTest, ARecipientTwiceInALineCountsOnce) {
  Sides sides;
  sides.send(1, "a@x a@x").receive(1, "a@x");
  EXPECT_TRUE(sides.compare().good());
}

TEST(ComparisonTest, SomebodyElsesMailIsCountedApart) {
  Sides sides;
  begin_received(sides.received, Fate::kAccepted, 250, {}, {5, 6});
  Sides::append_all(sides.received, "a@x b@x");
  const Comparison result = sides.compare();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.unmarked, 2U);
}

TEST(ComparisonTest, TheFirstTenAreShownAndAllAreCounted) {
  Sides sides;
  for (uint64_t number = 1; number <= 25; ++number) sides.send(number, "a@x");
  const Comparison result = sides.compare();
  EXPECT_EQ(count(result, Finding::kMissing), 25U);
  ASSERT_EQ(result.of(Finding::kMissing).examples.size(), 10U);
  EXPECT_EQ(result.of(Finding::kMissing).examples[9].number, 10U);
}

TEST(ComparisonTest, RunsAreKeptApart) {
  Sides sides;
  sides.send(1, "a@x");
  Mark other = Sides::mark(1);
  other.run = 8;
  begin_received(sides.received, Fate::kAccepted, 250, other, other.body);
  Sides::append_all(sides.received, "a@x");
  const Comparison result = sides.compare();
  EXPECT_EQ(count(result, Finding::kMissing), 1U);
  EXPECT_EQ(count(result, Finding::kUnexpected), 1U);
}

TEST(ComparisonTest, ARestartsFirstLineMayComeAgain) {
  Sides sides;
  sides.send(1, "a@x");
  sides.sent += first_line(Kind::kSent);
  sides.send(2, "a@x").receive(1, "a@x").receive(2, "a@x");
  EXPECT_TRUE(sides.compare().good());
}

TEST(ComparisonTest, ADamagedLineIsNamed) {
  Sides sides;
  sides.send(1, "a@x");
  sides.received += "accepted 250 rubbish\n";
  const auto result = compare({"s.txt", sides.sent}, {"r.txt", sides.received});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), "r.txt:2: the line is damaged: it is none of a ledger");
}

TEST(ComparisonTest, ATornLineIsNamedThoughItReadsWell) {
  Sides sides;
  sides.send(1, "a@x").send(2, "b@xy");
  sides.sent.pop_back();  // "b@xy" may be the beginning of another address
  const auto result = compare({"s.txt", sides.sent}, {"r.txt", sides.received});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), "s.txt:3: the line is torn: it has no end");
}

TEST(ComparisonTest, TheOtherKindOrNothingIsRefused) {
  const Sides sides;
  const auto swapped = compare({"r", sides.received}, {"s", sides.sent});
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error(), "r:1: 'relais-ledger 1 sent' is expected here");
  const auto empty = compare({"s", ""}, {"r", sides.received});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error(), "s:1: 'relais-ledger 1 sent' is expected here");
}

TEST(ComparisonTest, ReportNamesWhatIsWrong) {
  Sides sides;
  sides.send(1, "a\"@x");
  const Comparison result = sides.compare();
  const std::string table = comparison_table(result);
  EXPECT_NE(table.find("missing                        1\n"), std::string::npos) << table;
  EXPECT_NE(table.find("run=0000000000000007 n=1 \"a\\\"@x\""), std::string::npos) << table;
  EXPECT_TRUE(table.ends_with("\nBAD\n")) << table;
  const std::string json = comparison_json(result);
  EXPECT_TRUE(json.starts_with("{\"good\":false,\"sent\":1,")) << json;
  EXPECT_NE(
      json.find("\"missing\":{\"count\":1,\"examples\":[{\"run\":\"0000000000000007\",\"n\":1,"
                "\"recipient\":\"a\\\"@x\"}]}"),
      std::string::npos)
      << json;
}

}  // namespace
}  // namespace relais::ledger
