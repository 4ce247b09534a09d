// What one core counted since the table was last emptied, by connector and range entry. Sparse:
// only what was used has an entry. The identity is the connector's name and the range itself, not
// an index, so a reload changes nothing here and sessions that still run on an older policy count
// where they belong.
//
// Cost of an event: one hash, one comparison, no allocation once the table has grown. Limit:
// kRangesMax entries of 232 octets (15 MiB, and 0.5 MiB of index); full() says that it must be
// handed on first. Connectors: about 5 KiB each, kept over clear().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/top_clients.h"
#include "admin/usage_figures.h"
#include "base/ip.h"
#include "policy/address_range.h"

namespace relais::admin {

// The last refusal of a connector.
struct LastRefusal {
  WallTime time;  // 0: none
  IpAddress client;
  std::string reply;
  std::string reason;
};

class UsageTable {
 public:
  static constexpr uint32_t kRangesMax = 65'536;

  struct Entry {
    uint32_t connector = 0;  // index into connectors()
    bool has_range = false;  // false: of the connector as a whole (or of nobody's)
    policy::AddressRange range;
    UsageFigures figures;
  };
  struct Connector {
    std::string name;  // empty: connections that no connector served
    TopClients clients;
    LastRefusal last_refusal;
  };
  struct Place {
    Entry* entry;
    Connector* connector;
  };

  // Found or made. Valid until the next call. `range` may be null. Not when full().
  Place at(std::string_view connector, const policy::AddressRange* range);

  [[nodiscard]] bool full() const { return entries_.size() >= kRangesMax; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::vector<Connector>& connectors() const { return connectors_; }
  void clear();

 private:
  [[nodiscard]] uint32_t connector_index(std::string_view name, uint64_t hash);
  void grow();

  std::vector<Entry> entries_;
  std::vector<uint64_t> hashes_;  // of entries_
  std::vector<uint32_t> index_;   // open addressing: entry + 1, 0 is free
  std::vector<Connector> connectors_;
  std::vector<uint64_t> connector_hashes_;
};

}  // namespace relais::admin
