// The form of usage.json: one record a line, so that it can be read with grep as well:
//
//   {"version":1,"counted_since":"2026-01-31T10:20:30.123Z","updated":"...","pid":4711,
//   "connectors":[
//   {"connector":"Anonymous Relay","sessions":1,"connections":14,...,"clients":[...]},
//   ...],
//   "ranges":[
//   {"connector":"Anonymous Relay","range":"192.168.5.0/24","connections":14,...,
//    "refusals":{"relay":2},"first_seen":"...","last_seen":"..."},
//   ...]}
//
// Figures that are 0 are left out. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "admin/usage_totals.h"

namespace relais::admin {

[[nodiscard]] std::string to_json(const UsageTotals& totals);
// The error says what is wrong with it. Never throws.
[[nodiscard]] std::expected<UsageTotals, std::string> usage_from_json(std::string_view text);

}  // namespace relais::admin
