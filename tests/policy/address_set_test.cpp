#include "policy/address_set.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace relais::policy {
namespace {

AddressSet set_of(std::initializer_list<const char*> texts) {
  std::vector<AddressRange> ranges;
  for (const char* text : texts) ranges.push_back(*AddressRange::parse(text));
  return union_of(ranges);
}

std::string text(const AddressSet& set) {
  std::string all;
  for (const AddressRange& range : set) all += (all.empty() ? "" : " ") + range.to_string();
  return all;
}

TEST(AddressSet, MergesWhatOverlapsOrTouches) {
  EXPECT_EQ(text(set_of({"10.0.1.0/24", "10.0.0.0/24"})), "10.0.0.0/23");
  EXPECT_EQ(text(set_of({"10.0.0.0/8", "10.0.0.1"})), "10.0.0.0/8");
  EXPECT_EQ(text(set_of({"10.0.0.1", "10.0.0.3", "::1"})), "10.0.0.1 10.0.0.3 ::1");
  EXPECT_EQ(text(set_of({"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"})), "0.0.0.0/0 ::/0");
  EXPECT_EQ(text(set_of({"255.255.255.255", "::"})), "255.255.255.255 ::");
}

TEST(AddressSet, Counts) {
  const auto v4 = IpAddress::Family::kV4;
  const auto v6 = IpAddress::Family::kV6;
  EXPECT_EQ(count_text(count(set_of({"10.0.0.0/15", "10.0.0.7", "::/64"}), v4)), "131072");
  EXPECT_EQ(count_text(count(set_of({"10.0.0.0/15", "::/64"}), v6)), "2^64");
  EXPECT_EQ(count_text(count(set_of({"::/64", "1::"}), v6)), "more than 2^64");
  EXPECT_EQ(count_text(count(set_of({"::/0"}), v6)), "2^128");
  EXPECT_EQ(count_text(count(set_of({"8000::/1"}), v6)), "2^127");
  EXPECT_EQ(count_text(count(set_of({"0.0.0.0/0"}), v4)), "4294967296");
}

TEST(AddressSet, PublicAndLoopback) {
  EXPECT_EQ(text(public_part(set_of({"10.0.0.0/8", "127.0.0.1", "fd00::/8", "::1"}))), "");
  EXPECT_EQ(text(public_part(set_of({"9.255.255.255-11.0.0.0"}))), "9.255.255.255 11.0.0.0");
  EXPECT_EQ(text(public_part(set_of({"2000::/3"}))),
            "2000::-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff "
            "2001:db9::-3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::-"
            "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(text(without_loopback(set_of({"126.255.255.255-128.0.0.0", "::/126"}))),
            "126.255.255.255 128.0.0.0 :: ::2/127");
}

TEST(AddressSet, AgreesWithCountingOneByOne) {
  Prng prng(7);
  for (int round = 0; round < 500; ++round) {
    const auto random_set = [&](bool bits[64]) {
      std::vector<AddressRange> ranges;
      for (uint64_t n = prng.below(6); n > 0; --n) {
        const auto first = static_cast<uint32_t>(prng.below(64));
        const auto last = static_cast<uint32_t>(prng.between(first, 63));
        ranges.push_back({IpAddress::v4(first), IpAddress::v4(last)});
        for (uint32_t i = first; i <= last; ++i) bits[i] = true;
      }
      return union_of(ranges);
    };
    bool a[64] = {};
    bool b[64] = {};
    const AddressSet set_a = random_set(a);
    const AddressSet set_b = random_set(b);
    const AddressSet rest = difference(set_a, set_b);
    for (uint32_t i = 0; i < 64; ++i) {
      const auto in = [&](const AddressSet& set) {
        return std::ranges::any_of(set,
                                   [&](const auto& r) { return r.contains(IpAddress::v4(i)); });
      };
      ASSERT_EQ(in(set_a), a[i]);
      ASSERT_EQ(contains(set_a, IpAddress::v4(i)), a[i]);
      ASSERT_FALSE(contains(set_a, IpAddress::v6(0, i)));
      ASSERT_EQ(in(rest), a[i] && !b[i]) << text(set_a) << " minus " << text(set_b) << " at " << i;
    }
    for (size_t i = 1; i < rest.size(); ++i) ASSERT_LT(rest[i - 1].last, rest[i].first);
  }
}

}  // namespace
}  // namespace relais::policy
