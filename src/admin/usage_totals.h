// What all cores counted over all lives of the server: by connector name, and in it by range. A
// value; the main thread's, or of a command that has read the file. Sparse: about 300 octets for
// each range that was ever used. Limits: what nobody used for kKept is forgotten, and beyond
// kRangesMax ranges those that were used longest ago.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "admin/top_clients.h"
#include "admin/usage_figures.h"
#include "admin/usage_table.h"
#include "base/clock.h"
#include "policy/address_range.h"

namespace relais::admin {

struct UsageTotals {
  static constexpr Duration kKept = hours(400 * 24);
  static constexpr size_t kRangesMax = 1'000'000;

  struct InOrder {
    bool operator()(const policy::AddressRange& a, const policy::AddressRange& b) const {
      return std::pair(a.first, a.last) < std::pair(b.first, b.last);
    }
  };
  struct Connector {
    UsageFigures sum;  // of all its ranges, the forgotten ones too
    TopClients clients;
    LastRefusal last_refusal;
    std::map<policy::AddressRange, UsageFigures, InOrder> ranges;
  };

  WallTime counted_since;
  WallTime updated;
  int64_t pid = 0;  // of the server that counts; 0: it has ended in order
  // "" stands for connections that no connector served.
  std::map<std::string, Connector, std::less<>> connectors;

  enum class Ranges : uint8_t { kKeep, kLeaveOut };
  void add(const UsageTable& table, Ranges ranges = Ranges::kKeep);
  // The server is gone, and its sessions with it.
  void end_sessions();
  void forget(WallTime now, size_t ranges_max = kRangesMax);
};

}  // namespace relais::admin
