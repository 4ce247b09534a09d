// Which connector serves (local address, local port, remote address): compiled radix tries, one for each distinct
// listener and address family. Rule (design.md, Selection): the range entry with the fewest addresses that
// contains the client wins; on the same range the specific binding beats the wildcard. No result depends on the
// order of files. Lookup: no lock, no allocation, a few cache lines (a path-compressed or multibit trie).
// Memory: stated by octets().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/connector.h"

namespace relais::policy {

struct Selection {
  const ReceiveConnector* connector = nullptr;  // null: nothing serves this client here
  uint32_t connector_index = UINT32_MAX;        // in the list given to compile()
  uint32_t range_index = UINT32_MAX;            // in that connector's remote_ranges
};

// Two connectors that cannot both be right: same range on the same binding, or a partial overlap on one binding.
struct Conflict {
  uint32_t a_connector, a_range, b_connector, b_range;
  bool partial;  // false: the same range
};

class ConnectorTable {
 public:
  ConnectorTable();
  ~ConnectorTable();
  ConnectorTable(ConnectorTable&&) noexcept;
  ConnectorTable& operator=(ConnectorTable&&) noexcept;

  // Enabled connectors only; disabled ones are skipped. `connectors` is borrowed for the table's life.
  static ConnectorTable compile(const std::vector<ReceiveConnector>& connectors);
  [[nodiscard]] Selection select(const Endpoint& local, const IpAddress& remote) const;
  [[nodiscard]] size_t octets() const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

// All conflicts, in O(n log n); empty when the set is good. Deterministic order.
[[nodiscard]] std::vector<Conflict> find_conflicts(const std::vector<ReceiveConnector>& connectors);

}  // namespace relais::policy
