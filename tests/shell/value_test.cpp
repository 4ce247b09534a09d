#include "shell/value.h"

#include <gtest/gtest.h>

namespace relais::shell {
namespace {

TEST(Value, PrintsAsExchangeDoes) {
  struct Case {
    Value value;
    std::string_view text;
  };
  const Case cases[] = {
      {{}, ""},
      {true, "True"},
      {false, "False"},
      {int64_t{5000}, "5000"},
      {Octets{37'748'736}, "36 MB (37,748,736 bytes)"},
      {Octets{262'144}, "256 KB (262,144 bytes)"},
      {Octets{1'000'000}, "976.562 KB (1,000,000 bytes)"},
      {Octets{1}, "1 B (1 bytes)"},
      {Octets{0}, "0 B (0 bytes)"},
      {minutes(10), "00:10:00"},
      {hours(24), "1.00:00:00"},
      {milliseconds(1500), "00:00:01.5000000"},
      {List{std::string("a"), std::string("b")}, "{a, b}"},
      {List{}, "{}"},
      {Pairs{{"Add", std::string("a")}}, "@{Add=a}"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_text(c.value), c.text);
  EXPECT_EQ(to_text(List{int64_t{1}, int64_t{2}, int64_t{3}}, 2), "{1, 2, ...}");
}

TEST(Value, Wildcards) {
  for (const auto& [text, pattern] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"", ""},
                                                                  {"", "*"},
                                                                  {"abc", "*"},
                                                                  {"abc", "ABC"},
                                                                  {"abc", "a*"},
                                                                  {"abc", "*c"},
                                                                  {"abc", "a?c"},
                                                                  {"abc", "*b*"},
                                                                  {"abcbc", "*bc"},
                                                                  {"a1", "a[0-9]"},
                                                                  {"a[", "a["}}) {
    EXPECT_TRUE(matches_wildcard(text, pattern)) << text << ' ' << pattern;
  }
  for (const auto& [text, pattern] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"", "?"}, {"abc", ""}, {"abc", "ab"}, {"abc", "*b"}, {"a1", "a[b-d]"}, {"ab", "a"}}) {
    EXPECT_FALSE(matches_wildcard(text, pattern)) << text << ' ' << pattern;
  }
}

}  // namespace
}  // namespace relais::shell
