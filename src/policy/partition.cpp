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
  const auto covers = [&](const Binding& binding) { return binding.covers(local); };
  return connector.enabled && std::ranges::any_of(connector.bindings, covers);
}

bool takes_family(const ReceiveConnector& connector, const Endpoint& local,
                  IpAddress::Family family) {
  return connector.proxy_protocol || family == local.address.family();
}

std::vector<IpAddress> boundaries_at(const std::vector<ReceiveConnector>& connectors,
                                     const Endpoint& local) {
  std::vector<IpAddress> boundaries{first_of(local.address.family())};
  for (const auto& connector : connectors) {
    if (!applies_at(connector, local)) continue;
    if (connector.proxy_protocol) {
      boundaries.push_back(first_of(IpAddress::Family::kV4));
      boundaries.push_back(first_of(IpAddress::Family::kV6));
    }
    for (const AddressRange& range : connector.remote_ranges) {
      const auto family = range.first.family();
      if (!takes_family(connector, local, family)) continue;
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

IpAddress last_before(const std::vector<IpAddress>& boundaries, size_t next) {
  const auto family = boundaries[next - 1].family();
  if (next == boundaries.size() || boundaries[next].family() != family) return last_of(family);
  return address_of(family, number_of(boundaries[next]) - 1);
}

std::vector<Stretch> partition_at(const std::vector<ReceiveConnector>& connectors,
                                  const ConnectorTable& table, const Endpoint& local) {
  const auto boundaries = boundaries_at(connectors, local);
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < boundaries.size(); ++i) {
    const IpAddress last = last_before(boundaries, i + 1);
    const Selection selection = table.select(local, boundaries[i]);
    const bool same = !stretches.empty() &&
                      stretches.back().addresses.first.family() == boundaries[i].family() &&
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
