#include "admin/usage_totals.h"

#include <algorithm>
#include <vector>

namespace relais::admin {

void UsageTotals::add(const UsageTable& table, Ranges keep) {
  std::vector<Connector*> by_index;
  for (const UsageTable::Connector& counted : table.connectors()) {
    const auto known = connectors.find(counted.name);
    by_index.push_back(known != connectors.end() ? &known->second : nullptr);
  }
  for (const UsageTable::Entry& entry : table.entries()) {
    Connector*& connector = by_index[entry.connector];
    // Names of earlier policies stay in the table; only those that were used come here.
    if (connector == nullptr) connector = &connectors[table.connectors()[entry.connector].name];
    connector->sum.add(entry.figures);
    if (entry.has_range && keep == Ranges::kKeep) connector->ranges[entry.range].add(entry.figures);
  }
  for (size_t i = 0; i < by_index.size(); ++i) {
    if (by_index[i] == nullptr) continue;
    const UsageTable::Connector& counted = table.connectors()[i];
    by_index[i]->clients.add(counted.clients);
    if (counted.last_refusal.time > by_index[i]->last_refusal.time)
      by_index[i]->last_refusal = counted.last_refusal;
  }
}

void UsageTotals::end_sessions() {
  for (auto& [name, connector] : connectors) {
    connector.sum.ended = connector.sum.connections;
    for (auto& [range, figures] : connector.ranges) figures.ended = figures.connections;
  }
}

void UsageTotals::forget(WallTime now, size_t ranges_max) {
  const WallTime oldest = now + Duration{-kKept.ns};
  const auto forget_before = [&](WallTime limit) {
    for (auto& [name, connector] : connectors) {
      std::erase_if(connector.ranges, [limit](const auto& range) {
        return range.second.sessions() == 0 && range.second.last_seen < limit;
      });
    }
  };
  forget_before(oldest);
  std::erase_if(connectors, [oldest](const auto& connector) {
    return connector.second.ranges.empty() && connector.second.sum.last_seen < oldest;
  });
  size_t count = 0;
  for (const auto& [name, connector] : connectors) count += connector.ranges.size();
  if (count <= ranges_max) return;
  std::vector<WallTime> seen;
  for (const auto& [name, connector] : connectors) {
    for (const auto& [range, figures] : connector.ranges) seen.push_back(figures.last_seen);
  }
  // A tenth more, so that this is not done again for the next range.
  const auto limit = seen.begin() + static_cast<ptrdiff_t>(count - ranges_max + ranges_max / 10);
  std::ranges::nth_element(seen, limit);
  forget_before(*limit);
}

}  // namespace relais::admin
