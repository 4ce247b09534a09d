// find_conflicts: one sweep over the ranges of a binding in the order of their first address.
//
// A range b overlaps an earlier range a in part exactly when a.first < b.first <= a.last < b.last.
// So when the sweep reaches b, the ranges with a lower first address stand in a segment tree over
// all last addresses, and b asks it for one in [b.first, b.last) that belongs to another connector.
// Each node of the tree keeps the two best candidates of different connectors: one of them is
// always another's.
#include <algorithm>
#include <set>
#include <tuple>

#include "policy/connector_table.h"
#include "policy/listeners.h"

namespace relais::policy {
namespace {

struct Item {
  AddressRange range;
  uint32_t name_rank;
  uint32_t connector;
  uint32_t index;  // in the connector's remote_ranges
};

constexpr uint32_t kNone = UINT32_MAX;

// Two items of different connectors, by their place in the sweep; the lower place is the better
// candidate.
struct Candidates {
  uint32_t best = kNone;
  uint32_t second = kNone;

  void add(uint32_t place, const std::vector<Item>& items) {
    if (place == kNone || place == best) return;
    const auto same_connector = [&](uint32_t other) {
      return other != kNone && items[other].connector == items[place].connector;
    };
    if (place < best) {
      if (!same_connector(best)) second = best;
      best = place;
    } else if (place < second && !same_connector(best)) {
      second = place;
    }
  }
};

class LastAddressTree {
 public:
  explicit LastAddressTree(const std::vector<Item>& items) : items_(items) {
    for (const Item& item : items) lasts_.push_back(item.range.last);
    std::ranges::sort(lasts_);
    const auto twice = std::ranges::unique(lasts_);
    lasts_.erase(twice.begin(), twice.end());
    nodes_.resize(2 * lasts_.size());
  }

  void insert(uint32_t place) {
    for (size_t node = lasts_.size() + position(items_[place].range.last); node > 0; node /= 2) {
      nodes_[node].add(place, items_);
    }
  }

  // The first of the inserted items, by place, that ends within [from, to) and is of another
  // connector.
  [[nodiscard]] uint32_t find(const IpAddress& from, const IpAddress& to,
                              uint32_t connector) const {
    Candidates found;
    size_t low = lasts_.size() + position(from);
    size_t high = lasts_.size() + position(to);
    for (; low < high; low /= 2, high /= 2) {
      if (low % 2 == 1) merge(found, nodes_[low++]);
      if (high % 2 == 1) merge(found, nodes_[--high]);
    }
    if (found.best == kNone || items_[found.best].connector != connector) return found.best;
    return found.second;
  }

 private:
  [[nodiscard]] size_t position(const IpAddress& last) const {
    return static_cast<size_t>(std::ranges::lower_bound(lasts_, last) - lasts_.begin());
  }
  void merge(Candidates& into, const Candidates& from) const {
    into.add(from.best, items_);
    into.add(from.second, items_);
  }

  const std::vector<Item>& items_;
  std::vector<IpAddress> lasts_;
  std::vector<Candidates> nodes_;  // leaves from lasts_.size(); the parent of i is i / 2
};

std::vector<Item> sorted_items(const std::vector<ReceiveConnector>& connectors,
                               const std::vector<uint32_t>& ranks,
                               const std::vector<uint32_t>& members) {
  std::vector<Item> items;
  for (const uint32_t connector : members) {
    const auto& ranges = connectors[connector].remote_ranges;
    for (uint32_t i = 0; i < ranges.size(); ++i) {
      items.push_back({ranges[i], ranks[connector], connector, i});
    }
  }
  std::ranges::sort(items, [](const Item& a, const Item& b) {
    if (a.range.first != b.range.first) return a.range.first < b.range.first;
    if (a.range.last != b.range.last) return a.range.last > b.range.last;
    return std::tie(a.name_rank, a.index) < std::tie(b.name_rank, b.index);
  });
  return items;
}

Conflict make_conflict(const Item& x, const Item& y, bool partial) {
  const bool in_order = x.connector < y.connector;  // never equal
  const Item& a = in_order ? x : y;
  const Item& b = in_order ? y : x;
  return {a.connector, a.index, b.connector, b.index, partial};
}

void sweep(const std::vector<Item>& items, std::vector<Conflict>& conflicts) {
  LastAddressTree open(items);
  for (uint32_t group = 0, end = 0; group < items.size(); group = end) {
    // All that begin at one address: nested in each other or equal, never a partial overlap.
    while (end < items.size() && items[end].range.first == items[group].range.first) ++end;
    uint32_t leader = group;  // the first of those with one and the same range
    for (uint32_t place = group; place < end; ++place) {
      const Item& item = items[place];
      if (items[leader].range != item.range) leader = place;
      if (items[leader].connector != item.connector) {
        conflicts.push_back(make_conflict(items[leader], item, false));
      }
      if (item.range.first == item.range.last) continue;
      const uint32_t other = open.find(item.range.first, item.range.last, item.connector);
      if (other != kNone) conflicts.push_back(make_conflict(items[other], item, true));
    }
    for (uint32_t place = group; place < end; ++place) open.insert(place);
  }
}

}  // namespace

std::vector<Conflict> find_conflicts(const std::vector<ReceiveConnector>& connectors) {
  const std::vector<uint32_t> ranks = ranks_by_name(connectors);
  std::set<std::vector<uint32_t>> seen;  // bindings that the same connectors share need one sweep
  std::vector<Conflict> conflicts;
  for (auto& [endpoint, members] : listeners_of(connectors)) {
    if (members.size() < 2 || !seen.insert(members).second) continue;
    sweep(sorted_items(connectors, ranks, members), conflicts);
  }
  const auto key = [](const Conflict& c) {
    return std::tie(c.a_connector, c.a_range, c.b_connector, c.b_range, c.partial);
  };
  std::ranges::sort(conflicts, {}, key);
  const auto twice = std::ranges::unique(conflicts);
  conflicts.erase(twice.begin(), twice.end());
  return conflicts;
}

}  // namespace relais::policy
