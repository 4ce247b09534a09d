// Every limit of a connector: its own, then those that Exchange's parameters stand for
// (exchange-reference.md section 4). Pure. Only `limits` have a name() of their own; one of
// Exchange's parameters may have the same measure and key as one of them, and then both hold.
#pragma once

#include <vector>

#include "policy/connector.h"

namespace relais::policy {

[[nodiscard]] std::vector<Limit> limits_of(const ReceiveConnector& connector);
// Those of the whole server. `connection_rate`: connections a minute; UINT32_MAX: no limit.
[[nodiscard]] std::vector<Limit> server_limits(uint32_t connection_rate);

}  // namespace relais::policy
