#include "policy/comparison.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "policy/address_number.h"
#include "policy/listeners.h"
#include "policy/partition.h"

namespace relais::policy {
namespace {

struct Side {
  const std::vector<ReceiveConnector>& connectors;
  ConnectorTable table;
  std::vector<Rights> rights;  // by connector

  explicit Side(const std::vector<ReceiveConnector>& list)
      : connectors(list), table(ConnectorTable::compile(list)) {
    for (const auto& connector : list) rights.push_back(connector.session_rights());
  }
  [[nodiscard]] bool listens_at(const Endpoint& local) const {
    return std::ranges::any_of(connectors, [&](const ReceiveConnector& connector) {
      return applies_at(connector, local);
    });
  }
};

struct Answer {
  std::string_view name;
  Rights rights = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answer_of(const Side& side, const Endpoint& local, const IpAddress& client) {
  const Selection selection = side.table.select(local, client);
  if (selection.connector == nullptr) return {};
  if (!takes_family(*selection.connector, local, client.family())) return {};
  return {selection.connector->name, side.rights[selection.connector_index]};
}

void add_change(Comparison& out, const Endpoint& local, const AddressRange& clients,
                const Answer& before, const Answer& after) {
  if (before == after) return;
  Change change{.local = local,
                .clients = clients,
                .before = std::string(before.name),
                .after = std::string(after.name),
                .lost = before.rights & ~after.rights,
                .gained = after.rights & ~before.rights};
  if (!out.changes.empty()) {
    Change& last = out.changes.back();
    const bool follows = last.local == local &&
                         last.clients.last.family() == clients.first.family() &&
                         number_of(last.clients.last) + 1 == number_of(clients.first);
    Change same = change;
    same.clients = last.clients;
    if (follows && same == last) {
      last.clients.last = clients.last;
      return;
    }
  }
  out.changes.push_back(std::move(change));
}

using Visit = std::function<void(const Side&, const Side&, const Endpoint&, Comparison&)>;

Comparison compare_with(const std::vector<ReceiveConnector>& before,
                        const std::vector<ReceiveConnector>& after, const Visit& visit) {
  const Side old_side(before);
  const Side new_side(after);
  std::set<Endpoint> endpoints;
  for (const auto& entry : listeners_of(before)) endpoints.insert(entry.first);
  for (const auto& entry : listeners_of(after)) endpoints.insert(entry.first);
  Comparison out;
  for (const Endpoint& local : endpoints) {
    const bool was = old_side.listens_at(local);
    const bool is = new_side.listens_at(local);
    if (was && is) {
      visit(old_side, new_side, local, out);
    } else {
      (is ? out.appeared : out.disappeared).push_back(local);
    }
  }
  return out;
}

}  // namespace

Comparison compare(const std::vector<ReceiveConnector>& before,
                   const std::vector<ReceiveConnector>& after) {
  return compare_with(
      before, after,
      [](const Side& old_side, const Side& new_side, const Endpoint& local, Comparison& out) {
        const auto old_bounds = boundaries_at(old_side.connectors, local);
        const auto new_bounds = boundaries_at(new_side.connectors, local);
        std::vector<IpAddress> bounds;
        std::ranges::set_union(old_bounds, new_bounds, std::back_inserter(bounds));
        for (size_t i = 0; i < bounds.size(); ++i) {
          add_change(out, local, {bounds[i], last_before(bounds, i + 1)},
                     answer_of(old_side, local, bounds[i]), answer_of(new_side, local, bounds[i]));
        }
      });
}

Comparison compare(const std::vector<ReceiveConnector>& before,
                   const std::vector<ReceiveConnector>& after, std::span<const IpAddress> clients) {
  return compare_with(
      before, after,
      [&](const Side& old_side, const Side& new_side, const Endpoint& local, Comparison& out) {
        for (const IpAddress& client : clients) {
          Comparison one;
          add_change(one, local, {client, client}, answer_of(old_side, local, client),
                     answer_of(new_side, local, client));
          std::ranges::move(one.changes, std::back_inserter(out.changes));
        }
      });
}

}  // namespace relais::policy
