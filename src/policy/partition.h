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
// the first of each family of clients that arrive at `local`, and the ends of all their ranges that
// the connectors have that apply there.
[[nodiscard]] std::vector<IpAddress> boundaries_at(const std::vector<ReceiveConnector>& connectors,
                                                   const Endpoint& local);

// The last address before boundary `next`, or before the end of the family of the boundary before.
[[nodiscard]] IpAddress last_before(const std::vector<IpAddress>& boundaries, size_t next);

// True when the connector has a binding at `local`, or on the wildcard of its family and port.
[[nodiscard]] bool applies_at(const ReceiveConnector& connector, const Endpoint& local);

// Clients of the family come to a connector at an endpoint where it applies: those of the
// endpoint's own family, and where a PROXY header names them all.
[[nodiscard]] bool takes_family(const ReceiveConnector& connector, const Endpoint& local,
                                IpAddress::Family family);

// In ascending order, without a gap in a family, of the families of clients that arrive at `local`.
[[nodiscard]] std::vector<Stretch> partition_at(const std::vector<ReceiveConnector>& connectors,
                                                const ConnectorTable& table, const Endpoint& local);

}  // namespace relais::policy
