// Random rule sets, small enough that everything overlaps everything: few bindings, few distinct
// ends of ranges, both families.
#pragma once

#include <utility>
#include <vector>

#include "base/prng.h"
#include "policy/connector.h"

namespace relais::policy {

[[nodiscard]] std::vector<ReceiveConnector> random_connectors(Prng& prng);

// Addresses just outside, at and just inside both ends of every range, and some at random.
[[nodiscard]] std::vector<IpAddress> interesting_addresses(
    const std::vector<ReceiveConnector>& connectors, Prng& prng);

[[nodiscard]] std::vector<ReceiveConnector> shuffled(std::vector<ReceiveConnector> connectors,
                                                     Prng& prng);

template <class T>
void shuffle(std::vector<T>& list, Prng& prng) {
  for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[prng.below(i)]);
}

}  // namespace relais::policy
