#include "policy/connector_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "policy/address_number.h"
#include "policy/listeners.h"
#include "policy/range_trie.h"

namespace relais::policy {
namespace {

using TrieV4 = RangeTrie<uint32_t>;
using TrieV6 = RangeTrie<AddressNumber>;

struct TriePair {
  TrieV4 v4;
  TrieV6 v6;
};

// One connector at one listener.
struct Member {
  uint32_t connector;
  bool by_wildcard;
  friend auto operator<=>(const Member&, const Member&) = default;
};

Endpoint wildcard_of(const Endpoint& endpoint) {
  return {endpoint.address.is_v4() ? IpAddress::v4(0) : IpAddress::v6(0, 0), endpoint.port};
}

// The connectors that apply at an endpoint, ascending. One that has both bindings counts as
// specific.
std::vector<Member> members_of(const Listeners& listeners, const Endpoint& endpoint,
                               const std::vector<uint32_t>& bound) {
  std::vector<Member> members;
  for (const uint32_t connector : bound) members.push_back({connector, false});
  const auto wildcard = listeners.find(wildcard_of(endpoint));
  if (wildcard != listeners.end() && wildcard->first != endpoint) {
    for (const uint32_t connector : wildcard->second) members.push_back({connector, true});
  }
  std::ranges::sort(members);
  const auto twice = std::ranges::unique(members, {}, &Member::connector);
  members.erase(twice.begin(), twice.end());
  return members;
}

// By family.
std::pair<size_t, size_t> count_ranges(const std::vector<ReceiveConnector>& connectors,
                                       const std::vector<Member>& members) {
  std::pair<size_t, size_t> count{0, 0};
  for (const Member& member : members) {
    for (const AddressRange& range : connectors[member.connector].remote_ranges) {
      ++(range.first.is_v4() ? count.first : count.second);
    }
  }
  return count;
}

TriePair compile_tries(const std::vector<ReceiveConnector>& connectors,
                       const std::vector<uint32_t>& ranks, const std::vector<Member>& members) {
  std::vector<TrieV4::Entry> v4;
  std::vector<TrieV6::Entry> v6;
  const auto [count_v4, count_v6] = count_ranges(connectors, members);
  v4.reserve(count_v4);
  v6.reserve(count_v6);
  for (const Member& member : members) {
    const auto& ranges = connectors[member.connector].remote_ranges;
    const uint64_t tie = uint64_t{member.by_wildcard} << 32 | ranks[member.connector];
    for (uint32_t i = 0; i < ranges.size(); ++i) {
      const RangeRef ref{member.connector, i};
      const AddressNumber first = number_of(ranges[i].first);
      const AddressNumber last = number_of(ranges[i].last);
      if (ranges[i].first.is_v4()) {
        v4.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last), tie, ref});
      } else {
        v6.push_back({first, last, tie, ref});
      }
    }
  }
  return {TrieV4(std::move(v4)), TrieV6(std::move(v6))};
}

// A listener on one local address.
struct Specific {
  AddressNumber address;
  uint32_t tries;
};

constexpr uint32_t kNoTries = UINT32_MAX;

// The listeners of one port and family, in one number that is quick to compare.
constexpr uint32_t port_key(const Endpoint& endpoint) {
  return (endpoint.address.is_v4() ? 0U : 1U << 16) | endpoint.port;
}

struct Port {
  uint32_t key;
  uint32_t wildcard = kNoTries;    // tries of the wildcard listener
  std::vector<Specific> specific;  // sorted by address

  [[nodiscard]] uint32_t tries_at(const IpAddress& local) const {
    if (specific.empty()) return wildcard;
    const AddressNumber address = number_of(local);
    const auto found = std::ranges::lower_bound(specific, address, {}, &Specific::address);
    return found != specific.end() && found->address == address ? found->tries : wildcard;
  }
};

}  // namespace

struct ConnectorTable::Tables {
  // Connector i stands at i + 1, and nullptr at 0, where "none" (UINT32_MAX) lands: a branch on
  // what a look-up has just loaded would keep the CPU from overlapping it with the next one.
  std::vector<const ReceiveConnector*> connectors;
  std::vector<Port> ports;  // sorted by key
  std::vector<TriePair> tries;

  void add_listener(const Endpoint& endpoint, uint32_t index);
};

// Endpoints come in ascending order of family and address, so those of a port arrive sorted.
void ConnectorTable::Tables::add_listener(const Endpoint& endpoint, uint32_t index) {
  const uint32_t key = port_key(endpoint);
  auto port = std::ranges::lower_bound(ports, key, {}, &Port::key);
  if (port == ports.end() || port->key != key) port = ports.insert(port, {key, kNoTries, {}});
  if (endpoint.address.is_unspecified()) {
    port->wildcard = index;
  } else {
    port->specific.push_back({number_of(endpoint.address), index});
  }
}

ConnectorTable::ConnectorTable() = default;
ConnectorTable::~ConnectorTable() = default;
ConnectorTable::ConnectorTable(ConnectorTable&&) noexcept = default;
ConnectorTable& ConnectorTable::operator=(ConnectorTable&&) noexcept = default;

ConnectorTable ConnectorTable::compile(const std::vector<ReceiveConnector>& connectors) {
  ConnectorTable table;
  table.tables_ = std::make_unique<Tables>();
  Tables& tables = *table.tables_;
  tables.connectors.push_back(nullptr);
  for (const auto& connector : connectors) tables.connectors.push_back(&connector);
  const Listeners listeners = listeners_of(connectors);
  const std::vector<uint32_t> ranks = ranks_by_name(connectors);
  std::map<std::vector<Member>, uint32_t> compiled;
  for (const auto& [endpoint, bound] : listeners) {
    auto members = members_of(listeners, endpoint, bound);
    const auto next = static_cast<uint32_t>(tables.tries.size());
    const auto [entry, is_new] = compiled.try_emplace(std::move(members), next);
    if (is_new) tables.tries.push_back(compile_tries(connectors, ranks, entry->first));
    tables.add_listener(endpoint, entry->second);
  }
  return table;
}

Selection ConnectorTable::select(const Endpoint& local, const IpAddress& remote) const {
  if (tables_ == nullptr) return {};
  const auto port = std::ranges::lower_bound(tables_->ports, port_key(local), {}, &Port::key);
  if (port == tables_->ports.end() || port->key != port_key(local)) return {};
  const uint32_t index = port->tries_at(local.address);
  if (index == kNoTries) return {};
  const TriePair& tries = tables_->tries[index];
  const RangeRef ref = remote.is_v4() ? tries.v4.find(static_cast<uint32_t>(remote.low()))
                                      : tries.v6.find(number_of(remote));
  return {tables_->connectors[ref.connector + 1], ref.connector, ref.range};
}

size_t ConnectorTable::octets() const {
  if (tables_ == nullptr) return 0;
  size_t sum = sizeof(Tables) + tables_->ports.capacity() * sizeof(Port) +
               tables_->tries.capacity() * sizeof(TriePair) +
               tables_->connectors.capacity() * sizeof(const ReceiveConnector*);
  for (const Port& port : tables_->ports) sum += port.specific.capacity() * sizeof(Specific);
  for (const TriePair& pair : tables_->tries) sum += pair.v4.octets() + pair.v6.octets();
  return sum;
}

}  // namespace relais::policy
