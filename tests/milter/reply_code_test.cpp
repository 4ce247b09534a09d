#include "milter/reply_code.h"

#include <gtest/gtest.h>

namespace relais::milter::test {
namespace {

std::string taken_apart(std::string_view text) {
  const auto reply = parse_reply_code(text);
  if (!reply) return "none";
  std::string shown = std::to_string(reply->code) + "/";
  if (reply->enhanced[0] != 0) {
    for (const uint16_t part : reply->enhanced) shown += std::to_string(part) + ".";
  }
  return shown + "/" + reply->text;
}

TEST(ReplyCode, IsTakenApart) {
  EXPECT_EQ(taken_apart("550 5.7.1 Spam"), "550/5.7.1./Spam");
  EXPECT_EQ(taken_apart("451 4.7.1 Try again later"), "451/4.7.1./Try again later");
  EXPECT_EQ(taken_apart("554"), "554//");
  EXPECT_EQ(taken_apart("554 "), "554//");
  EXPECT_EQ(taken_apart("550 5.7.1"), "550/5.7.1./");
  EXPECT_EQ(taken_apart("550 no status"), "550//no status");
  EXPECT_EQ(taken_apart("550 5.7.1Spam"), "550//5.7.1Spam");
  EXPECT_EQ(taken_apart("550 4.7.1 of another class"), "550//4.7.1 of another class");
  EXPECT_EQ(taken_apart("550 2.0.0 yes"), "550//2.0.0 yes");
  EXPECT_EQ(taken_apart("550 5.7. x"), "550//5.7. x");
  EXPECT_EQ(taken_apart("550 5.7.1 x\r\n"), "550/5.7.1./x");
}

TEST(ReplyCode, SeveralLinesBecomeOne) {
  EXPECT_EQ(taken_apart("550-5.7.1 one\r\n550 5.7.1 two"), "550/5.7.1./one two");
  EXPECT_EQ(taken_apart("550-one\n550-\n550 two\r\n"), "550//one two");
  EXPECT_EQ(taken_apart("550-one\r\n451 two"), "none");
}

TEST(ReplyCode, OnlyRefusalsOfPrintableText) {
  for (const std::string_view text :
       {"", "250 ok", "354 go", "200", "600 x", "55", "5500 x", "550x", " 550 x", "-50 x", "abc",
        "550 a\tb", "550 a\x01", "550 \xc3\xa9", "550 a\rb", "550 x\n250 ok", "+50 x"}) {
    EXPECT_EQ(taken_apart(text), "none") << text;
  }
}

TEST(ReplyCode, IsNoLongerThanALine) {
  EXPECT_EQ(parse_reply_code("550 " + std::string(5000, 'x'))->text.size(), 450U);
}

}  // namespace
}  // namespace relais::milter::test
