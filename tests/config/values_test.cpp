#include "config/values.h"

#include <gtest/gtest.h>

#include "config/domain_name.h"
#include "config/nearest.h"

namespace relais::config {
namespace {

TEST(Durations, InUnitsAndAsExchangeWritesThem) {
  const std::pair<const char*, Duration> cases[] = {
      {"0s", {}},
      {"500ms", milliseconds(500)},
      {"5s", seconds(5)},
      {"10m", minutes(10)},
      {"2h", hours(2)},
      {"1d", hours(24)},
      {"00:00:05", seconds(5)},
      {"00:10:00", minutes(10)},
      {"1:2:3", hours(1) + minutes(2) + seconds(3)},
      {"1.00:00:00", hours(24)},
      {"02.12:30:15", hours(60) + minutes(30) + seconds(15)},
      {"999999999ms", milliseconds(999'999'999)},
  };
  for (const auto& [text, expected] : cases) {
    ASSERT_TRUE(parse_duration(text)) << text;
    EXPECT_EQ(parse_duration(text)->ns, expected.ns) << text;
  }
}

TEST(Durations, WhatIsNone) {
  for (const char* text : {"",
                           "5",
                           "s",
                           "-5s",
                           "+5s",
                           "5 s",
                           "5sec",
                           "1.5s",
                           "5S",
                           "24:00:00",
                           "00:60:00",
                           "00:00:60",
                           "10:00",
                           "1:2:3:4",
                           "1.",
                           "1.5",
                           ".00:00:05",
                           "000:00:05",
                           "00:00:05.5",
                           "36501.00:00:00",
                           "1000000000s",
                           "999999999d",
                           "5s "}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Durations, ArePrintedInTheLargestWholeUnit) {
  EXPECT_EQ(print_duration({}), "0s");
  EXPECT_EQ(print_duration(hours(48)), "2d");
  EXPECT_EQ(print_duration(minutes(90)), "90m");
  EXPECT_EQ(print_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(print_duration({1}), "1ns");
}

TEST(Sizes, InOctetsAndInUnits) {
  const std::pair<const char*, uint64_t> cases[] = {
      {"0", 0},
      {"100", 100},
      {"100B", 100},
      {"64KB", 65536},
      {"64kb", 65536},
      {"36MB", 37'748'736},
      {"4GB", 4ULL << 30},
      {"1TB", 1ULL << 40},
      {"18446744073709551615", UINT64_MAX},
  };
  for (const auto& [text, expected] : cases) {
    ASSERT_TRUE(parse_size(text)) << text;
    EXPECT_EQ(*parse_size(text), expected) << text;
  }
}

TEST(Sizes, WhatIsNone) {
  for (const char* text : {"", "MB", "-1", "1.5MB", "1 MB", "1MiB", "1M", "0x10", "1MBB",
                           "18446744073709551616", "16777216TB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Sizes, ArePrintedInTheLargestWholeUnit) {
  EXPECT_EQ(print_size(0), "0");
  EXPECT_EQ(print_size(1000), "1000");
  EXPECT_EQ(print_size(37'748'736), "36MB");
  EXPECT_EQ(print_size(5ULL << 40), "5TB");
}

TEST(DomainNames, AreLowerCasedAndChecked) {
  EXPECT_EQ(parse_domain_name("Contoso.COM"), "contoso.com");
  EXPECT_EQ(parse_domain_name("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(parse_domain_name("localhost"), "localhost");
  EXPECT_EQ(parse_domain_pattern("*.Contoso.com"), "*.contoso.com");
  for (const auto& text : std::vector<std::string>{
           "", ".", "a..b", ".a", "a.", "-a.com", "a-.com", "a_b.com", "con toso.com", "bücher.de",
           "*", "*.a", "a.*.b", "10.0.0.1", "::1", "[10.0.0.1]", "10.0.0", std::string(64, 'a'),
           std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.' +
               std::string(63, 'd')}) {
    EXPECT_FALSE(parse_domain_name(text)) << text;
  }
  for (const char* text : {"*", "*.", "*contoso.com", "*.*.com"}) {
    EXPECT_FALSE(parse_domain_pattern(text)) << text;
  }
}

TEST(Nearest, FindsMisspeltAndExchangeNames) {
  const std::vector<std::string_view> names = {"remote_ip_ranges", "max_hop_count", "name", "fqdn"};
  EXPECT_EQ(nearest("remote_ip_range", names), "remote_ip_ranges");
  EXPECT_EQ(nearest("RemoteIPRanges", names), "remote_ip_ranges");
  EXPECT_EQ(nearest("MaxHopCount", names), "max_hop_count");
  EXPECT_EQ(nearest("nmae", names), "name");
  EXPECT_EQ(nearest("FQDN", names), "fqdn");
  EXPECT_EQ(nearest("colour", names), "");
  EXPECT_EQ(nearest("", names), "");
}

}  // namespace
}  // namespace relais::config
