#include "admin/server_state.h"

#include <gtest/gtest.h>

namespace relais::admin {
namespace {

TEST(ServerState, ThereAndBack) {
  const ServerState state{.pid = 4711,
                          .config = "/etc/re\"lais",
                          .generation = 3,
                          .ok = true,
                          .time = "2026-01-01T00:00:00.000Z",
                          .problem = "",
                          .needs_restart = "[server]",
                          .findings = {"a\nb", "\"pid\":1"}};
  const auto read = server_state_from_json(to_json(state));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->pid, 4711);
  EXPECT_EQ(read->config, "/etc/re\"lais");
  EXPECT_EQ(read->generation, 3U);
  EXPECT_TRUE(read->ok);
  EXPECT_EQ(read->needs_restart, "[server]");
  EXPECT_EQ(read->findings, (std::vector<std::string>{"a\nb", "\"pid\":1"}));
}

TEST(ServerState, WhatIsNone) {
  for (const char* text : {"", "{", "{}", "[]", "{\"pid\":1}", "{\"pid\":\"x\",\"config\":1}"}) {
    EXPECT_FALSE(server_state_from_json(text)) << text;
  }
}

}  // namespace
}  // namespace relais::admin
