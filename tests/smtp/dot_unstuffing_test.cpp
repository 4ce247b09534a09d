#include "smtp/dot_unstuffing.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/prng.h"

namespace relais::smtp {
namespace {

// One octet at a time, easy to read: the reference.
std::string stuffed(std::string_view raw) {
  std::string wire;
  for (size_t i = 0; i < raw.size(); ++i) {
    const bool at_start = i == 0 || (i > 1 && raw.substr(i - 2, 2) == "\r\n");
    if (at_start && raw[i] == '.') wire += '.';
    wire += raw[i];
  }
  return wire;
}

std::string unstuffed(std::string_view wire, const std::vector<size_t>& cuts) {
  DotUnstuffing unstuffing;
  std::string raw;
  std::string copy;
  size_t from = 0;
  for (const size_t cut : cuts) {
    raw += unstuffing.next(wire.substr(from, cut - from), copy);
    from = cut;
  }
  return raw += unstuffing.next(wire.substr(from), copy);
}

TEST(DotUnstuffing, IsWhatStuffingWasMadeFromHoweverItIsCut) {
  Prng prng(3);
  constexpr std::string_view kOctets = "..\r\r\n\nx";
  for (int round = 0; round < 20'000; ++round) {
    std::string raw(prng.below(12), ' ');
    for (char& c : raw) c = kOctets[prng.below(kOctets.size())];
    const std::string wire = stuffed(raw);
    for (size_t first = 0; first <= wire.size(); ++first) {
      const size_t second = first + prng.below(wire.size() - first + 1);
      ASSERT_EQ(unstuffed(wire, {first, second}), raw) << round << ' ' << first << ' ' << second;
    }
  }
}

TEST(DotUnstuffing, CopiesNothingWithoutDots) {
  DotUnstuffing unstuffing;
  std::string copy;
  const std::string wire = "a.b\r\n c\r\n";
  EXPECT_EQ(unstuffing.next(wire, copy).data(), wire.data());
  EXPECT_EQ(unstuffing.next("..d", copy), ".d");
  EXPECT_TRUE(copy.empty());
}

}  // namespace
}  // namespace relais::smtp
