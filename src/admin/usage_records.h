// Parts of the records of usage.json that `relais stats --json` prints too. Includes the JSON
// library, so only .cpp files that write JSON include this.
#pragma once

#include <nlohmann/json.hpp>

#include "admin/top_clients.h"
#include "admin/usage_figures.h"
#include "admin/usage_table.h"

namespace relais::admin {

using Record = nlohmann::ordered_json;

// Adds what is not 0 to `record`.
void put_figures(Record& record, const UsageFigures& figures);
[[nodiscard]] Record record_of(const TopClients::Place& client);
[[nodiscard]] Record record_of(const LastRefusal& refusal);
// As JSON text on one line; octets that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string line_of(const Record& record);

}  // namespace relais::admin
