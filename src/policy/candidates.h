// How every connector fares for one client, and why: the words behind ConnectorTable::select(). It
// looks at each range of each connector, so it is for people who ask, not for serving.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/connector_table.h"

namespace relais::policy {

enum class Standing : uint8_t {
  kWins,
  kDisabled,
  kNoBinding,        // it does not listen at the local endpoint
  kNoRange,          // none of its ranges contains the client
  kWiderRange,       // one does, with more addresses than the winner's
  kWildcardBinding,  // one as small, on the wildcard, and the winner listens on the very address
  kLaterName,        // one as small on the same kind of binding; a configuration error elsewhere
};

struct Candidate {
  uint32_t connector = 0;  // in the list
  Standing standing = Standing::kNoBinding;
  uint32_t range = UINT32_MAX;  // the smallest that contains the client; UINT32_MAX: none
  bool by_wildcard = false;     // it listens there by a wildcard binding only
};

// One entry a connector, in the order of the list; at most one wins.
[[nodiscard]] std::vector<Candidate> candidates_for(const std::vector<ReceiveConnector>& connectors,
                                                    const Endpoint& local, const IpAddress& remote);

}  // namespace relais::policy
