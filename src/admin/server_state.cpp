#include "admin/server_state.h"

#include "admin/json.h"

namespace relais::admin {

std::string to_json(const ServerState& state) {
  return to_line(Json{{"pid", state.pid},
                      {"config", state.config},
                      {"generation", state.generation},
                      {"ok", state.ok},
                      {"time", state.time},
                      {"problem", state.problem},
                      {"needs_restart", state.needs_restart},
                      {"findings", state.findings}}) +
         '\n';
}

std::optional<ServerState> server_state_from_json(std::string_view text) {
  try {
    const auto json = Json::parse(text);
    return ServerState{.pid = json.at("pid").get<int64_t>(),
                       .config = json.at("config").get<std::string>(),
                       .generation = json.at("generation").get<uint64_t>(),
                       .ok = json.at("ok").get<bool>(),
                       .time = json.at("time").get<std::string>(),
                       .problem = json.at("problem").get<std::string>(),
                       .needs_restart = json.at("needs_restart").get<std::string>(),
                       .findings = json.at("findings").get<std::vector<std::string>>()};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace relais::admin
