#include "admin/server_state.h"

#include <nlohmann/json.hpp>

#include "admin/json_line.h"

namespace relais::admin {

std::string to_json(const ServerState& state) {
  std::string text;
  {
    const std::vector<std::string_view> findings(state.findings.begin(), state.findings.end());
    JsonLine line(text);
    line.number("pid", static_cast<uint64_t>(state.pid))
        .text("config", state.config)
        .number("generation", state.generation)
        .number("ok", state.ok ? 1 : 0)
        .text("time", state.time)
        .text("problem", state.problem)
        .text("needs_restart", state.needs_restart)
        .texts("findings", findings);
  }
  return text;
}

std::optional<ServerState> server_state_from_json(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return ServerState{.pid = json.at("pid").get<int64_t>(),
                       .config = json.at("config").get<std::string>(),
                       .generation = json.at("generation").get<uint64_t>(),
                       .ok = json.at("ok").get<int>() != 0,
                       .time = json.at("time").get<std::string>(),
                       .problem = json.at("problem").get<std::string>(),
                       .needs_restart = json.at("needs_restart").get<std::string>(),
                       .findings = json.at("findings").get<std::vector<std::string>>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace relais::admin
