// An edit is what was meant, whatever form the file is in, or it is refused.
#include "config/file_edit.h"

#include <gtest/gtest.h>

namespace relais::config {
namespace {

FileEdit edit(std::string text) {
  auto made = FileEdit::of(std::move(text));
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

TEST(FileEdit, NoToml) {
  const auto made = FileEdit::of("a = 1\nb = \n");
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().line, 2U);
}

TEST(FileEdit, StepsAreInTheText) {
  FileEdit file = edit("a = 1\n\n[[t]]\nx = 1\n\n[[t]]\nx = 2\n");
  EXPECT_FALSE(file.is_changed());
  file.set({}, "a", "3");
  file.remove_table({"t", 0});
  file.set({"t", 0}, "y", "\"z\"");
  file.append_table("t", {{"x", "4"}});
  EXPECT_TRUE(file.is_changed());
  EXPECT_EQ(file.result().value_or("?"), "a = 3\n\n[[t]]\nx = 2\ny = \"z\"\n\n[[t]]\nx = 4\n");
}

TEST(FileEdit, TheSameValueIsNoChange) {
  FileEdit file = edit("a = 0x10\nl = ['a',\n \"b\"]\n");
  file.set({}, "a", "16");
  file.set_list({}, "l", {"\"a\"", "\"b\""});
  file.remove({}, "none");
  EXPECT_FALSE(file.is_changed());
}

TEST(FileEdit, WhatCannotBeDoneIsRefusedWithItsLine) {
  struct Case {
    std::string text;
    void (*step)(FileEdit&);
    uint32_t line;
    std::string_view what;
  };
  const Case cases[] = {
      {"\nt = [{x = 1}]\n",
       [](FileEdit& f) {
         f.remove_table({"t", 0});
       },
       2, "t is written as one list; write its entries as [[t]] tables first"},
      {"t = [{x = 1}]\n",
       [](FileEdit& f) {
         f.set({"t", 0}, "x", "2");
       },
       1, "t is written as one list; write its entries as [[t]] tables first"},
      {"t = [{x = 1}]\n",
       [](FileEdit& f) {
         f.remove({"t", 0}, "x");
       },
       1, "t is written as one list; write its entries as [[t]] tables first"},
      {"t = []\n",
       [](FileEdit& f) {
         f.append_table("t", {{"x", "1"}});
       },
       1, "t is written as one list; write its entries as [[t]] tables first"},
      {"[t]\nx = 1\n",
       [](FileEdit& f) {
         f.append_table("t", {{"x", "1"}});
       },
       1, "t is one table; write it as [[t]] first"},
      {"t = {x = 1}\n",
       [](FileEdit& f) {
         f.set({"t", 0}, "x", "2");
       },
       1, "t is written in another form than [t]; write it so first"},
      {"t.x = 1\n",
       [](FileEdit& f) {
         f.set({"t", 0}, "x", "2");
       },
       1, "t is written in another form than [t]; write it so first"},
      {"\"\\u0061\" = 1\n", [](FileEdit& f) { f.remove({}, "a"); }, 1,
       "a is not written in the form a = ...; write it so first"},
      {"\"\\u0061\" = 1\n", [](FileEdit& f) { f.set({}, "a", "2"); }, 1,
       "a is not written in the form a = ...; write it so first"},
      {"a.b = 1\n", [](FileEdit& f) { f.set({}, "a", "2"); }, 1,
       "a is not written in the form a = ...; write it so first"},
  };
  for (const Case& c : cases) {
    FileEdit file = edit(c.text);
    c.step(file);
    EXPECT_TRUE(file.is_changed()) << c.text;
    const auto result = file.result();
    ASSERT_FALSE(result.has_value()) << c.text << *result;
    EXPECT_EQ(result.error().what, c.what) << c.text;
    EXPECT_EQ(result.error().line, c.line) << c.text;
  }
}

TEST(FileEdit, AValueThatIsNone) {
  FileEdit file = edit("a = 1\n");
  file.set({}, "a", "\"\xff\"");
  EXPECT_TRUE(file.is_changed());
  EXPECT_FALSE(file.result().has_value());
}

TEST(FileEdit, AByteOrderMark) {
  const std::string mark = "\xEF\xBB\xBF";
  const auto after = [&](std::string_view text, void (*step)(FileEdit&)) {
    std::string whole = mark;
    whole += text;
    FileEdit file = edit(std::move(whole));
    step(file);
    std::string result = file.result().value_or("?");
    EXPECT_TRUE(result.starts_with(mark)) << result;
    return result.erase(0, std::min<size_t>(3, result.size()));
  };
  EXPECT_EQ(after("a = 1\n", [](FileEdit& f) { f.set({}, "a", "2"); }), "a = 2\n");
  EXPECT_EQ(after("a = 1\nb = 1\n", [](FileEdit& f) { f.remove({}, "a"); }), "b = 1\n");
  EXPECT_EQ(after("", [](FileEdit& f) { f.set({}, "a", "2"); }), "a = 2\n");
  EXPECT_EQ(after("# c\n", [](FileEdit& f) { f.set({}, "a", "2"); }), "# c\na = 2\n");
  EXPECT_EQ(after("[[t]]\nx = 1\n", [](FileEdit& f) { f.remove_table({"t", 0}); }), "");
}

}  // namespace
}  // namespace relais::config
