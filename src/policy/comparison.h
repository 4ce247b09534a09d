// Two sets of Receive connectors against each other: at which local endpoints which clients come to
// another connector, or get other rights. Exact over the whole address space: answers are compared
// at every address where one of the two can change (partition.h), never by sampling. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/connector_table.h"

namespace relais::policy {

// One answer before and another after, for consecutive addresses.
struct Change {
  Endpoint local;
  AddressRange clients;
  std::string before;  // the connector's name; empty: nobody serves them
  std::string after;
  Rights lost = 0;  // of the principal that a session begins as
  Rights gained = 0;
  friend bool operator==(const Change&, const Change&) = default;
};

struct Comparison {
  std::vector<Endpoint> appeared;     // somebody listens there now
  std::vector<Endpoint> disappeared;  // nobody does any more
  std::vector<Change> changes;        // where somebody listens before and after, in order
};

[[nodiscard]] Comparison compare(const std::vector<ReceiveConnector>& before,
                                 const std::vector<ReceiveConnector>& after);
// The same for these clients only: each change is of one address.
[[nodiscard]] Comparison compare(const std::vector<ReceiveConnector>& before,
                                 const std::vector<ReceiveConnector>& after,
                                 std::span<const IpAddress> clients);

}  // namespace relais::policy
