#include "ledger/line.h"

#include <gtest/gtest.h>

namespace relais::ledger {
namespace {

constexpr Mark kMarkOfLine{0x5f0c2a9e11d3b847, 17, {10240, 0x1a2b3c4d}};

std::string sent_line(Fate fate, uint16_t code, std::string_view recipient) {
  std::string line;
  begin_sent(line, fate, code, kMarkOfLine);
  append_recipient(line, recipient);
  return line;
}

TEST(LedgerLineTest, OfTheSendingSide) {
  std::string line = sent_line(Fate::kAccepted, 250, "kate@fabrikam.com");
  append_recipient(line, "lee@fabrikam.com");
  EXPECT_EQ(line,
            "accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d kate@fabrikam.com lee@fabrikam.com");
  const auto parsed = parse_line(Kind::kSent, line);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->fate, Fate::kAccepted);
  EXPECT_EQ(parsed->code, 250);
  EXPECT_EQ(parsed->mark, kMarkOfLine);
  EXPECT_EQ(parsed->recipients, "kate@fabrikam.com lee@fabrikam.com");
}

TEST(LedgerLineTest, WithoutAReplyHasNoCode) {
  const std::string line = sent_line(Fate::kUnknown, 0, "kate@fabrikam.com");
  EXPECT_TRUE(line.starts_with("unknown - 5f0c")) << line;
  EXPECT_EQ(parse_line(Kind::kSent, line)->code, 0);
}

TEST(LedgerLineTest, OfTheReceivingSide) {
  std::string line;
  begin_received(line, Fate::kRefused, 451, kMarkOfLine, {10241, 0xff});
  append_recipient(line, "kate@fabrikam.com");
  EXPECT_EQ(line,
            "refused 451 5f0c2a9e11d3b847 17 10240 1a2b3c4d 10241 000000ff kate@fabrikam.com");
  const auto parsed = parse_line(Kind::kReceived, line);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->mark, kMarkOfLine);
  EXPECT_EQ(parsed->counted, (BodySum{10241, 0xff}));
}

TEST(LedgerLineTest, OfAMessageWithoutAMark) {
  std::string line;
  begin_received(line, Fate::kAccepted, 250, {}, {523, 1});
  append_recipient(line, "kate@fabrikam.com");
  EXPECT_EQ(line, "accepted 250 - - - - 523 00000001 kate@fabrikam.com");
  const auto parsed = parse_line(Kind::kReceived, line);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->mark);
  EXPECT_EQ(parsed->counted.octets, 523U);
}

TEST(LedgerLineTest, ARecipientIsOneWordWhateverIsInIt) {
  const std::string odd = "\"a b%\t\x7f\"@fabrikam.com";
  const std::string line = sent_line(Fate::kAccepted, 250, odd);
  std::string_view recipients = parse_line(Kind::kSent, line)->recipients;
  EXPECT_EQ(plain_recipient(take_recipient(recipients)), odd);
  EXPECT_TRUE(recipients.empty());
}

TEST(LedgerLineTest, ATornLineIsNoneWhereverItIsTorn) {
  const std::string line = sent_line(Fate::kAccepted, 250, "k");
  for (size_t length = 0; length < line.size(); ++length)
    EXPECT_FALSE(parse_line(Kind::kSent, line.substr(0, length))) << length;
}

TEST(LedgerLineTest, WhatIsNotWrittenByUsIsDamaged) {
  for (const std::string_view line :
       {"accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d  k@x",
        "taken 250 5f0c2a9e11d3b847 1 1 0 k", "accepted 25x 5f0c2a9e11d3b847 17 10240 1a2b3c4d k@x",
        "accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d k@x ",
        "accepted 250 5f0c2a9e11d3b84 17 10240 1a2b3c4d k@x",
        "accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4dk@x",
        "accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d k\r@x",
        "accepted 250 - - - - 523 00000001 k@x", ""})
    EXPECT_FALSE(parse_line(Kind::kSent, line)) << line;
}

}  // namespace
}  // namespace relais::ledger
