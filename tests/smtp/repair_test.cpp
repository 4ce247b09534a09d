// The repair of line ends: what it gives is legal by the scanner, whatever comes in.
#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"
#include "smtp/data_scanner.h"
#include "smtp/line_end_repair.h"

namespace relais::smtp {
namespace {

std::string repaired(std::string_view content, size_t cut) {
  LineEndRepair repair;
  std::string out;
  for (const std::string_view part : {content.substr(0, cut), content.substr(cut)}) {
    repair.feed(part);
    std::string_view piece;
    while (repair.take(piece)) {
      EXPECT_FALSE(piece.empty());
      out += piece;
    }
  }
  return out;
}

TEST(LineEndRepair, MakesCrlfOfBareEndsAndStuffsLoneDots) {
  struct Case {
    std::string_view content, repaired;
  };
  static constexpr Case kCases[] = {
      {"a\r\nb\r\n", "a\r\nb\r\n"},
      {"a\nb\rc\r\n", "a\r\nb\r\nc\r\n"},
      {"a\r\r\n", "a\r\n\r\n"},
      {"a\n\r\n", "a\r\n\r\n"},
      {"a\n.\nb\r\n", "a\r\n..\r\nb\r\n"},
      {"a\r\n.\nb\r\n", "a\r\n..\r\nb\r\n"},
      {"a\r\n.\rb\r\n", "a\r\n..\r\nb\r\n"},
      {"a\n.b\r\n", "a\r\n..b\r\n"},
      {"a\r\n.b\r\n", "a\r\n.b\r\n"},
      {"a\r\n..\nb\r\n", "a\r\n..\r\nb\r\n"},
      {".\n", "..\r\n"},
      {"\n.\r\n", "\r\n..\r\n"},
  };
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.content.size(); ++cut) {
      EXPECT_EQ(repaired(c.content, cut), c.repaired)
          << testing::PrintToString(c.content) << " cut at " << cut;
    }
  }
}

TEST(LineEndRepair, GivesOnlyWhatTheScannerFindsLegalAndWithoutAnEnd) {
  static constexpr std::string_view kTokens[] = {"\r",   "\n",    ".",     "x",
                                                 "\r\n", "\r\n.", "\n.\n", "\r.\r"};
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng prng(seed);
    std::string input;
    for (uint64_t i = prng.below(20); i > 0; --i) input += kTokens[prng.below(std::size(kTokens))];
    input += "x\r\n.\r\n";
    ScanState before;
    const ScanResult scanned = scan_scalar(before, input);
    ASSERT_TRUE(scanned.end);
    const std::string content = input.substr(0, scanned.content);
    const std::string out = repaired(content, prng.below(content.size() + 1));
    ASSERT_EQ(out, repaired(content, 0)) << "seed " << seed;
    ScanState after;
    const ScanResult again = scan_scalar(after, out);
    ASSERT_FALSE(after.bare_line_end) << "seed " << seed;
    ASSERT_FALSE(again.end) << "seed " << seed;
    ASSERT_TRUE(out.empty() || out.ends_with("\r\n")) << "seed " << seed;
    // Legal content passes unchanged.
    if (!before.bare_line_end) {
      ASSERT_EQ(out, content) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace relais::smtp
