// What a running server tells about itself in its data folder: who it is (in `lock`, which it
// holds) and what became of its last reload (in `state.json`). Written by the server, read by the
// shell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::admin {

struct ServerState {
  int64_t pid = 0;
  std::string config;         // the folder, absolute
  uint64_t generation = 0;    // 1 at start, one more with each attempt to reload
  bool ok = false;            // the last attempt was taken; else the policy before it is in force
  std::string time;           // of the attempt, UTC
  std::string problem;        // why it was not taken
  std::string needs_restart;  // sections whose changes wait for the next start
  std::vector<std::string> findings;
};

[[nodiscard]] std::string to_json(const ServerState& state);
// nullopt: it is none.
[[nodiscard]] std::optional<ServerState> server_state_from_json(std::string_view text);

}  // namespace relais::admin
