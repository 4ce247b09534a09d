#include "smtp/dotted_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/prng.h"

namespace relais::smtp {
namespace {

size_t by_hand(std::string_view text, bool behind_cr) {
  for (size_t i = 1; i < text.size(); ++i) {
    const bool cr = i >= 2 ? text[i - 2] == '\r' : behind_cr;
    if (text[i] == '.' && text[i - 1] == '\n' && cr) return i;
  }
  return text.size();
}

TEST(DottedLine, wherever_it_stands) {
  for (size_t octets = 0; octets < 200; ++octets) {
    const std::string text(octets, 'x');
    EXPECT_EQ(next_dotted_line(text, true), octets);
    for (size_t at = 0; at + 3 <= octets; ++at) {
      std::string dotted = text;
      dotted.replace(at, 3, "\r\n.");
      EXPECT_EQ(next_dotted_line(dotted, false), at + 2) << octets;
    }
  }
}

TEST(DottedLine, in_any_text) {
  Prng prng(1);
  for (int round = 0; round < 100'000; ++round) {
    std::string text(prng.below(300), ' ');
    for (char& c : text) c = "\r\n.x"[prng.below(4)];
    // Far from each other, too.
    const size_t plain = prng.below(text.size() + 1);
    std::fill_n(text.begin(), plain, 'x');
    for (const bool behind_cr : {false, true})
      ASSERT_EQ(next_dotted_line(text, behind_cr), by_hand(text, behind_cr)) << round;
  }
}

// Nothing behind the end is looked at: memory of its own, which asan watches.
TEST(DottedLine, ends_with_the_text) {
  for (size_t octets = 1; octets < 200; ++octets) {
    const auto memory = std::make_unique<char[]>(octets);
    std::fill_n(memory.get(), octets, '\n');
    EXPECT_EQ(next_dotted_line({memory.get(), octets}, false), octets);
  }
}

}  // namespace
}  // namespace relais::smtp
