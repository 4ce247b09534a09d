#include "smtp/received_by.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/received.h"

namespace relais::smtp {
namespace {

const std::vector<std::string> kOwn = {"relay.contoso.com", "192.168.5.1", "2001:db8::1"};

bool by_us(std::string_view value) {
  bool whole = false;
  for (size_t cut = 0; cut <= value.size(); ++cut) {
    ReceivedBy by;
    by.begin(kOwn);
    bool found = by.scan(value.substr(0, cut));
    if (by.active()) found |= by.scan(value.substr(cut));
    EXPECT_TRUE(cut == 0 || found == whole) << value << " cut at " << cut;
    whole = found;
  }
  return whole;
}

TEST(ReceivedBy, FindsOurNamesInTheByPartOnly) {
  EXPECT_TRUE(
      by_us(" from a (192.0.2.1) by relay.contoso.com (10.0.0.1) with ESMTP id x; date\r\n"));
  EXPECT_TRUE(by_us(" from a by RELAY.Contoso.COM; date\r\n"));
  EXPECT_TRUE(by_us("by relay.contoso.com\r\n"));
  EXPECT_TRUE(by_us(" from a\r\n\tby other.contoso.com (192.168.5.1) with ESMTP; date\r\n"));
  EXPECT_TRUE(by_us(" from a by [192.168.5.1] with ESMTP; date\r\n"));
  EXPECT_TRUE(by_us(" from a by [IPv6:2001:db8::1] with ESMTP; date\r\n"));
  EXPECT_FALSE(
      by_us(" from relay.contoso.com (192.168.5.1) by other.contoso.com with ESMTP; x\r\n"));
  EXPECT_FALSE(by_us(" from a (by relay.contoso.com) by other with ESMTP; x\r\n"));
  EXPECT_FALSE(
      by_us(" from a by other with ESMTP (relay.contoso.com) id relay.contoso.com; x\r\n"));
  EXPECT_FALSE(by_us(" from a; by relay.contoso.com\r\n"));
  EXPECT_FALSE(by_us(" from a by xrelay.contoso.com with ESMTP; x\r\n"));
  EXPECT_FALSE(by_us(" from a by relay.contoso.comx with ESMTP; x\r\n"));
  EXPECT_FALSE(by_us(" from a by other for relay.contoso.com; x\r\n"));
  EXPECT_FALSE(by_us(" from a by " + std::string(300, 'x') + "relay.contoso.com; x\r\n"));
  EXPECT_FALSE(by_us("\r\n"));
}

TEST(ReceivedBy, FindsOurOwnField) {
  std::string field;
  append_received(field, {.hello = "by",
                          .client_ip = "192.0.2.1",
                          .fqdn = "relay.contoso.com",
                          .local_ip = "10.0.0.1",
                          .id = "x",
                          .recipient = {},
                          .date = "Fri, 5 Aug 2016 16:24:41 +0000"});
  EXPECT_TRUE(by_us(std::string_view(field).substr(field.find(':') + 1)));
}

TEST(ReceivedBy, IsOverAtOnceWithoutNames) {
  ReceivedBy by;
  const std::vector<std::string> none;
  by.begin(none);
  EXPECT_FALSE(by.active());
}

}  // namespace
}  // namespace relais::smtp
