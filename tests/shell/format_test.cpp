#include "shell/format.h"

#include <gtest/gtest.h>

namespace relais::shell {
namespace {

Object connector(const std::string& name, bool enabled, int64_t hops) {
  Object object;
  object.kind = Kind::kReceiveConnector;
  object.add("Identity", "RELAY\\" + name)
      .add("Bindings", List{std::string("0.0.0.0:25")})
      .add("Enabled", enabled)
      .add("MaxHopCount", hops)
      .add("ConnectionTimeout", minutes(10))
      .add("TarpitInterval", seconds(5))
      .add("Comment", {});
  return object;
}

TEST(Format, AList) {
  EXPECT_EQ(format_list(select_properties({connector("A", true, 60)},
                                          {"enabled", "Bindings", "Comment", "Nothing"})),
            "\n"
            "Enabled  : True\n"
            "Bindings : {0.0.0.0:25}\n"
            "Comment  :\n"
            "Nothing  :\n"
            "\n");
  EXPECT_EQ(format_list({}), "");
}

TEST(Format, AnEmptyLineStandsBetweenTwoLists) {
  EXPECT_EQ(
      format_list(select_properties({connector("A", true, 6), connector("B", false, 7)}, {"Max*"})),
      "\nMaxHopCount : 6\n\nMaxHopCount : 7\n\n");
}

TEST(Format, WildcardsKeepTheOrderOfTheObject) {
  EXPECT_EQ(
      format_list(select_properties({connector("A", true, 6)}, {"*T*val", "*Timeout*", "*t*"})),
      "\n"
      "TarpitInterval    : 00:00:05\n"
      "ConnectionTimeout : 00:10:00\n"
      "Identity          : RELAY\\A\n"
      "MaxHopCount       : 6\n"
      "Comment           :\n"
      "\n");
  EXPECT_EQ(format_list(select_properties({connector("A", true, 6)}, {"*nothing*"})), "\n\n");
}

TEST(Format, ATable) {
  EXPECT_EQ(
      format_table(select_properties({connector("Anonymous", true, 6), connector("B", false, 70)},
                                     {"Identity", "Enabled", "MaxHopCount"})),
      "\n"
      "Identity        Enabled MaxHopCount\n"
      "--------        ------- -----------\n"
      "RELAY\\Anonymous True              6\n"
      "RELAY\\B         False            70\n"
      "\n");
  EXPECT_EQ(format_table({}), "");
}

TEST(Format, TheDefaultViewOfAConnector) {
  EXPECT_EQ(format_default({connector("A", true, 60)}),
            "\n"
            "Identity Bindings     Enabled\n"
            "-------- --------     -------\n"
            "RELAY\\A  {0.0.0.0:25} True\n"
            "\n");
}

TEST(Format, FewPropertiesAreATableAndManyAList) {
  const Object whole = connector("A", true, 60);
  EXPECT_EQ(format_default(select_properties({whole}, {"Identity", "Enabled"})),
            "\n"
            "Identity Enabled\n"
            "-------- -------\n"
            "RELAY\\A  True\n"
            "\n");
  EXPECT_TRUE(format_default(select_properties({whole}, {"*"}))
                  .starts_with("\nIdentity          : RELAY\\A\n"));
}

TEST(Format, ControlCharactersDoNotBreakTheForm) {
  Object object;
  object.add("Comment", std::string("a\nEnabled : True\x1b[0m"));
  EXPECT_EQ(format_list({object}), "\nComment : a Enabled : True [0m\n\n");
}

TEST(Format, Json) {
  Object object;
  object.add("Name", std::string("a\"\\\n\u00e4\xff"))
      .add("Enabled", true)
      .add("Size", Octets{5})
      .add("Time", seconds(5))
      .add("List", List{int64_t{1}, {}})
      .add("Empty", List{});
  EXPECT_EQ(format_json({object}, true),
            "{\"Name\":\"a\\\"\\\\\\n\u00e4\ufffd\",\"Enabled\":true,\"Size\":5,\"Time\":"
            "\"00:00:05\",\"List\":[1,null],\"Empty\":[]}\n");
  Object small;
  small.add("A", int64_t{1});
  EXPECT_EQ(format_json({small, small}, false),
            "[\n  {\n    \"A\": 1\n  },\n  {\n    \"A\": 1\n  }\n]\n");
  EXPECT_EQ(format_json({}, false), "[]\n");
}

}  // namespace
}  // namespace relais::shell
