#include "smtp/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"

namespace relais::smtp {
namespace {

// Lines, and "(too long)", as they come when the input is fed in these pieces.
std::vector<std::string> read(std::string_view input, const std::vector<size_t>& cuts) {
  LineReader reader;
  std::vector<std::string> lines;
  size_t from = 0;
  const auto feed = [&](size_t to) {
    std::string_view piece = input.substr(from, to - from);
    from = to;
    for (;;) {
      std::string_view line;
      const LineReader::Got got = reader.take(piece, line);
      reader.invariants();
      if (got == LineReader::Got::kNothing) break;
      lines.emplace_back(got == LineReader::Got::kLine ? line : "(too long)");
    }
    EXPECT_TRUE(piece.empty());
  };
  for (const size_t cut : cuts) feed(cut);
  feed(input.size());
  return lines;
}

TEST(LineReader, EndsLinesAtCrlfOnly) {
  const std::string input = "one\r\n\r\ntwo\nstill\rtwo\r\r\nthree\n\r\nnot yet\r";
  const std::vector<std::string> expected = {"one", "", "two\nstill\rtwo\r", "three\n"};
  for (size_t cut = 0; cut <= input.size(); ++cut) EXPECT_EQ(read(input, {cut}), expected) << cut;
}

TEST(LineReader, TakesALineOfExactlyTheLimit) {
  const std::string longest(kLineMax - 2, 'x');
  for (const size_t cut : {size_t{0}, size_t{100}, size_t{kLineMax - 2}, size_t{kLineMax - 1}}) {
    EXPECT_EQ(read(longest + "\r\nnext\r\n", {cut}), (std::vector<std::string>{longest, "next"}))
        << cut;
    EXPECT_EQ(read("x" + longest + "\r\nnext\r\n", {cut}),
              (std::vector<std::string>{"(too long)", "next"}))
        << cut;
  }
}

TEST(LineReader, SaysTooLongAtOnceAndOnlyOnce) {
  EXPECT_EQ(read(std::string(kLineMax - 1, 'x'), {}), std::vector<std::string>{"(too long)"});
  EXPECT_EQ(read(std::string(kLineMax - 2, 'x'), {}), std::vector<std::string>{});
  EXPECT_EQ(read(std::string(kLineMax - 2, 'x') + "\r", {}), std::vector<std::string>{});
  EXPECT_EQ(read(std::string(10 * kLineMax, '\n'), {1, 2, 5000}),
            std::vector<std::string>{"(too long)"});
}

TEST(LineReader, GivesTheSameHoweverItIsCut) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Prng prng(seed);
    std::string input;
    for (uint64_t i = prng.below(12); i > 0; --i) {
      input += std::string(prng.one_in(3) ? prng.between(2030, 2060) : prng.below(9), 'x');
      input += prng.one_in(4) ? "\r" : prng.one_in(4) ? "\n" : "\r\n";
    }
    std::vector<size_t> cuts(prng.below(8));
    for (size_t& cut : cuts) cut = prng.below(input.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    ASSERT_EQ(read(input, cuts), read(input, {})) << "seed " << seed;
  }
}

}  // namespace
}  // namespace relais::smtp
