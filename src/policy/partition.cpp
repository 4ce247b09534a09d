#include "policy/partition.h"

#include <algorithm>

#include "policy/address_number.h"

namespace relais::policy {
namespace {

IpAddress first_of(IpAddress::Family family) { return address_of(family, 0); }

IpAddress last_of(IpAddress::Family family) {
  return family == IpAddress::Family::kV4 ? IpAddress::v4(UINT32_MAX)
                                          : IpAddress::v6(UINT64_MAX, UINT64_MAX);
}

}  // namespace

bool applies_at(const ReceiveConnector& connector, const Endpoint& local) {
  return connector.enabled && std::ranges::any_of(connector.bindings, [&](const Binding& binding) {
           const Endpoint& bound = binding.endpoint;
           return bound.port == local.port && bound.address.family() == local.address.family() &&
                  (bound.address == local.address || binding.is_wildcard());
         });
}

std::vector<IpAddress> boundaries_at(const std::vector<ReceiveConnector>& connectors,
                                     const Endpoint& local) {
  const auto family = local.address.family();
  std::vector<IpAddress> boundaries{first_of(family)};
  for (const auto& connector : connectors) {
    if (!applies_at(connector, local)) continue;
    for (const AddressRange& range : connector.remote_ranges) {
      if (range.first.family() != family) continue;
      boundaries.push_back(range.first);
      if (range.last != last_of(family)) {
        boundaries.push_back(address_of(family, number_of(range.last) + 1));
      }
    }
  }
  std::ranges::sort(boundaries);
  const auto twice = std::ranges::unique(boundaries);
  boundaries.erase(twice.begin(), twice.end());
  return boundaries;
}

std::vector<Stretch> partition_at(const std::vector<ReceiveConnector>& connectors,
                                  const ConnectorTable& table, const Endpoint& local) {
  const auto family = local.address.family();
  const auto boundaries = boundaries_at(connectors, local);
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < boundaries.size(); ++i) {
    const IpAddress last = i + 1 < boundaries.size()
                               ? address_of(family, number_of(boundaries[i + 1]) - 1)
                               : last_of(family);
    const Selection selection = table.select(local, boundaries[i]);
    const bool same = !stretches.empty() &&
                      stretches.back().selection.connector_index == selection.connector_index &&
                      stretches.back().selection.range_index == selection.range_index;
    if (same) {
      stretches.back().addresses.last = last;
    } else {
      stretches.push_back({{boundaries[i], last}, selection});
    }
  }
  return stretches;
}

}  // namespace relais::policy
