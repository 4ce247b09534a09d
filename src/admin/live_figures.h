// How a running server stands at one moment, as relais top shows it: what live_server.h answers and
// the forms in which it goes over the socket. Counters begin at 0 with the process, so two of one
// process give rates. A value.
//
// Bounded: a limit has as many sources as are watched (TopClients::kPlaces).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/core_figures.h"
#include "admin/json.h"
#include "admin/limit_metrics.h"
#include "admin/pressure_report.h"
#include "admin/usage_totals.h"
#include "base/clock.h"

namespace relais::admin {

struct LiveFigures {
  struct Connector {
    std::string name;
    uint64_t sessions = 0;  // now
    uint64_t connections = 0;
    uint64_t messages = 0;
    uint64_t recipients = 0;
    uint64_t refused = 0;  // all reasons, limits among them
    uint64_t delayed = 0;  // what its limits did
    uint64_t deferred = 0;
    uint64_t closed = 0;
    uint64_t shadowed = 0;
  };
  struct Source {
    std::string address;
    double level = 0;  // of the limit: 0 untouched, 1 nothing left
    WallTime last_seen;
  };
  struct Limit {
    std::string connector;  // empty: of the server as a whole
    std::string name;       // "messages/source", or Exchange's parameter
    std::string terms;      // "600/min burst 100 delay up to 30s"
    std::array<uint64_t, LimitMetrics::kActions> events{};  // by LimitAction
    double delayed_seconds = 0;
    WallTime last_event{};          // that it did something; 0: never
    std::optional<double> level{};  // of limits that all share
    std::vector<Source> sources{};  // of limits by source: the fullest first, no empty ones
  };
  struct Resource {
    std::string name;
    std::string state;
    std::string figure;  // "91 % used"; empty: not known
  };

  int64_t pid = 0;
  std::string server;  // its fqdn
  std::string version;
  WallTime started;
  WallTime gathered;
  std::vector<Connector> connectors;  // of the configuration, in its order
  uint64_t unserved = 0;              // connections that no connector served
  std::vector<Limit> limits;
  std::vector<Resource> resources;
  uint64_t queued = 0;     // messages that wait or are being delivered
  uint64_t delivered = 0;  // recipients

  [[nodiscard]] const Connector* find(std::string_view name) const;
  [[nodiscard]] const Limit* find_limit(std::string_view connector, std::string_view name) const;
};

// When the limits last did something, to the second: seen from their counters once a second.
class LimitTimes {
 public:
  void look(const std::vector<LimitMetrics>& limits, WallTime now);
  [[nodiscard]] WallTime last(const std::string& connector, const std::string& limit) const;

 private:
  struct Seen {
    uint64_t events = 0;
    WallTime last;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen_;
};

// What a server tells is gathered from, and all of it is there already.
struct LiveInput {
  const UsageTotals& usage;  // since the start
  const policy::LimitSet& limits;
  const std::vector<std::string>& names;  // of the connectors that `limits` was compiled from
  const PressureReport& pressure;
  const CoreFigures& cores;
  Instant now;
};
// Fills everything but pid, server, version, started and gathered.
void gather(LiveFigures& figures, const LiveInput& input, const LimitTimes& times);

[[nodiscard]] Json to_record(const LiveFigures& figures);
// nullopt: it is none. Never throws.
[[nodiscard]] std::optional<LiveFigures> live_figures_from_json(std::string_view text);

}  // namespace relais::admin
