#include "base/ip.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <set>

#include "base/prng.h"

namespace relais {
namespace {

TEST(IpAddress, text_is_canonical) {
  const std::pair<const char*, const char*> kCases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one field of zeros stays
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::FFFF:c000:0201", "192.0.2.1"},
  };
  for (const auto& [text, canonical] : kCases) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->to_string(), canonical);
  }
}

TEST(IpAddress, what_is_not_an_address_is_refused) {
  for (const std::string_view text : {"",
                                      " ",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "01.2.3.4",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.-4",
                                      "0x7f.0.0.1",
                                      "1.2.3.4/8",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "::1%eth0",
                                      "[::1]",
                                      "g::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "::ffff:1.2.3.256",
                                      "localhost",
                                      "1.2.3.4\n"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << '"' << text << '"';
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')).has_value());
}

TEST(IpAddress, random_ones_survive_the_way_through_text) {
  Prng prng(1);
  for (int i = 0; i < 20'000; ++i) {
    auto address = IpAddress::v4(static_cast<uint32_t>(prng.next()));
    if (prng.one_in(2)) {
      // Runs of zeros of every length.
      const uint64_t mask_high = prng.one_in(2) ? UINT64_MAX : prng.next() & prng.next();
      address =
          IpAddress::v6((prng.next() & mask_high) | 1ULL << 61, prng.next() >> prng.below(64));
    }
    EXPECT_EQ(IpAddress::parse(address.to_string()), address) << address.to_string();
  }
}

TEST(IpAddress, random_text_never_does_worse_than_being_refused) {
  constexpr std::string_view kAlphabet = "0123456789abcdef:.:.:%[]/ ";
  Prng prng(2);
  int parsed = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    const uint64_t length = prng.below(12);
    while (text.size() < length) text += kAlphabet[prng.below(kAlphabet.size())];
    const auto address = IpAddress::parse(text);
    if (!address) continue;
    ++parsed;
    EXPECT_EQ(IpAddress::parse(address->to_string()), address) << text;
  }
  EXPECT_GT(parsed, 0);
}

TEST(IpAddress, the_families_are_kept_apart) {
  EXPECT_NE(IpAddress::v4(1), IpAddress::v6(0, 1));
  EXPECT_EQ(IpAddress(), IpAddress::v4(0));
  EXPECT_TRUE(IpAddress::v6(0, 0).is_unspecified());
  EXPECT_TRUE(IpAddress::v4(0x7f123456).is_loopback());
  EXPECT_TRUE(IpAddress::v6(0, 1).is_loopback());
  EXPECT_FALSE(IpAddress::v6(0, 0x7f000001).is_loopback());
  EXPECT_FALSE(IpAddress::v4(1).is_loopback());
}

TEST(Endpoint, text_is_canonical) {
  const std::pair<const char*, const char*> kCases[] = {
      {"192.0.2.1:25", "192.0.2.1:25"},
      {"[2001:db8::1]:2525", "[2001:db8::1]:2525"},
      {"0.0.0.0:0", "0.0.0.0:0"},
      {"[::ffff:192.0.2.1]:65535", "192.0.2.1:65535"},
  };
  for (const auto& [text, canonical] : kCases) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(endpoint->to_string(), canonical);
  }
}

TEST(Endpoint, what_is_not_an_endpoint_is_refused) {
  for (const std::string_view text :
       {"", ":", ":25", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1",
        "192.0.2.1:+1", "192.0.2.1: 25", "192.0.2.1:25 ", "192.0.2.1:smtp", "::1:25", "[::1]",
        "[::1]25", "[]:25", "[192.0.2.1]:25", "[::1:25", "::1]:25", "localhost:25"}) {
    EXPECT_FALSE(Endpoint::parse(text).has_value()) << '"' << text << '"';
  }
}

TEST(Endpoint, survives_the_way_through_a_socket_address) {
  for (const std::string_view text : {"192.0.2.1:25", "[2001:db8::1]:2525", "[::1]:1"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint.has_value());
    sockaddr_storage address{};
    EXPECT_GT(endpoint->to_sockaddr(address), 0U);
    EXPECT_EQ(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address)), endpoint);
  }
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;
  EXPECT_FALSE(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address)).has_value());
}

}  // namespace
}  // namespace relais
