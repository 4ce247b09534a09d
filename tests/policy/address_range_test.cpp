#include "policy/address_range.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::policy {
namespace {

struct Good {
  const char* text;
  const char* first;
  const char* last;
  const char* printed;
};

constexpr const char* kMaxV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

TEST(AddressRange, ReadsEveryFormThatExchangeReads) {
  const Good cases[] = {
      {"192.168.1.1", "192.168.1.1", "192.168.1.1", "192.168.1.1"},
      {"192.168.1.1/32", "192.168.1.1", "192.168.1.1", "192.168.1.1"},
      {"192.168.1.1/24", "192.168.1.0", "192.168.1.255", "192.168.1.0/24"},
      {"192.168.1.255/31", "192.168.1.254", "192.168.1.255", "192.168.1.254/31"},
      {"10.1.2.3/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
      {"0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
      {"192.168.5.0-192.168.5.255", "192.168.5.0", "192.168.5.255", "192.168.5.0/24"},
      {"192.168.5.1-192.168.5.9", "192.168.5.1", "192.168.5.9", "192.168.5.1-192.168.5.9"},
      {"192.168.5.1-192.168.5.2", "192.168.5.1", "192.168.5.2", "192.168.5.1-192.168.5.2"},
      {"192.168.5.7-192.168.5.7", "192.168.5.7", "192.168.5.7", "192.168.5.7"},
      {"2001:0DB8::CD3/60", "2001:db8::", "2001:db8:0:f:ffff:ffff:ffff:ffff", "2001:db8::/60"},
      {"2001:db8::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
      {"2001:db8::/128", "2001:db8::", "2001:db8::", "2001:db8::"},
      {"2001:db8::1/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"},
      {"::/0", "::", kMaxV6, "::/0"},
      {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", kMaxV6, "::/0"},
      {"fe80::39bd:88f7:6969:d223%11", "fe80::39bd:88f7:6969:d223", "fe80::39bd:88f7:6969:d223",
       "fe80::39bd:88f7:6969:d223"},
      {"fe80::1%eth0/64", "fe80::", "fe80::ffff:ffff:ffff:ffff", "fe80::/64"},
      {"fe80::1%11-fe80::9%11", "fe80::1", "fe80::9", "fe80::1-fe80::9"},
      {"::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
      {"::ffff:10.0.0.1/104", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"},
      {"::ffff:0:0/96", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
      {"::ffff:0:0/95", "::fffe:0:0", "::ffff:ffff:ffff", "::fffe:0:0/95"},
      {"::ffff:10.0.0.1-::ffff:10.0.0.9", "10.0.0.1", "10.0.0.9", "10.0.0.1-10.0.0.9"},
  };
  for (const auto& [text, first, last, printed] : cases) {
    const auto range = AddressRange::parse_or_reason(text);
    ASSERT_TRUE(range) << text << ": " << range.error();
    if (std::string_view(text) == "::ffff:0:0/95") {
      // Its last address is mapped IPv4 as a text, and plain IPv6 as a bound.
      EXPECT_EQ(range->last, IpAddress::v6(0, 0xffff'ffff'ffff));
    } else {
      EXPECT_EQ(range->last.to_string(), last) << text;
    }
    EXPECT_EQ(range->first.to_string(), first) << text;
    EXPECT_EQ(range->to_string(), printed) << text;
  }
}

TEST(AddressRange, WhatItPrintsItReadsBack) {
  for (const char* text :
       {"10.0.0.0/8", "10.0.0.1-10.0.0.6", "2001:db8::/61", "::1-::7", "1.2.3.4"}) {
    const auto range = AddressRange::parse(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(AddressRange::parse(range->to_string()), range) << text;
  }
}

TEST(AddressRange, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "an address is missing"},
      {"-", "an address is missing"},
      {"/24", "an address is missing"},
      {"10.0.0.1-", "an address is missing"},
      {"-10.0.0.1", "an address is missing"},
      {"10.0.0.0/33", "a prefix of IPv4 has at most 32 bits"},
      {"10.0.0.0/4294967328", "a prefix of IPv4 has at most 32 bits"},
      {"fe80::/200", "a prefix of IPv6 has at most 128 bits"},
      {"::ffff:10.0.0.0/129", "a prefix of IPv6 has at most 128 bits"},
      {"10.0.0.0/", "what follows / is no number"},
      {"10.0.0.0/-1", "what follows / is no number"},
      {"10.0.0.0/+8", "what follows / is no number"},
      {"10.0.0.0/8x", "what follows / is no number"},
      {"10.0.0.0/8/8", "what follows / is no number"},
      {"10.0.0.0/255.0.0.0", "what follows / is no number"},
      {"5-3", "not an IP address"},
      {"10.0.0", "not an IP address"},
      {"10.0.0.256", "not an IP address"},
      {" 10.0.0.1", "not an IP address"},
      {"10.0.0.1 - 10.0.0.9", "not an IP address"},
      {"10.0.0.1-10.0.0.5-10.0.0.9", "not an IP address"},
      {"10.0.0.1-9", "not an IP address"},
      {"[::1]", "not an IP address"},
      {"*", "not an IP address"},
      {"contoso.com", "not an IP address"},
      {"10.0.0.9-10.0.0.1", "the range ends before it begins"},
      {"10.0.0.1-::1", "one end is IPv4 and the other IPv6"},
      {"10.0.0.1%3", "only IPv6 has scope ids"},
      {"fe80::1%", "what follows % is no scope id"},
      {"fe80::1%e h", "what follows % is no scope id"},
  };
  for (const auto& [text, reason] : cases) {
    const auto range = AddressRange::parse_or_reason(text);
    ASSERT_FALSE(range) << text << " was read as " << range->to_string();
    EXPECT_EQ(range.error(), reason) << text;
    EXPECT_EQ(AddressRange::parse(text), std::nullopt) << text;
  }
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(AddressRange::parse("10.0.0.1\0"sv));
}

TEST(AddressRange, ContainsItsEndsAndNothingBeyondThem) {
  const auto range = *AddressRange::parse("10.0.0.10-10.0.0.20");
  EXPECT_FALSE(range.contains(*IpAddress::parse("10.0.0.9")));
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.0.0.10")));
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.0.0.20")));
  EXPECT_FALSE(range.contains(*IpAddress::parse("10.0.0.21")));
  EXPECT_FALSE(AddressRange::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  EXPECT_FALSE(AddressRange::parse("::/0")->contains(*IpAddress::parse("0.0.0.1")));
}

TEST(AddressRange, ComparesItsSizeWithAPrefix) {
  EXPECT_FALSE(AddressRange::parse("10.1.0.0/16")->wider_than_prefix(16));
  EXPECT_TRUE(AddressRange::parse("10.1.0.0-10.2.0.0")->wider_than_prefix(16));
  EXPECT_TRUE(AddressRange::parse("10.0.0.0/15")->wider_than_prefix(16));
  EXPECT_TRUE(AddressRange::parse("0.0.0.0/0")->wider_than_prefix(16));
  EXPECT_FALSE(AddressRange::parse("0.0.0.0/0")->wider_than_prefix(0));
  EXPECT_FALSE(AddressRange::parse("2001:db8::/48")->wider_than_prefix(48));
  EXPECT_TRUE(AddressRange::parse("2001:db8::/47")->wider_than_prefix(48));
  EXPECT_FALSE(AddressRange::parse("::1")->wider_than_prefix(128));
}

}  // namespace
}  // namespace relais::policy
