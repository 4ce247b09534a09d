// The connectors by local endpoint: what the table and the conflict check both start from.
// Internal.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/ip.h"
#include "policy/connector.h"

namespace relais::policy {

// Indices of the enabled connectors that have exactly this binding, ascending, each once.
using Listeners = std::map<Endpoint, std::vector<uint32_t>>;

[[nodiscard]] Listeners listeners_of(const std::vector<ReceiveConnector>& connectors);

// The connectors' places in the order of their names: what breaks a tie, whatever the order of the
// list.
[[nodiscard]] std::vector<uint32_t> ranks_by_name(const std::vector<ReceiveConnector>& connectors);

}  // namespace relais::policy
