#include "smtp/from_field.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::smtp {
namespace {

TEST(FromField, IsBareOnlyWhenOnePlainAddressStandsAlone) {
  struct Case {
    std::string_view field, address;
  };
  static constexpr Case kCases[] = {
      {"From: chris@contoso.com\r\n", "chris@contoso.com"},
      {"FROM:chris@contoso.com\r\n", "chris@contoso.com"},
      {"From : <chris@contoso.com>\r\n", "chris@contoso.com"},
      {"From:\r\n\t< chris.o+x@mail.contoso.com >\r\n \r\n", "chris.o+x@mail.contoso.com"},
      {"From: Chris <chris@contoso.com>\r\n", ""},
      {"From: \"\" <chris@contoso.com>\r\n", ""},
      {"From: chris@contoso.com (Chris)\r\n", ""},
      {"From: (Chris) chris@contoso.com\r\n", ""},
      {"From: <chris@contoso.com\r\n", ""},
      {"From: chris@contoso.com>\r\n", ""},
      {"From: <<chris@contoso.com>>\r\n", ""},
      {"From: <@a.com:chris@contoso.com>\r\n", ""},
      {"From: a@contoso.com, b@contoso.com\r\n", ""},
      {"From: a@contoso.com,\r\n", ""},
      {"From: Team: a@contoso.com;\r\n", ""},
      {"From: \"chris o\"@contoso.com\r\n", ""},
      {"From: chris@contoso.com@fabrikam.com\r\n", ""},
      {"From: chris @contoso.com\r\n", ""},
      {"From: chris@contoso.\r\n com\r\n", ""},
      {"From: chris@[192.0.2.1]\r\n", ""},
      {"From: chris@contoso..com\r\n", ""},
      {"From: .chris@contoso.com\r\n", ""},
      {"From: chris@contoso.com.\r\n", ""},
      {"From: chr\xc3\xads@contoso.com\r\n", ""},
      {"From: chris\r\n", ""},
      {"From: @contoso.com\r\n", ""},
      {"From: chris@\r\n", ""},
      {"From: <>\r\n", ""},
      {"From: <\r\n", ""},
      {"From:\r\n", ""},
      {"From:", ""},
      {"From", ""},
      {".From: chris@contoso.com\r\n", ""},
      {"From:\r\n. chris@contoso.com\r\n", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(bare_from_address(c.field), c.address) << c.field;
}

std::string named(std::string_view name, std::string_view address = "chris@contoso.com") {
  std::string out;
  EXPECT_TRUE(append_from(out, name, address)) << name;
  return out;
}

TEST(FromField, QuotesTheName) {
  EXPECT_EQ(named("Chris Green"), "From: \"Chris Green\" <chris@contoso.com>\r\n");
  EXPECT_EQ(named(R"(Chris "C\G" Green)"),
            "From: \"Chris \\\"C\\\\G\\\" Green\" <chris@contoso.com>\r\n");
  EXPECT_EQ(named("Green, Chris (Sales); @x <y>"),
            "From: \"Green, Chris (Sales); @x <y>\" <chris@contoso.com>\r\n");
}

TEST(FromField, EncodesWhatIsNotAscii) {
  EXPECT_EQ(named("Zo\xc3\xab"), "From: =?UTF-8?B?Wm/Dqw==?= <chris@contoso.com>\r\n");
  EXPECT_EQ(named("=?UTF-8?B?eA==?="),
            "From: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?= <chris@contoso.com>\r\n");
}

size_t longest_line(std::string_view text) {
  size_t longest = 0;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    EXPECT_NE(end, std::string_view::npos);
    longest = std::max(longest, end);
    text.remove_prefix(end + 2);
    EXPECT_TRUE(text.empty() || (text.front() == ' ' && text.find_first_not_of(" \r\n") != 0));
  }
  return longest;
}

TEST(FromField, FoldsBefore76AndChangesNothingByIt) {
  for (size_t words = 1; words < 90; ++words) {
    std::string name, encoded;
    for (size_t i = 0; i < words; ++i) {
      name += (i == 0 ? "" : i % 7 == 0 ? "  " : " ") + std::string(i % 5, 'x');
      encoded += "\xe2\x82\xac";
    }
    if (name.empty()) continue;
    const std::string field = named(name);
    EXPECT_LE(longest_line(field), 76U) << field;
    std::string unfolded = field;
    for (size_t at; (at = unfolded.find("\r\n ")) != std::string::npos;) unfolded.erase(at, 2);
    EXPECT_EQ(unfolded, "From: \"" + name + "\" <chris@contoso.com>\r\n");
    EXPECT_LE(longest_line(named(encoded)), 76U);
  }
  EXPECT_EQ(named("0123456789 0123456789 0123456789 0123456789 0123456789"),
            "From: \"0123456789 0123456789 0123456789 0123456789 0123456789\"\r\n"
            " <chris@contoso.com>\r\n");
  // 15 characters of three octets: 14 fit into an encoded word, and none is divided.
  std::string euros;
  for (int i = 0; i < 15; ++i) euros += "\xe2\x82\xac";
  EXPECT_EQ(named(euros),
            "From: =?UTF-8?B?4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=\r\n"
            " =?UTF-8?B?4oKs?= <chris@contoso.com>\r\n");
}

TEST(FromField, DividesNoCharacter) {
  for (size_t lead = 0; lead < 50; ++lead) {
    std::string name(lead, 'a');
    for (int i = 0; i < 20; ++i) name += "\xf0\x9f\x93\xa7";
    const std::string field = named(name);
    size_t words = 0;
    for (size_t at = 0; (at = field.find("?B?", at)) != std::string::npos; ++words) {
      at += 3;
      std::string octets;
      uint32_t bits = 0, have = 0;
      for (; field[at] != '?' && field[at] != '='; ++at) {
        static constexpr std::string_view kDigits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        bits = bits << 6 | static_cast<uint32_t>(kDigits.find(field[at]));
        have += 6;
        if (have < 8) continue;
        have -= 8;
        octets += static_cast<char>(bits >> have);
      }
      EXPECT_NE(static_cast<uint8_t>(octets[0]) & 0xc0, 0x80) << "begins inside a character";
      ASSERT_EQ(name.substr(0, octets.size()), octets);
      name.erase(0, octets.size());
    }
    EXPECT_EQ(name, "");
    EXPECT_GE(words, 2U);
  }
}

TEST(FromField, RefusesANameWithControlsOrNone) {
  std::string out;
  EXPECT_FALSE(append_from(out, "", "chris@contoso.com"));
  EXPECT_FALSE(append_from(out, "Chris\r\nBcc: x@fabrikam.com", "chris@contoso.com"));
  EXPECT_FALSE(append_from(out, "Chris\x7f", "chris@contoso.com"));
  EXPECT_FALSE(append_from(out, std::string(kDisplayNameMax + 1, 'x'), "chris@contoso.com"));
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace relais::smtp
