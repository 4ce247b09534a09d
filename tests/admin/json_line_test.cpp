#include "admin/json_line.h"

#include <gtest/gtest.h>

#include <array>

namespace relais::admin {
namespace {

std::string line_with(std::string_view value) {
  std::string out;
  JsonLine(out).text("v", value);
  return out;
}

TEST(json_line, holds_fields_in_order_and_ends_with_a_line_feed) {
  std::string out;
  const std::array<std::string_view, 2> recipients{"a@b", "c@d"};
  JsonLine(out)
      .text("event", "message")
      .number("size", 10240)
      .milliseconds("ms", 1'234'567)
      .texts("to", recipients)
      .texts("none", {});
  EXPECT_EQ(
      out,
      "{\"event\":\"message\",\"size\":10240,\"ms\":1.234,\"to\":[\"a@b\",\"c@d\"],\"none\":[]}\n");
}

TEST(json_line, what_a_client_says_cannot_break_out_of_its_string) {
  EXPECT_EQ(line_with("a\"b\\c"), "{\"v\":\"a\\\"b\\\\c\"}\n");
  EXPECT_EQ(line_with(std::string_view("\0\r\n\x7f", 4)),
            "{\"v\":\"\\u0000\\u000d\\u000a\\u007f\"}\n");
}

TEST(json_line, valid_utf8_passes_and_the_rest_is_replaced) {
  EXPECT_EQ(line_with("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "{\"v\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}\n");
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    const std::string line = line_with(bad);
    EXPECT_TRUE(line.starts_with("{\"v\":\"\\ufffd")) << line;
  }
}

}  // namespace
}  // namespace relais::admin
