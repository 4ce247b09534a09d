#include "smtp/received.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace relais::smtp {
namespace {

ReceivedInfo usual() {
  return {.hello = "app.contoso.com",
          .client_ip = "192.168.5.10",
          .fqdn = "relay.contoso.com",
          .local_ip = "192.168.5.2",
          .esmtp = true,
          .id = "2f1c0a52-7d3e-8a01-9c44-0123456789ab",
          .recipient = "kate@fabrikam.com",
          .date = "Fri, 5 Aug 2016 16:24:41 +0000"};
}

std::string received(const ReceivedInfo& info) {
  std::string out;
  append_received(out, info);
  return out;
}

void expect_one_well_formed_field(const std::string& field) {
  EXPECT_TRUE(field.starts_with("Received: from "));
  EXPECT_TRUE(field.ends_with("\r\n"));
  for (size_t at = 0; at < field.size();) {
    const size_t end = field.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    if (at != 0) {
      EXPECT_EQ(field[at], ' ') << "a line that is not folded would begin a new field";
    }
    EXPECT_LE(end - at, 998U);
    for (size_t i = at; i < end; ++i) EXPECT_TRUE(field[i] >= ' ' && field[i] <= '~');
    at = end + 2;
  }
}

TEST(Received, ReadsLikeThis) {
  EXPECT_EQ(received(usual()),
            "Received: from app.contoso.com (192.168.5.10)\r\n"
            " by relay.contoso.com (192.168.5.2)\r\n"
            " with ESMTP id 2f1c0a52-7d3e-8a01-9c44-0123456789ab for <kate@fabrikam.com>;\r\n"
            " Fri, 5 Aug 2016 16:24:41 +0000\r\n");
}

TEST(Received, NamesNoRecipientWhenThereAreSeveral) {
  ReceivedInfo info = usual();
  info.recipient = {};
  info.esmtp = false;
  EXPECT_EQ(received(info),
            "Received: from app.contoso.com (192.168.5.10)\r\n"
            " by relay.contoso.com (192.168.5.2)\r\n"
            " with SMTP id 2f1c0a52-7d3e-8a01-9c44-0123456789ab;\r\n"
            " Fri, 5 Aug 2016 16:24:41 +0000\r\n");
}

TEST(Received, NamesTheAddressWhenTheClientGaveNoName) {
  ReceivedInfo info = usual();
  info.hello = {};
  EXPECT_TRUE(received(info).starts_with("Received: from [192.168.5.10] (192.168.5.10)"));
}

TEST(Received, IsWellFormedWithTheLongestParts) {
  ReceivedInfo info = usual();
  const std::string hello(2000, 'h');
  const std::string recipient = std::string(315, 'l') + "@" + std::string(255, 'd');
  const std::string fqdn(255, 'f');
  info.hello = hello;
  info.recipient = recipient;
  info.fqdn = fqdn;
  expect_one_well_formed_field(received(info));
}

TEST(Received, CannotBeForgedByTheHelloName) {
  for (const std::string_view hello :
       {"a) by evil.com (1.2.3.4", "x; Fri, 5 Aug 2016", "x\r\nX-Evil: 1", "x\\", "\"x",
        "x by evil.com", "(", "caf\xc3\xa9", "x\n y", "<x>", "a,b"}) {
    ReceivedInfo info = usual();
    info.hello = hello;
    const std::string field = received(info);
    expect_one_well_formed_field(field);
    EXPECT_EQ(std::count(field.begin(), field.end(), '('), 2) << field;
    EXPECT_EQ(std::count(field.begin(), field.end(), ')'), 2) << field;
    EXPECT_EQ(std::count(field.begin(), field.end(), ';'), 1) << field;
    EXPECT_EQ(field.find(" by evil"), std::string::npos) << field;
  }
}

std::string shown(std::string_view hello) {
  std::array<char, kHelloShown> memory;
  return std::string(neutralised(hello, memory));
}

TEST(Neutralised, LeavesNamesAndLiteralsAlone) {
  for (const std::string_view name :
       {"app.contoso.com", "[192.0.2.1]", "[IPv6:2001:db8::1]", "my_host-1", ""}) {
    EXPECT_EQ(shown(name), name);
  }
}

TEST(Neutralised, LetsNothingDangerousThrough) {
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    const std::string name = shown(std::string("a") + c + "b");
    ASSERT_EQ(name.size(), 3U);
    EXPECT_TRUE(name[1] > ' ' && name[1] <= '~') << octet;
    EXPECT_EQ(std::string_view("()<>\",;\\").find(name[1]), std::string_view::npos) << octet;
  }
  EXPECT_EQ(shown(std::string(1000, 'x')).size(), kHelloShown);
}

}  // namespace
}  // namespace relais::smtp
