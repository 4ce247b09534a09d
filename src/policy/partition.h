// Who serves whom at one local endpoint, for the whole address space at once: consecutive stretches
// of addresses with one answer each. Made with the connector table's own select(), at every address
// where the answer can change, so it is exact and cannot differ from what the server does. For
// checks and comparisons.
#pragma once

#include <vector>

#include "policy/connector_table.h"

namespace relais::policy {

struct Stretch {
  AddressRange addresses;
  Selection selection;  // connector == nullptr: nobody serves them
};

// The addresses at which an answer may begin to differ from that of the address before, ascending:
// the first of each family, and the ends of all ranges of the connectors that apply at `local`.
[[nodiscard]] std::vector<IpAddress> boundaries_at(const std::vector<ReceiveConnector>& connectors,
                                                   const Endpoint& local);

// True when the connector has a binding at `local`, or on the wildcard of its family and port.
[[nodiscard]] bool applies_at(const ReceiveConnector& connector, const Endpoint& local);

// In ascending order, of the family of `local` (others never arrive there), without a gap.
[[nodiscard]] std::vector<Stretch> partition_at(const std::vector<ReceiveConnector>& connectors,
                                                const ConnectorTable& table, const Endpoint& local);

}  // namespace relais::policy
