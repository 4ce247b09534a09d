#include "ledger/mark.h"

#include <gtest/gtest.h>

namespace relais::ledger {
namespace {

constexpr Mark kMark{0x5f0c2a9e11d3b847, 17, {10240, 0x1a2b3c4d}};

TEST(MarkTest, IsOneHeaderField) {
  std::string field;
  append_mark(field, kMark);
  EXPECT_EQ(field, "X-Relais-Load: run=5f0c2a9e11d3b847 n=17 octets=10240 crc32c=1a2b3c4d\r\n");
  EXPECT_EQ(parse_mark(field), kMark);
}

TEST(MarkTest, NameOfFieldKnowsNoCase) {
  EXPECT_EQ(parse_mark("x-relais-load:run=5f0c2a9e11d3b847 n=17 octets=10240 crc32c=1a2b3c4d"),
            kMark);
}

TEST(MarkTest, WhatIsNotWholeIsNone) {
  std::string field;
  append_mark(field, kMark);
  field.resize(field.size() - 2);
  for (size_t length = 0; length < field.size() - 7; ++length)
    EXPECT_FALSE(parse_mark(field.substr(0, length))) << length;
  EXPECT_FALSE(parse_mark(field + " more"));
  EXPECT_FALSE(parse_mark("X-Relais-Loads: run=1 n=17 octets=10240 crc32c=1a2b3c4d"));
  EXPECT_FALSE(parse_mark("X-Relais-Load: run=1 n=-17 octets=10240 crc32c=1a2b3c4d"));
  EXPECT_FALSE(parse_mark("X-Relais-Load: run=1 n=18446744073709551616 octets=1 crc32c=0"));
}

TEST(MarkTest, SumIsTheSameHoweverABodyIsCut) {
  const std::string body = "one\r\ntwo\r\n\r\n.three";
  const BodySum whole = sum_of_body(body);
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    for (size_t second = cut; second <= body.size(); ++second) {
      BodySummer summer;
      summer.add(std::string_view(body).substr(0, cut));
      summer.add(std::string_view(body).substr(cut, second - cut));
      summer.add(std::string_view(body).substr(second));
      EXPECT_EQ(summer.sum(), whole) << cut << ", " << second;
    }
  }
}

TEST(MarkTest, TheLastLineEndIsCountedWhereItIsMissing) {
  EXPECT_EQ(sum_of_body("text"), sum_of_body("text\r\n"));
  EXPECT_EQ(sum_of_body("text").octets, 6U);
  EXPECT_NE(sum_of_body("text\r\n"), sum_of_body("text\r\n\r\n"));
  EXPECT_EQ(sum_of_body("text\n"), sum_of_body("text\n\r\n"));
  EXPECT_EQ(sum_of_body("\r\n").octets, 2U);
  EXPECT_EQ(sum_of_body(""), BodySum{});
}

TEST(MarkTest, AFlippedBitIsAnotherSum) {
  std::string body(10'240, 'x');
  const BodySum sum = sum_of_body(body);
  body[5'000] ^= 1;
  EXPECT_NE(sum_of_body(body).crc, sum.crc);
}

}  // namespace
}  // namespace relais::ledger
