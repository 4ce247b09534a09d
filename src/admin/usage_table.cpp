#include "admin/usage_table.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"

namespace relais::admin {
namespace {

constexpr size_t kIndexMin = 256;
// Names that nobody uses any more are let go.
constexpr size_t kConnectorsKept = 1024;

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

uint64_t mix(uint64_t hash, const IpAddress& address) {
  return mix(mix(hash, address.high()), address.low() ^ static_cast<uint64_t>(address.family()));
}

}  // namespace

UsageTable::Place UsageTable::at(std::string_view connector, const policy::AddressRange* range) {
  const uint64_t name_hash = std::hash<std::string_view>{}(connector);
  const uint64_t hash =
      range == nullptr ? name_hash : mix(mix(name_hash, range->first), range->last);
  if (entries_.size() * 2 >= index_.size()) grow();
  size_t slot = hash & (index_.size() - 1);
  while (index_[slot] != 0) {
    const uint32_t i = index_[slot] - 1;
    Entry& entry = entries_[i];
    if (hashes_[i] == hash && entry.has_range == (range != nullptr) &&
        (range == nullptr || entry.range == *range) &&
        connectors_[entry.connector].name == connector) {
      return {&entry, &connectors_[entry.connector]};
    }
    slot = (slot + 1) & (index_.size() - 1);
  }
  ASSERT(!full());
  Entry entry{.connector = connector_index(connector, name_hash),
              .has_range = range != nullptr,
              .range = range != nullptr ? *range : policy::AddressRange{},
              .figures = {}};
  entries_.push_back(entry);
  hashes_.push_back(hash);
  index_[slot] = static_cast<uint32_t>(entries_.size());
  return {&entries_.back(), &connectors_[entry.connector]};
}

uint32_t UsageTable::connector_index(std::string_view name, uint64_t hash) {
  for (size_t i = 0; i < connectors_.size(); ++i) {
    if (connector_hashes_[i] == hash && connectors_[i].name == name)
      return static_cast<uint32_t>(i);
  }
  connectors_.emplace_back().name = name;
  connector_hashes_.push_back(hash);
  return static_cast<uint32_t>(connectors_.size() - 1);
}

void UsageTable::grow() {
  const size_t size = std::max(kIndexMin, index_.size() * 2);
  index_.assign(size, 0);
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = hashes_[i] & (size - 1);
    while (index_[slot] != 0) slot = (slot + 1) & (size - 1);
    index_[slot] = static_cast<uint32_t>(i + 1);
  }
}

void UsageTable::clear() {
  entries_.clear();
  hashes_.clear();
  std::ranges::fill(index_, 0);
  if (connectors_.size() > kConnectorsKept) {
    connectors_.clear();
    connector_hashes_.clear();
  }
  for (Connector& connector : connectors_) {
    connector.clients.clear();
    connector.last_refusal.time = {};
  }
}

}  // namespace relais::admin
