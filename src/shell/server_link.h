// The running server as the shell sees it: whether one runs with this configuration, and what it
// says to a changed one. Touches nothing but the server's own signal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "admin/override_book.h"
#include "admin/server_state.h"

namespace relais::shell {

// The server that holds the data folder and runs with this configuration; nullopt: none does.
[[nodiscard]] std::optional<admin::ServerState> running_server(const std::string& data_dir,
                                                               const std::string& config_folder);

// Why running_server() finds none, in words that follow a command's name: "no server runs with the
// configuration in ...", or what keeps us from knowing.
[[nodiscard]] std::string why_no_server(const std::string& data_dir,
                                        const std::string& config_folder);

struct Reloaded {
  bool answered = false;  // in time
  admin::ServerState state;
  std::string problem;  // why it was not even asked, or that it has ended since
};
// Asks it to reload and waits for its word.
[[nodiscard]] Reloaded ask_to_reload(const std::string& data_dir, const admin::ServerState& server,
                                     int milliseconds);

struct OverrideAsked {
  bool answered = false;  // in time
  admin::OverrideAnswer answer;
  std::string problem;  // why it was not even asked
};
// Asks it to override a limit, or to end that, and waits for its word. `request`: without an id.
[[nodiscard]] OverrideAsked ask_for_limit(const std::string& data_dir,
                                          const admin::ServerState& server,
                                          admin::OverrideRequest request, int milliseconds);

}  // namespace relais::shell
