#include "load/sources.h"

#include <gtest/gtest.h>

namespace relais::load {
namespace {

TEST(Sources, TakesARangeInTurn) {
  const auto sources = Sources::parse("127.0.1.1-127.0.1.3");
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->size(), 3U);
  EXPECT_EQ(sources->at(0).to_string(), "127.0.1.1");
  EXPECT_EQ(sources->at(2).to_string(), "127.0.1.3");
  EXPECT_EQ(sources->at(3).to_string(), "127.0.1.1");
}

TEST(Sources, TakesListsAndNetworks) {
  const auto sources = Sources::parse("127.0.0.9,127.0.2.0/30,127.0.0.7");
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->size(), 6U);
  EXPECT_EQ(sources->at(1).to_string(), "127.0.2.0");
  EXPECT_EQ(sources->at(4).to_string(), "127.0.2.3");
  EXPECT_EQ(sources->at(5).to_string(), "127.0.0.7");
  EXPECT_TRUE(sources->are_all(true));
}

TEST(Sources, TakesIpv6) {
  const auto sources = Sources::parse("fd00::10-fd00::12");
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->at(4).to_string(), "fd00::11");
  EXPECT_TRUE(sources->are_all(false));
  EXPECT_FALSE(Sources::parse("fd00::1,127.0.0.1")->are_all(false));
}

TEST(Sources, SaysWhatIsWrong) {
  for (const char* text : {"", "127.0.0", "127.0.0.5-127.0.0.1", "127.0.0.1,", "127.0.0.0/33"})
    EXPECT_NE(Sources::parse(text).error().find("is no source"), std::string::npos) << text;
  EXPECT_NE(Sources::parse("fd00::/64").error().find("at most"), std::string::npos);
  EXPECT_NE(Sources::parse("0.0.0.0/0").error().find("at most"), std::string::npos);
}

}  // namespace
}  // namespace relais::load
