#include "base/idle_time.h"

#include <gtest/gtest.h>

#include <array>

namespace relais {
namespace {

constexpr std::string_view kStat =
    "cpu  30 3 12 3300 33 0 1 0 0 0\n"
    "cpu0 10 1 4 1000 10 0 1 0 0 0\n"
    "cpu2 10 1 4 1100 11 0 0 0 0 0\n"
    "cpu12 10 1 4 1200 12 0 0 0 0 0\n"
    "intr 78 0 0\n"
    "cpu1 1 1 1 1 1\n";

std::optional<Duration> idle_of(std::initializer_list<uint32_t> cpus,
                                std::string_view stat = kStat) {
  return idle_time_in(stat, milliseconds(10), {cpus.begin(), cpus.size()});
}

TEST(IdleTime, IsThatOfTheCpusThatAreAskedFor) {
  EXPECT_EQ(idle_of({0}), milliseconds(10'100));
  EXPECT_EQ(idle_of({0, 12}), milliseconds(22'220));
  EXPECT_EQ(idle_of({2, 0, 12, 1}), milliseconds(33'330)) << "one is off line";
}

TEST(IdleTime, IsNotKnownWhereTheSystemDoesNotTell) {
  EXPECT_EQ(idle_of({1}), std::nullopt);
  EXPECT_EQ(idle_of({0}, ""), std::nullopt);
  EXPECT_EQ(idle_of({0}, "cpu0 1 2 3\n"), std::nullopt);
  EXPECT_EQ(idle_of({0}, "cpux 1 2 3 4 5\n"), std::nullopt);
}

TEST(IdleTime, ThisSystemTellsAndItGrows) {
  std::array<uint32_t, 1024> all{};
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto before = idle_time(all);
  ASSERT_TRUE(before.has_value());
  EXPECT_GE(idle_time(all), before);
}

}  // namespace
}  // namespace relais
