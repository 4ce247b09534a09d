// Parts of the records of usage.json that `relais stats --json` prints too.
#pragma once

#include "admin/json.h"
#include "admin/top_clients.h"
#include "admin/usage_figures.h"
#include "admin/usage_table.h"

namespace relais::admin {

// Adds what is not 0 to `record`.
void put_figures(Json& record, const UsageFigures& figures);
[[nodiscard]] Json record_of(const TopClients::Place& client);
[[nodiscard]] Json record_of(const LastRefusal& refusal);

}  // namespace relais::admin
