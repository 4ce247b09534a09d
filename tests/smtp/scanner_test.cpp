// The AVX2 scanner against the scalar one, and the scalar one against cases that a reader can
// follow.
#include "smtp/data_scanner.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace relais::smtp {
namespace {

using Scan = ScanResult (*)(ScanState&, std::span<const char>);

// What a session makes of scan results: the content passed on, and where the data ended.
struct Outcome {
  std::string content;
  size_t end = SIZE_MAX;
  size_t stuffed = 0;
  bool bare_line_end = false;
  bool nul = false;
  bool eight_bit = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome scan_in_pieces(Scan scan, std::string_view input, const std::vector<size_t>& cuts) {
  Outcome outcome;
  ScanState state;
  size_t from = 0;
  const auto feed = [&](size_t to) {
    // Memory that ends with the piece: a read beyond it is seen by the address sanitizer.
    const std::vector<char> piece(input.begin() + static_cast<std::ptrdiff_t>(from),
                                  input.begin() + static_cast<std::ptrdiff_t>(to));
    const ScanResult result = scan(state, piece);
    EXPECT_TRUE(result.end || result.consumed == piece.size());
    EXPECT_LE(result.content, result.consumed);
    outcome.content += std::string_view(".\r").substr(0, result.held);
    outcome.content.append(piece.data(), result.content);
    outcome.stuffed += result.stuffed;
    if (result.end) outcome.end = from + result.consumed;
    from = to;
    return !result.end;
  };
  bool more = true;
  for (const size_t cut : cuts) more = more && feed(cut);
  if (more) feed(input.size());
  outcome.bare_line_end = state.bare_line_end;
  outcome.nul = state.nul;
  outcome.eight_bit = state.eight_bit;
  return outcome;
}

// Dense in what matters: about one octet in two is special, the rest is text, sometimes a long run.
std::string dense_input(Prng& prng, size_t size_max) {
  static constexpr std::string_view kTokens[] = {"\r\n", "\r\n",    "\r\n.", "\r\n..",
                                                 "\r",   "\n",      ".",     "x",
                                                 "xy",   "\r\n.\r", "\n.\n", "\r\n.\r\n"};
  const size_t size = prng.below(size_max + 1);
  std::string input;
  while (input.size() < size) {
    if (prng.one_in(3)) input.append(prng.below(90), 'x');
    if (prng.one_in(40)) input += '\0';
    if (prng.one_in(40)) input += '\x80';
    input += kTokens[prng.below(std::size(kTokens) - (prng.one_in(4) ? 0 : 3))];
  }
  input.resize(size);
  return input;
}

std::vector<size_t> random_cuts(Prng& prng, size_t size) {
  std::vector<size_t> cuts(prng.below(5));
  for (size_t& cut : cuts) cut = prng.below(size + 1);
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

// The seed of a case on which the two differ, or -1.
int first_difference(Scan reference, Scan candidate, int cases) {
  for (int seed = 0; seed < cases; ++seed) {
    Prng prng(static_cast<uint64_t>(seed));
    const std::string input = dense_input(prng, prng.one_in(8) ? 1000 : 300);
    const Outcome expected = scan_in_pieces(reference, input, {});
    if (scan_in_pieces(candidate, input, {}) != expected) return seed;
    if (scan_in_pieces(candidate, input, random_cuts(prng, input.size())) != expected) return seed;
  }
  return -1;
}

ScanResult scan_unaligned(ScanState& state, std::span<const char> input) {
  static size_t shift = 0;
  shift = (shift + 1) % 64;
  std::vector<char> memory(input.size() + shift);
  std::copy(input.begin(), input.end(), memory.begin() + static_cast<std::ptrdiff_t>(shift));
  return scan_avx2(state, std::span<const char>(memory).subspan(shift));
}

TEST(Scanner, ScalarGivesTheSameHoweverItIsCut) {
  EXPECT_EQ(first_difference(scan_scalar, scan_scalar, 20'000), -1)
      << "seed of the first difference";
}

TEST(Scanner, Avx2AgreesWithScalar) {
  if (!has_avx2()) GTEST_SKIP() << "no AVX2 on this machine";
  EXPECT_EQ(first_difference(scan_scalar, scan_avx2, 50'000), -1) << "seed of the first difference";
  EXPECT_EQ(first_difference(scan_scalar, scan_unaligned, 20'000), -1);
}

TEST(Scanner, Avx2AgreesWithScalarAtEveryPlaceInABlock) {
  if (!has_avx2()) GTEST_SKIP() << "no AVX2 on this machine";
  for (const std::string_view token : {"\r\n.\r\n", "\n.\n", "\r.\r", "\r\n.\n", "\r\n..\r\n", "\r",
                                       "\n", "\r\r\n", "\r\n.\r.\r\n"}) {
    for (size_t at = 0; at < 200; ++at) {
      std::string input(at, 'x');
      input += token;
      input += std::string(130, 'y') + "\r\n.\r\nQUIT\r\n";
      for (const size_t cut : {size_t{0}, at, at + 1, at + 2, at + 3, at + 4}) {
        ASSERT_EQ(scan_in_pieces(scan_avx2, input, {cut}), scan_in_pieces(scan_scalar, input, {}))
            << "at " << at << " cut " << cut;
      }
    }
  }
}

TEST(Scanner, NotesOctetsAbove127InTheContentAlone) {
  for (const Scan scan : {scan_scalar, scan_avx2}) {
    if (scan == scan_avx2 && !has_avx2()) continue;
    for (size_t at = 0; at < 200; ++at) {
      std::string input(200, 'x');
      input += "\r\n.\r\n";
      const std::string behind = std::string(90, '\xff');
      EXPECT_FALSE(scan_in_pieces(scan, input + behind, {at}).eight_bit) << at;
      for (const char c : {'\x80', '\xff'}) {
        input[at] = c;
        EXPECT_TRUE(scan_in_pieces(scan, input + behind, {}).eight_bit) << at;
        EXPECT_TRUE(scan_in_pieces(scan, input, {at}).eight_bit) << at;
      }
    }
  }
}

// The canary: scanners that are wrong as others were. The comparison above must notice.
ScanResult scan_with(std::string_view false_end, ScanState& state, std::span<const char> input) {
  ScanState before = state;
  const ScanResult right = scan_scalar(state, input);
  const size_t found = std::string_view(input.data(), input.size()).find(false_end);
  if (found == std::string_view::npos || (right.end && found >= right.consumed)) return right;
  ScanResult wrong = scan_scalar(before, input.first(found + 1));
  wrong.end = true;
  wrong.consumed = found + false_end.size();
  return wrong;
}

TEST(ScannerCanary, AnEndAtLfDotLfIsNoticed) {
  const Scan broken = [](ScanState& s, std::span<const char> i) {
    return scan_with("\n.\n", s, i);
  };
  EXPECT_NE(first_difference(scan_scalar, broken, 1000), -1);
}

TEST(ScannerCanary, AnOverlookedBareCrIsNoticed) {
  const Scan broken = [](ScanState& s, std::span<const char> i) {
    const bool before = s.bare_line_end;
    const ScanResult result = scan_scalar(s, i);
    if (std::string_view(i.data(), i.size()).find("\n.\n") == std::string_view::npos) {
      s.bare_line_end = before;
    }
    return result;
  };
  EXPECT_NE(first_difference(scan_scalar, broken, 1000), -1);
}

TEST(Scanner, EndsOnlyAtCrlfDotCrlf) {
  struct Case {
    std::string_view input;
    size_t end;  // SIZE_MAX: no end
    bool legal;
  };
  using namespace std::string_view_literals;
  static constexpr Case kCases[] = {
      {".\r\n", 3, true},
      {"x\r\n.\r\nQUIT", 6, true},
      {"x\r\n..\r\n.\r\n", 10, true},
      {"x\r\n.x\r\n.\r\n", 10, true},
      {"x\n.\n", SIZE_MAX, false},
      {"x\r.\r", SIZE_MAX, false},
      {"x\n.\r\n", SIZE_MAX, false},
      {"x\r.\r\n", SIZE_MAX, false},
      {"x\r\n.\n", SIZE_MAX, false},
      {"x\r\n.\r\r\n", SIZE_MAX, false},
      {"x\r\n\n.\r\n", SIZE_MAX, false},
      {"x\r\n \r\n", SIZE_MAX, true},
      {"x\r\n. \r\n", SIZE_MAX, true},
      {"x\r\n .\r\n", SIZE_MAX, true},
      {"x\r\n\0.\r\n"sv, SIZE_MAX, false},
      {"x\r\n.\0\r\n"sv, SIZE_MAX, false},
      {"\n.\r\n", SIZE_MAX, false},
      {".\n", SIZE_MAX, false},
      {".\rx", SIZE_MAX, false},
      // Strictly read, this has CRLF.CRLF in it; the bare CR before makes it illegal all the same.
      {"x\r\r\n.\r\n", 7, false},
      // What comes behind the end is not looked at.
      {".\r\n\n\r\0"sv, 3, true},
  };
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.input.size(); ++cut) {
      const Outcome outcome = scan_in_pieces(scan_scalar, c.input, {cut});
      EXPECT_EQ(outcome.end, c.end) << testing::PrintToString(c.input) << " cut at " << cut;
      EXPECT_EQ(!outcome.bare_line_end && !outcome.nul, c.legal) << testing::PrintToString(c.input);
    }
  }
}

TEST(Scanner, HoldsBackADotUntilItIsKnown) {
  ScanState state;
  ScanResult result = scan_scalar(state, std::string_view("ab\r\n."));
  EXPECT_EQ(result.content, 4U);
  EXPECT_EQ(result.consumed, 5U);
  result = scan_scalar(state, std::string_view("\r"));
  EXPECT_EQ(result.held, 0);
  EXPECT_EQ(result.content, 0U);
  EXPECT_EQ(result.consumed, 1U);
  result = scan_scalar(state, std::string_view("x"));
  EXPECT_EQ(result.held, 2);
  EXPECT_EQ(result.content, 1U);
  EXPECT_EQ(result.stuffed, 1U);
  EXPECT_TRUE(state.bare_line_end);
}

TEST(Scanner, CountsStuffedDots) {
  const std::string input = "..a\r\n..\r\nb.\r\n.c\r\n" + std::string(100, 'x') + "\r\n..\r\n.\r\n";
  EXPECT_EQ(scan_in_pieces(scan_scalar, input, {}).stuffed, 4U);
  if (has_avx2()) {
    EXPECT_EQ(scan_in_pieces(scan_avx2, input, {}).stuffed, 4U);
  }
}

}  // namespace
}  // namespace relais::smtp
