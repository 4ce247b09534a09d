#include "milter/content.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace relais::milter::test {
namespace {

using PieceKind = Content::Piece::Kind;

void drain(Content& content, std::string& shown, bool& in_body) {
  for (;;) {
    const Content::Piece piece = content.next();
    switch (piece.kind) {
      case PieceKind::kNothing:
        return;
      case PieceKind::kField:
        EXPECT_FALSE(in_body);
        shown += "[" + std::string(piece.name) + "=" + std::string(piece.bytes) + "]";
        break;
      case PieceKind::kEndOfHeader:
        EXPECT_FALSE(in_body);
        in_body = true;
        shown += "|";
        break;
      case PieceKind::kBody:
        EXPECT_TRUE(in_body);
        EXPECT_FALSE(piece.bytes.empty());
        shown += piece.bytes;
        break;
    }
  }
}

// Fed in pieces that end at `cuts`.
std::string pieces_of(std::string_view wire, const std::vector<size_t>& cuts = {}) {
  Content content;
  std::string shown;
  bool in_body = false;
  size_t from = 0;
  const auto feed = [&](size_t to) {
    const std::string copy(wire.substr(from, to - from));
    content.feed(copy);
    drain(content, shown, in_body);
    from = to;
  };
  for (const size_t cut : cuts) feed(cut);
  feed(wire.size());
  content.end();
  drain(content, shown, in_body);
  EXPECT_TRUE(in_body) << "the end of the header was not said";
  return shown;
}

struct Case {
  std::string_view wire;
  std::string_view shown;
};

constexpr Case kCases[] = {
    {"A: 1\r\nB:2\r\n\r\nbody\r\n", "[A= 1][B=2]|body\r\n"},
    {"A: one\r\n two\r\n\tthree\r\nB: x\r\n\r\n", "[A= one\n two\n\tthree][B= x]|"},
    {"A:\r\n\r\n", "[A=]|"},
    {"A: 1\r\n", "[A= 1]|"},
    {"A: 1\r\n folded\r\n", "[A= 1\n folded]|"},
    {"", "|"},
    {"\r\n", "|"},
    {"\r\nbody\r\n", "|body\r\n"},
    {"A : obsolete blank\r\n\r\n", "[A= obsolete blank]|"},
    {"A: a: b\r\n\r\n", "[A= a: b]|"},
    {"no field\r\nA: 1\r\n\r\nb\r\n", "|no field\r\nA: 1\r\n\r\nb\r\n"},
    {"A: 1\r\nno field\r\nB: 2\r\n", "[A= 1]|no field\r\nB: 2\r\n"},
    {" fold of nothing\r\nA: 1\r\n", "| fold of nothing\r\nA: 1\r\n"},
    {"From a@b Mon: x\r\nA: 1\r\n", "|From a@b Mon: x\r\nA: 1\r\n"},
    {": no name\r\n", "|: no name\r\n"},
    // dot-stuffing, in header and body
    {"A: 1\r\n\r\n..\r\n..a\r\n...\r\nb.\r\n", "[A= 1]|.\r\n.a\r\n..\r\nb.\r\n"},
    {"..A: 1\r\n\r\n", "[.A= 1]|"},
    {"..text\r\n..more\r\n", "|.text\r\n.more\r\n"},
    {"\r\n..\r\n\r\n..\r\n", "|.\r\n\r\n.\r\n"},
    {"A: x\r\n \r\n\r\nb\r\n", "[A= x\n ]|b\r\n"},
};

TEST(Content, IsCutIntoFieldsAndBody) {
  for (const Case& c : kCases) EXPECT_EQ(pieces_of(c.wire), c.shown) << c.wire;
}

TEST(Content, IsTheSameHoweverItIsCut) {
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.wire.size(); ++cut)
      EXPECT_EQ(pieces_of(c.wire, {cut}), c.shown) << c.wire << " cut at " << cut;
    std::vector<size_t> each(c.wire.size());
    for (size_t i = 0; i < each.size(); ++i) each[i] = i + 1;
    EXPECT_EQ(pieces_of(c.wire, each), c.shown) << c.wire << " octet by octet";
  }
}

TEST(Content, OfALongFieldTheBeginningIsShown) {
  std::string wire = "A: " + std::string(998, 'x') + "\r\n";
  for (int i = 0; i < 200; ++i) wire += " " + std::string(996, 'y') + "\r\n";
  wire += "B: 2\r\n\r\nbody\r\n";
  const std::string shown = pieces_of(wire);
  EXPECT_TRUE(shown.ends_with("][B= 2]|body\r\n")) << shown.substr(shown.size() - 50);
  EXPECT_NEAR(static_cast<double>(shown.size()), 65'000.0, 300.0);
}

TEST(Content, ALongLineWithoutAColonIsBody) {
  const std::string line(200'000, 'x');
  const std::string wire = "A: 1\r\n" + line + "\r\n..y\r\n";
  const std::string expected = "[A= 1]|" + line + "\r\n.y\r\n";
  EXPECT_TRUE(pieces_of(wire) == expected);  // too long to print
  EXPECT_TRUE(pieces_of(wire, {5000, 70'000}) == expected);
  EXPECT_TRUE(pieces_of(wire, {8, 900, 1010}) == expected);
}

// Whatever the bytes: no octet of a body is lost but the stuffing, and cuts change nothing.
TEST(Content, OfAnyBytesIsTheSameHoweverItIsCut) {
  Prng prng(7);
  for (int round = 0; round < 3000; ++round) {
    std::string wire;
    constexpr std::string_view kAlphabet[] = {"\r\n", ".", ":", " ", "a", "\r", "\n", "\t", "B:"};
    for (uint64_t i = prng.below(30); i > 0; --i) wire += kAlphabet[prng.below(9)];
    const std::string whole = pieces_of(wire);
    std::vector<size_t> cuts;
    for (size_t at = 0; at < wire.size(); at += prng.between(1, 4)) cuts.push_back(at);
    ASSERT_EQ(pieces_of(wire, cuts), whole) << round;
  }
}

}  // namespace
}  // namespace relais::milter::test
