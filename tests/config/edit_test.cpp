// Editing the text of a configuration file: what was not asked for stays octet by octet.
#include "config/edit.h"

#include <gtest/gtest.h>

namespace relais::config {
namespace {

constexpr std::string_view kConnector =
    "# The relay.\n"
    "name = \"Relay\"   # its name\n"
    "\n"
    "# where\n"
    "bindings = [\"0.0.0.0:25\"]\n"
    "remote_ip_ranges = [\n"
    "  # the web\n"
    "  \"10.0.0.1\",   # web1\n"
    "  \"10.0.0.2\",   # web2\n"
    "  \"10.0.0.3\"    # db\n"
    "]\n"
    "text = '''\n"
    "[[permission]]\n"
    "name = 'no key'\n"
    "'''\n"
    "\n"
    "# Why they may.\n"
    "[[permission]]\n"
    "user = 'A\\B'\n"
    "\n"
    "[[permission]] # two\n"
    "user = \"b\"\n"
    "deny = true\n";

using Section = TomlText::Section;

// kConnector with one part replaced.
std::string with(std::string_view old, std::string_view fresh) {
  std::string text(kConnector);
  const size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), fresh);
}

TEST(Edit, ReadsValuesAsTheyAreWritten) {
  const TomlText text{std::string(kConnector)};
  EXPECT_EQ(text.value({}, "name"), "\"Relay\"");
  EXPECT_EQ(text.value({}, "bindings"), "[\"0.0.0.0:25\"]");
  EXPECT_EQ(text.value({}, "user"), std::nullopt);
  EXPECT_EQ(text.count("permission"), 2U);
  EXPECT_EQ(text.value({"permission", 0}, "user"), "'A\\B'");
  EXPECT_EQ(text.value({"permission", 1}, "deny"), "true");
  EXPECT_EQ(text.value({"permission", 2}, "deny"), std::nullopt);
}

TEST(Edit, AChangedValueKeepsItsPlaceAndItsComment) {
  TomlText text{std::string(kConnector)};
  text.set({}, "name", "\"Other\"");
  EXPECT_EQ(text.text(), with("\"Relay\"", "\"Other\""));
}

TEST(Edit, ANewKeyStandsBehindTheLastOfItsSection) {
  TomlText text{std::string(kConnector)};
  text.set({}, "enabled", "false");
  EXPECT_EQ(text.text(), with("'''\n\n# Why", "'''\nenabled = false\n\n# Why"));
  TomlText second{std::string(kConnector)};
  second.set({"permission", 0}, "deny", "true");
  EXPECT_EQ(second.text(), with("user = 'A\\B'\n", "user = 'A\\B'\ndeny = true\n"));
}

TEST(Edit, AMultiLineListIsReplacedWhole) {
  TomlText text{std::string(kConnector)};
  text.set({}, "text", "5");
  EXPECT_EQ(text.text(), with("'''\n[[permission]]\nname = 'no key'\n'''", "5"));
}

TEST(Edit, AListKeepsTheLinesOfTheElementsThatStay) {
  TomlText text{std::string(kConnector)};
  text.set_list({}, "remote_ip_ranges", {"\"10.0.0.1\"", "\"10.0.0.3\"", "\"10.0.0.4\""});
  EXPECT_EQ(text.text(), with("  \"10.0.0.2\",   # web2\n  \"10.0.0.3\"    # db\n",
                              "  \"10.0.0.3\",    # db\n  \"10.0.0.4\",\n"));
  text.set_list({}, "remote_ip_ranges", {"\"10.0.0.1\""});
  EXPECT_EQ(text.text(), with("  \"10.0.0.2\",   # web2\n  \"10.0.0.3\"    # db\n", ""));
  text.set_list({}, "remote_ip_ranges", {"\"10.9.9.9\""});
  EXPECT_EQ(text.value({}, "remote_ip_ranges"), "[\"10.9.9.9\"]");
}

TEST(Edit, AListInAnotherOrderIsWrittenAnew) {
  TomlText text{std::string(kConnector)};
  text.set_list({}, "remote_ip_ranges", {"\"10.0.0.3\"", "\"10.0.0.1\""});
  EXPECT_EQ(text.value({}, "remote_ip_ranges"), "[\"10.0.0.3\", \"10.0.0.1\"]");
}

TEST(Edit, RemovesAKeyWithItsLine) {
  TomlText text{std::string(kConnector)};
  EXPECT_TRUE(text.remove({}, "name"));
  EXPECT_EQ(text.text(), with("name = \"Relay\"   # its name\n", ""));
  EXPECT_FALSE(text.remove({}, "name"));
  EXPECT_TRUE(text.remove({}, "remote_ip_ranges"));
  EXPECT_EQ(text.text().find("web2"), std::string::npos);
}

TEST(Edit, AppendsATable) {
  TomlText text{std::string(kConnector)};
  ASSERT_TRUE(text.append_table("permission", {{"user", "'C\\D'"}, {"deny", "false"}}));
  EXPECT_EQ(text.text(),
            std::string(kConnector) + "\n[[permission]]\nuser = 'C\\D'\ndeny = false\n");
  TomlText empty("");
  ASSERT_TRUE(empty.append_table("permission", {{"user", "1"}}));
  EXPECT_EQ(empty.text(), "[[permission]]\nuser = 1\n");
  TomlText unended("a = 1");
  ASSERT_TRUE(unended.append_table("b", {}));
  EXPECT_EQ(unended.text(), "a = 1\n\n[[b]]\n");
  TomlText inline_form("permission = [{user = \"a\"}]\n");
  EXPECT_FALSE(inline_form.append_table("permission", {}));
}

TEST(Edit, RemovesATable) {
  TomlText text{std::string(kConnector)};
  EXPECT_TRUE(text.remove_table({"permission", 1}));
  EXPECT_EQ(text.text(), with("\n[[permission]] # two\nuser = \"b\"\ndeny = true\n", ""));
  EXPECT_TRUE(text.remove_table({"permission", 0}));
  EXPECT_EQ(text.count("permission"), 0U);
  EXPECT_NE(text.text().find("# Why they may."), std::string::npos);
  EXPECT_FALSE(text.remove_table({"permission", 0}));
  TomlText nested("[[a]]\nx = 1\n[a.b]\ny = 2\n[[a]]\nx = 3\n[ab]\nz = 1\n");
  EXPECT_TRUE(nested.remove_table({"a", 0}));
  EXPECT_EQ(nested.text(), "[[a]]\nx = 3\n[ab]\nz = 1\n");
}

TEST(Edit, KeysOfASectionThatIsNotThere) {
  TomlText text("# Hello.\n\n[[send_connector]]\nname = \"x\"\n");
  text.set({"server", 0}, "fqdn", "\"a.b\"");
  EXPECT_EQ(text.text(),
            "# Hello.\n\n[[send_connector]]\nname = \"x\"\n\n[server]\nfqdn = \"a.b\"\n");
  text.set({"server", 0}, "cores", "1");
  EXPECT_TRUE(text.text().ends_with("fqdn = \"a.b\"\ncores = 1\n")) << text.text();
  TomlText top("# Hello.\n[a]\n");
  top.set({}, "x", "1");
  EXPECT_EQ(top.text(), "# Hello.\nx = 1\n\n[a]\n");
}

TEST(Edit, OtherLineEndsAndQuotedKeysAndBrackets) {
  TomlText text("\"name\" = \"a#b]\" # c\r\n[ 'server' ]\r\nx = [ 1, [2, \"]\"], {y = 3} ]\r\nz=1");
  EXPECT_EQ(text.value({}, "name"), "\"a#b]\"");
  EXPECT_EQ(text.value({"server", 0}, "x"), "[ 1, [2, \"]\"], {y = 3} ]");
  text.set({"server", 0}, "w", "2");
  EXPECT_TRUE(text.text().ends_with("z=1\r\nw = 2\r\n")) << text.text();
}

TEST(Edit, Strings) {
  EXPECT_EQ(toml_string("plain"), "\"plain\"");
  EXPECT_EQ(toml_string("NT AUTHORITY\\X"), "'NT AUTHORITY\\X'");
  EXPECT_EQ(toml_string("it's \\"), "\"it's \\\\\"");
  EXPECT_EQ(toml_string("a\"b\n\x7f"), "\"a\\\"b\\u000A\\u007F\"");
  EXPECT_EQ(toml_list({"1", "\"a\""}), "[1, \"a\"]");
}

TEST(Edit, AnyTextEndsTheScan) {
  for (const std::string_view text : {"[",
                                      "[[",
                                      "a",
                                      "a=",
                                      "=",
                                      "a = [",
                                      "a = [1,,",
                                      "\"",
                                      "'''",
                                      "a = \"x\\",
                                      "[a",
                                      "a = {",
                                      "a = [}",
                                      "a = ]",
                                      "[]\n= 5",
                                      "\r",
                                      " ",
                                      "a = [\n\"x\\",
                                      "\"\"\"\"\"\"\"\"",
                                      "a.b.'c'.\"d\""}) {
    TomlText edited{std::string(text)};
    edited.set({}, "key", "1");
    edited.set_list({}, "a", {"1", "2"});
    (void)edited.append_table("t", {{"a", "1"}});
    edited.remove_table({"t", 0});
    edited.remove({}, "a");
  }
}

}  // namespace
}  // namespace relais::config
