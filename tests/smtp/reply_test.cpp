#include "smtp/reply.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/peer_reply.h"

namespace relais::smtp {
namespace {

std::string line(const Reply& reply, bool enhanced) {
  std::string out;
  append_reply(out, reply, enhanced);
  return out;
}

TEST(Reply, HasItsStatusWhenWantedAndThere) {
  EXPECT_EQ(line(replies::kSenderOk, true), "250 2.1.0 Sender OK\r\n");
  EXPECT_EQ(line(replies::kSenderOk, false), "250 Sender OK\r\n");
  EXPECT_EQ(line(replies::kStartMailInput, true),
            "354 Start mail input; end with <CRLF>.<CRLF>\r\n");
  EXPECT_EQ(line({550, {5, 7, 54}, "SMTP; Unable to relay"}, true),
            "550 5.7.54 SMTP; Unable to relay\r\n");
}

TEST(Reply, IsOnePrintableLineWithin512Octets) {
  const std::string text =
      "caf\xc3\xa9\r\nHELO\tx\n" + std::string(1, '\0') + std::string(600, 'x');
  for (const bool enhanced : {true, false}) {
    const std::string out = line({450, {4, 999, 999}, text}, enhanced);
    EXPECT_EQ(out.size(), 512U);
    EXPECT_EQ(out.find("\r\n"), 510U);
    EXPECT_NE(out.find("caf??? HELO x ?xxx"), std::string::npos) << out;
  }
}

TEST(Reply, AppendsBehindWhatIsThere) {
  std::string out = "220 first\r\n";
  append_reply(out, replies::kNoop, true);
  append_line(out, "250-last");
  EXPECT_EQ(out, "220 first\r\n250 2.0.0 OK\r\n250-last\r\n");
}

TEST(Reply, IsTheSameInParts) {
  std::string whole;
  append_line(whole, "250-caf\xc3\xa9 " + std::string(600, 'x'));
  for (const size_t second : {0, 1, 300, 500}) {
    std::string parts;
    append_line(parts,
                {"250-", "caf\xc3\xa9 ", "", std::string(second, 'x'), std::string(600, 'x')});
    EXPECT_EQ(parts, whole) << second;
  }
}

using Got = PeerReplyReader::Got;

TEST(PeerReply, ReadsOneAndManyLines) {
  PeerReplyReader reader;
  EXPECT_EQ(reader.take("250 2.1.0 Sender OK"), Got::kReply);
  EXPECT_EQ(reader.reply().code, 250);
  EXPECT_EQ(reader.reply().text, "2.1.0 Sender OK");
  EXPECT_EQ(reader.take("550-first"), Got::kMore);
  EXPECT_TRUE(reader.is_first_line());
  EXPECT_EQ(reader.take("550-"), Got::kMore);
  EXPECT_FALSE(reader.is_first_line());
  EXPECT_EQ(reader.take("550 third"), Got::kReply);
  EXPECT_EQ(reader.reply().code, 550);
  EXPECT_EQ(reader.reply().text, "first\n\nthird");
  EXPECT_EQ(reader.take("354"), Got::kReply);
  EXPECT_EQ(reader.reply().text, "");
}

// RFC 2034 section 4: each line has it.
TEST(PeerReply, SaysAnEnhancedStatusOnce) {
  const std::pair<std::vector<std::string_view>, std::string_view> rows[] = {
      {{"550-5.7.1 a", "550 5.7.1 b"}, "550 5.7.1 a b"},
      {{"550-5.7.1 a", "550-5.7.1", "550 5.7.1 "}, "550 5.7.1 a  "},
      {{"550-5.7.1 a", "550 5.7.12 b"}, "550 5.7.1 a 5.7.12 b"},
      {{"550-5.7.1 a", "550 5.1.1 b"}, "550 5.7.1 a 5.1.1 b"},
      {{"550-a", "550 5.7.1 b"}, "550 a 5.7.1 b"},
      {{"550-4.7.1 a", "550 4.7.1 b"}, "550 4.7.1 a 4.7.1 b"},
      {{"550-5.7.1 5.7.1 a", "550 b"}, "550 5.7.1 5.7.1 a b"},
      {{"250-2.0.0", "250 2.0.0 b"}, "250 2.0.0 2.0.0 b"},
  };
  PeerReplyReader reader;
  for (const auto& [lines, shown] : rows) {
    for (const std::string_view line : lines) ASSERT_NE(reader.take(line), Got::kMalformed);
    EXPECT_EQ(in_one_line(reader.reply()), shown);
  }
}

TEST(PeerReply, KeepsABoundedPrintableText) {
  PeerReplyReader reader;
  const std::string text(600, 'x');
  EXPECT_EQ(reader.take("250-caf\xc3\xa9\x01\tz"), Got::kMore);
  EXPECT_EQ(reader.take("250-" + text), Got::kMore);
  EXPECT_EQ(reader.take("250 " + text), Got::kReply);
  EXPECT_EQ(reader.reply().text.size(), kReplyTextMax);
  EXPECT_TRUE(reader.reply().text.starts_with("caf??? z\nxxx"));
}

TEST(PeerReply, RefusesNonsense) {
  for (const std::string_view bad :
       {"", "2", "25", "abc hello", "250x", "25 OK", "150 no", "650 no", "2500 OK", "250_OK",
        " 250 OK", "250 a\nb", "-250 OK", "HTTP/1.1 200 OK"}) {
    PeerReplyReader reader;
    EXPECT_EQ(reader.take(bad), Got::kMalformed) << bad;
  }
}

TEST(PeerReply, RefusesLinesThatDoNotBelongTogetherAndEndlessOnes) {
  PeerReplyReader reader;
  EXPECT_EQ(reader.take("250-a"), Got::kMore);
  EXPECT_EQ(reader.take("251 b"), Got::kMalformed);
  PeerReplyReader endless;
  for (uint32_t i = 0; i < kReplyLinesMax; ++i) ASSERT_EQ(endless.take("250-x"), Got::kMore);
  EXPECT_EQ(endless.take("250-x"), Got::kMalformed);
}

}  // namespace
}  // namespace relais::smtp
