// JSON for what a person asked for once; json_line.h is for the log. The order of keys is kept, and
// octets that are no UTF-8 are replaced, never thrown about.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"

namespace relais::admin {

using Json = nlohmann::ordered_json;

// On one line, or as nlohmann indents it.
[[nodiscard]] inline std::string to_line(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// null: no time.
[[nodiscard]] inline Json time_json(WallTime time) {
  return time.ns == 0 ? Json(nullptr) : Json(iso8601(time));
}

}  // namespace relais::admin
