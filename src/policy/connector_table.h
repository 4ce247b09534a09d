// Which connector serves (local address, local port, remote address). Rule (design.md, Selection):
// the range entry with the fewest addresses that contains the client wins; on ranges of the same
// size the specific binding beats the wildcard, then the lower name. No result depends on the order
// of files.
//
// For every local endpoint that appears in a binding, the ranges of all connectors that apply there
// (those bound to it, and for a specific address those bound to the wildcard of its family and
// port) are merged into one compiled trie a family (range_trie.h). So a look-up is one listener
// find and one trie look-up: no lock, no allocation, a few cache lines. Endpoints to which the same
// connectors apply share their tries. Memory: stated by octets(); range_trie.h has the arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ip.h"
#include "policy/connector.h"

namespace relais::policy {

struct Selection {
  const ReceiveConnector* connector = nullptr;  // null: nothing serves this client here
  uint32_t connector_index = UINT32_MAX;        // in the list given to compile()
  uint32_t range_index = UINT32_MAX;            // in that connector's remote_ranges
};

class ConnectorTable {
 public:
  ConnectorTable();
  ~ConnectorTable();
  ConnectorTable(ConnectorTable&&) noexcept;
  ConnectorTable& operator=(ConnectorTable&&) noexcept;

  // Enabled connectors only; disabled ones are skipped. `connectors` is borrowed for the table's
  // life.
  static ConnectorTable compile(const std::vector<ReceiveConnector>& connectors);
  // A table that was never compiled serves nobody.
  [[nodiscard]] Selection select(const Endpoint& local, const IpAddress& remote) const;
  [[nodiscard]] size_t octets() const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

// Two connectors that cannot both be right: same range on the same binding, or a partial overlap on
// one binding.
struct Conflict {
  uint32_t a_connector, a_range, b_connector, b_range;  // a stands before b in the list
  bool partial;                                         // false: the same range
  friend bool operator==(const Conflict&, const Conflict&) = default;
};

// Empty exactly when the set is good. Every range that is in conflict with one that begins before
// it (or at the same address) is named, with one such partner for each kind, so that the answer is
// at most two a range and the time O(n log n) even when everything overlaps everything. Sorted by
// a, then b.
[[nodiscard]] std::vector<Conflict> find_conflicts(const std::vector<ReceiveConnector>& connectors);

}  // namespace relais::policy
