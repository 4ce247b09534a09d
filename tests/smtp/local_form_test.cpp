#include "smtp/local_form.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace relais::smtp {
namespace {

std::string local(std::string_view wire, size_t cut) {
  LocalForm form;
  std::string out;
  form.append(out, wire.substr(0, cut));
  form.append(out, wire.substr(cut));
  return out;
}

TEST(LocalForm, UnstuffsAndUsesLf) {
  const std::string wire = "Subject: x\r\n\r\n..\r\n...dots\r\n.x\r\na.b..\r\n\r\n";
  for (size_t cut = 0; cut <= wire.size(); ++cut) {
    EXPECT_EQ(local(wire, cut), "Subject: x\n\n.\n..dots\nx\na.b..\n\n") << cut;
  }
}

TEST(LocalForm, OfNothingIsNothing) { EXPECT_EQ(local("", 0), ""); }

TEST(LocalForm, KeepsWhatIsNoLineEnd) { EXPECT_EQ(local("a\rb\r\rc\r\n", 0), "a\rb\r\rc\n"); }

TEST(LocalForm, UndoesStuffingOfAnyText) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Prng prng(seed);
    std::string text, wire;
    for (uint64_t line = prng.below(20); line > 0; --line) {
      std::string words;
      for (uint64_t i = prng.below(5); i > 0; --i) words += prng.one_in(2) ? '.' : 'x';
      text += words + "\n";
      wire += (words.starts_with('.') ? "." : "") + words + "\r\n";
    }
    LocalForm form;
    std::string out;
    for (size_t from = 0; from < wire.size();) {
      const size_t length = std::min<size_t>(prng.between(1, 7), wire.size() - from);
      form.append(out, std::string_view(wire).substr(from, length));
      from += length;
    }
    ASSERT_EQ(out, text) << "seed " << seed;
  }
}

}  // namespace
}  // namespace relais::smtp
