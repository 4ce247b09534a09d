#include "policy/listeners.h"

#include <algorithm>
#include <numeric>

namespace relais::policy {

Listeners listeners_of(const std::vector<ReceiveConnector>& connectors) {
  Listeners listeners;
  for (uint32_t i = 0; i < connectors.size(); ++i) {
    if (!connectors[i].enabled) continue;
    for (const Binding& binding : connectors[i].bindings) {
      auto& members = listeners[binding.endpoint];
      if (members.empty() || members.back() != i) members.push_back(i);
    }
  }
  return listeners;
}

std::vector<uint32_t> ranks_by_name(const std::vector<ReceiveConnector>& connectors) {
  std::vector<uint32_t> order(connectors.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {},
                           [&](uint32_t i) -> const std::string& { return connectors[i].name; });
  std::vector<uint32_t> ranks(connectors.size());
  for (uint32_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

}  // namespace relais::policy
