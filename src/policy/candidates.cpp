#include "policy/candidates.h"

#include <algorithm>
#include <tuple>

#include "policy/address_number.h"
#include "policy/listeners.h"
#include "policy/partition.h"

namespace relais::policy {
namespace {

AddressNumber span_of(const ReceiveConnector& connector, uint32_t range) {
  const AddressRange& entry = connector.remote_ranges[range];
  return number_of(entry.last) - number_of(entry.first);
}

// Of two ranges with one size the first that is written.
uint32_t smallest_range(const ReceiveConnector& connector, const IpAddress& remote) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < connector.remote_ranges.size(); ++i) {
    if (!connector.remote_ranges[i].contains(remote)) continue;
    if (best == UINT32_MAX || span_of(connector, i) < span_of(connector, best)) best = i;
  }
  return best;
}

bool has_binding(const ReceiveConnector& connector, const Endpoint& local) {
  return std::ranges::find(connector.bindings, Binding{local}) != connector.bindings.end();
}

}  // namespace

std::vector<Candidate> candidates_for(const std::vector<ReceiveConnector>& connectors,
                                      const Endpoint& local, const IpAddress& remote) {
  const std::vector<uint32_t> ranks = ranks_by_name(connectors);
  // As the table has it: size of the range, then the binding, then the name.
  const auto key = [&](const Candidate& candidate) {
    return std::tuple(span_of(connectors[candidate.connector], candidate.range),
                      candidate.by_wildcard, ranks[candidate.connector]);
  };
  std::vector<Candidate> candidates;
  const Candidate* winner = nullptr;
  candidates.reserve(connectors.size());
  for (uint32_t i = 0; i < connectors.size(); ++i) {
    Candidate& candidate = candidates.emplace_back();
    candidate.connector = i;
    if (!connectors[i].enabled) {
      candidate.standing = Standing::kDisabled;
    } else if (applies_at(connectors[i], local)) {
      candidate.by_wildcard = !has_binding(connectors[i], local);
      candidate.range = smallest_range(connectors[i], remote);
      candidate.standing = Standing::kNoRange;
      if (candidate.range == UINT32_MAX) continue;
      candidate.standing = Standing::kLaterName;
      if (winner == nullptr || key(candidate) < key(*winner)) winner = &candidate;
    }
  }
  if (winner == nullptr) return candidates;
  const uint32_t best = winner->connector;
  const auto best_key = key(candidates[best]);
  for (Candidate& candidate : candidates) {
    if (candidate.range == UINT32_MAX) continue;
    const auto its_key = key(candidate);
    if (candidate.connector == best) {
      candidate.standing = Standing::kWins;
    } else if (std::get<0>(its_key) != std::get<0>(best_key)) {
      candidate.standing = Standing::kWiderRange;
    } else if (std::get<1>(its_key) != std::get<1>(best_key)) {
      candidate.standing = Standing::kWildcardBinding;
    }
  }
  return candidates;
}

}  // namespace relais::policy
