// One `relais trace` on the side of the cores: which sessions it wants, and the tray that their
// lines go to. Made and ended by the trace server's thread (trace_server.h); cores hold it as long
// as they know it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/dialogue_tray.h"
#include "front/observer.h"
#include "policy/address_range.h"

namespace relais::admin {

struct TraceTap {
  // Octets that wait for a tracer that does not read.
  static constexpr size_t kTrayMax = 1 << 20;

  uint64_t id = 0;  // never used again
  policy::AddressRange remote;
  std::string connector;  // empty: any, and connections that none serves
  DialogueTray tray{kTrayMax};
  std::atomic<uint32_t> cores{0};  // that show it the sessions which begin from now on

  [[nodiscard]] bool wants(const front::Client& client) const {
    return remote.contains(client.remote.address) &&
           (connector.empty() || connector == client.connector);
  }
};

using TraceTaps = std::vector<std::shared_ptr<TraceTap>>;

}  // namespace relais::admin
