// Who comes to which connector: ranges against each other, bindings against the machine.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "config/checks.h"
#include "policy/address_number.h"
#include "policy/listeners.h"
#include "policy/partition.h"

namespace relais::config {
namespace {

using policy::AddressNumber;
using policy::AddressRange;
using Connectors = std::vector<policy::ReceiveConnector>;

void check_families(const ReceiveDraft& connector, const Place& place) {
  for (const bool v4 : {true, false}) {
    const auto family = v4 ? IpAddress::Family::kV4 : IpAddress::Family::kV6;
    const auto bound = [&](const policy::Binding& b) {
      return policy::takes_family(connector, b.endpoint, family);
    };
    if (connector.bindings.empty() || std::ranges::any_of(connector.bindings, bound)) continue;
    const auto range = std::ranges::find_if(
        connector.remote_ranges, [&](const AddressRange& r) { return r.first.is_v4() == v4; });
    if (range == connector.remote_ranges.end()) continue;
    range_of(place, connector, static_cast<size_t>(range - connector.remote_ranges.begin()))
        .warning(Rule::kNeverMatches,
                 fmt::format("'{}' can never match: no binding is IPv{}", range->to_string(),
                             v4 ? 4 : 6),
                 fmt::format("Add a binding such as \"{}\", or remove the range",
                             v4 ? "0.0.0.0:25" : "[::]:25"));
  }
}

void check_repeated_ranges(const ReceiveDraft& connector, const Place& place) {
  const auto& ranges = connector.remote_ranges;
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    if (ranges[a].first != ranges[b].first) return ranges[a].first < ranges[b].first;
    if (ranges[a].last != ranges[b].last) return ranges[a].last < ranges[b].last;
    return a < b;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    if (ranges[order[i]] != ranges[order[i - 1]]) continue;
    range_of(place, connector, order[i])
        .error(Rule::kRepeated, fmt::format("'{}' is listed twice", ranges[order[i]].to_string()),
               "Remove one of the two");
  }
}

// "0.0.0.0:25": a binding that both have. Conflicting connectors always share one.
std::string shared_binding(const ReceiveDraft& a, const ReceiveDraft& b) {
  for (const auto& binding : a.bindings) {
    if (std::ranges::find(b.bindings, binding) != b.bindings.end()) {
      return binding.endpoint.to_string();
    }
  }
  return {};
}

// False: there are some, and they have been reported.
bool check_conflicts(const std::vector<ConnectorFile>& files, const Connectors& connectors) {
  const auto conflicts = find_conflicts(connectors);
  for (const policy::Conflict& conflict : conflicts) {
    const ConnectorFile& a = files[conflict.a_connector];
    const ConnectorFile& b = files[conflict.b_connector];
    const AddressRange& a_range = a.draft.remote_ranges[conflict.a_range];
    const AddressRange& b_range = b.draft.remote_ranges[conflict.b_range];
    const std::string other = range_owner(a, conflict.a_range);
    const std::string binding = shared_binding(a.draft, b.draft);
    const Place place = range_of(b.place, b.draft, conflict.b_range);
    if (conflict.partial) {
      place.error(
          Rule::kPartialOverlap,
          fmt::format("'{}' of '{}' overlaps '{}' of {} only in part, on binding {}",
                      b_range.to_string(), b.draft.name, a_range.to_string(), other, binding),
          "Let one range lie wholly inside the other, or keep them apart");
    } else {
      place.error(Rule::kSameRange,
                  fmt::format("'{}' of '{}' is also a range of {}, on binding {}",
                              b_range.to_string(), b.draft.name, other, binding),
                  "Keep the range in one of the two connectors, or give them different bindings");
    }
  }
  return conflicts.empty();
}

Endpoint wildcard_of(const Endpoint& endpoint) {
  return {endpoint.address.is_v4() ? IpAddress::v4(0) : IpAddress::v6(0, 0), endpoint.port};
}

// One range on a local address and on the wildcard beside it: legal, and easily overlooked. One
// word for each two connectors.
void check_same_range_beside_wildcard(const std::vector<ConnectorFile>& files,
                                      const Connectors& connectors) {
  struct Owner {
    uint32_t connector;
    uint32_t range;
  };
  const auto key = [](const AddressRange& range) { return std::pair(range.first, range.last); };
  std::set<std::pair<uint32_t, uint32_t>> told;
  const policy::Listeners listeners = policy::listeners_of(connectors);
  for (const auto& [endpoint, members] : listeners) {
    const auto wildcard = listeners.find(wildcard_of(endpoint));
    if (wildcard == listeners.end() || wildcard->first == endpoint) continue;
    std::map<std::pair<IpAddress, IpAddress>, Owner> specific;
    for (const uint32_t member : members) {
      const auto& ranges = connectors[member].remote_ranges;
      for (uint32_t i = 0; i < ranges.size(); ++i) specific.try_emplace(key(ranges[i]), member, i);
    }
    for (const uint32_t member : wildcard->second) {
      const auto& ranges = connectors[member].remote_ranges;
      for (uint32_t i = 0; i < ranges.size(); ++i) {
        const auto found = specific.find(key(ranges[i]));
        if (found == specific.end() || found->second.connector == member) continue;
        const Owner owner = found->second;
        if (!told.insert({owner.connector, member}).second) continue;
        const ConnectorFile& file = files[owner.connector];
        range_of(file.place, file.draft, owner.range)
            .warning(Rule::kSameRangeTwoBindings,
                     fmt::format("'{}' of '{}' on {} is also a range of {} on {}; on {} '{}' "
                                 "serves it",
                                 ranges[i].to_string(), file.draft.name, endpoint.to_string(),
                                 range_owner(files[member], i), wildcard->first.to_string(),
                                 endpoint.to_string(), file.draft.name),
                     "Leave it if that is meant, or keep the range in one of the two");
      }
    }
  }
}

// Addresses minus one: what the whole of IPv6 has does not fit.
AddressNumber size_of(const AddressRange& range) {
  return policy::number_of(range.last) - policy::number_of(range.first);
}

// The connectors of an endpoint that may be covered by others. Not covered for sure is one whose
// widest range holds more addresses than all ranges of others of at most its size do together.
std::vector<uint32_t> maybe_covered(const Connectors& connectors, const Endpoint& endpoint) {
  struct Size {
    AddressNumber size;
    uint32_t connector;
  };
  std::vector<Size> sizes;
  std::map<uint32_t, AddressNumber> widest;
  for (uint32_t i = 0; i < connectors.size(); ++i) {
    if (!policy::applies_at(connectors[i], endpoint)) continue;
    for (const AddressRange& range : connectors[i].remote_ranges) {
      if (!policy::takes_family(connectors[i], endpoint, range.first.family())) continue;
      sizes.push_back({size_of(range), i});
      auto& most = widest[i];
      most = std::max(most, size_of(range));
    }
  }
  std::ranges::sort(sizes, {}, &Size::size);
  std::vector<uint32_t> maybe;
  if (widest.size() < 2) return maybe;
  std::map<uint32_t, AddressNumber> own;
  AddressNumber sum = 0;
  constexpr AddressNumber kAll = ~AddressNumber{0};
  const auto add = [](AddressNumber& to, AddressNumber size) {
    to = size == kAll || to > kAll - size - 1 ? kAll : to + size + 1;
  };
  size_t next = 0;
  std::vector<std::pair<AddressNumber, uint32_t>> order;
  for (const auto& [connector, most] : widest) order.emplace_back(most, connector);
  std::ranges::sort(order);
  for (const auto& [most, connector] : order) {
    for (; next < sizes.size() && sizes[next].size <= most; ++next) {
      add(sum, sizes[next].size);
      add(own[sizes[next].connector], sizes[next].size);
    }
    if (own[connector] == kAll || sum - own[connector] > most) maybe.push_back(connector);
  }
  return maybe;
}

void check_unreachable(const std::vector<ConnectorFile>& files, const Connectors& connectors) {
  std::set<uint32_t> covered;
  std::set<uint32_t> reached;
  std::map<Endpoint, std::vector<uint32_t>> doubtful;
  const policy::Listeners listeners = policy::listeners_of(connectors);
  for (const auto& [endpoint, members] : listeners) {
    const auto maybe = maybe_covered(connectors, endpoint);
    for (const uint32_t member : members) {
      const bool fits = std::ranges::any_of(connectors[member].remote_ranges, [&](const auto& r) {
        return policy::takes_family(connectors[member], endpoint, r.first.family());
      });
      if (!fits) continue;
      if (std::ranges::find(maybe, member) == maybe.end()) {
        reached.insert(member);
      } else {
        doubtful[endpoint].push_back(member);
      }
    }
  }
  if (doubtful.empty()) return;
  const auto table = policy::ConnectorTable::compile(connectors);
  for (const auto& [endpoint, members] : doubtful) {
    const bool known =
        std::ranges::all_of(members, [&](uint32_t m) { return reached.contains(m); });
    if (known) continue;
    for (const auto& stretch : policy::partition_at(connectors, table, endpoint)) {
      if (stretch.selection.connector != nullptr) reached.insert(stretch.selection.connector_index);
    }
    covered.insert(members.begin(), members.end());
  }
  for (const uint32_t connector : covered) {
    if (reached.contains(connector)) continue;
    const ConnectorFile& file = files[connector];
    key_of(file.place, file.draft.lines, "remote_ip_ranges")
        .warning(Rule::kUnreachable,
                 fmt::format("no client can reach '{}': more specific ranges of other connectors "
                             "hold every address that it lists",
                             file.draft.name),
                 "Remove the connector, or make its ranges more specific");
  }
}

}  // namespace

void check_ranges(const ReceiveDraft& connector, const Place& place) {
  check_families(connector, place);
  check_repeated_ranges(connector, place);
}

void check_reach(const std::vector<ConnectorFile>& files) {
  Connectors connectors;
  for (const auto& file : files) connectors.push_back(file.draft);
  if (!check_conflicts(files, connectors)) return;
  check_same_range_beside_wildcard(files, connectors);
  check_unreachable(files, connectors);
}

void check_interfaces(const std::vector<ConnectorFile>& files,
                      const std::vector<IpAddress>& addresses) {
  for (const ConnectorFile& file : files) {
    if (!file.draft.enabled || !file.draft.lines.has("bindings")) continue;
    for (const policy::Binding& binding : file.draft.bindings) {
      const IpAddress& address = binding.endpoint.address;
      // Linux takes all of 127.0.0.0/8 for its own.
      const bool ours = binding.is_wildcard() || address.is_loopback() ||
                        std::ranges::find(addresses, address) != addresses.end();
      if (ours) continue;
      key_of(file.place, file.draft.lines, "bindings")
          .warning(Rule::kNoInterface,
                   fmt::format("'{}': no network interface of this machine has that address",
                               binding.endpoint.to_string()),
                   "Write an address of this machine, or 0.0.0.0 or [::] for all");
    }
  }
}

}  // namespace relais::config
