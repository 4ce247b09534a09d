// What the limits of a configuration would have done with the traffic of a message log: each
// connection, message and recipient of the log is charged to fresh buckets, with the log's own time
// as the clock. Pure.
//
// A session is taken to go on as it did in the log, or when a delayed reply has left, whichever is
// later; so a client that is paced slows down, as it would. Everything else that clients would have
// done otherwise is unknown: kReplayLimits says what.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/replay_log.h"
#include "base/clock.h"
#include "base/ip.h"
#include "config/model.h"
#include "policy/limit.h"

namespace relais::admin {

// What replay cannot know, as sentences for people.
[[nodiscard]] std::span<const std::string_view> replay_limits();

struct ReplayCounts {
  uint64_t delayed = 0;
  uint64_t deferred = 0;
  uint64_t closed = 0;
  uint64_t shadowed = 0;
  Duration delay;  // all of them together
  Duration longest;
  [[nodiscard]] bool any() const { return delayed + deferred + closed + shadowed != 0; }
};

struct ReplayLimit {
  struct Source {
    IpAddress address;
    ReplayCounts counts;
  };

  std::string name;   // "messages/source", or Exchange's parameter
  std::string terms;  // "600/min, burst 100: delay, defer"; empty: the new configuration has it not
  bool replayed = false;  // false: the log does not have what it counts
  uint64_t asked = 0;     // events that it counts
  ReplayCounts would;
  // As many lines as the log would have: one a session and limit.
  uint64_t delayed_sessions = 0;
  uint64_t shadowed_sessions = 0;
  WallTime first;               // that it did something; 0: never
  std::vector<Source> sources;  // the most refused first
  LoggedLimit was;
};

struct ReplayConnector {
  struct Outcome {
    uint64_t connections = 0;
    uint64_t connections_refused = 0;
    uint64_t messages = 0;
    uint64_t accepted = 0;
    uint64_t deferred = 0;
    uint64_t closed = 0;
    uint64_t recipients_refused = 0;
    uint64_t delayed_sessions = 0;
  };

  std::string name;  // empty: of the server as a whole, and what no connector serves
  Outcome was;
  Outcome would;
  uint64_t delayed = 0;  // messages, under the new limits
  Duration delay;
  Duration longest;
  std::vector<ReplayLimit> limits;
};

struct Replay {
  WallTime from;
  WallTime until;
  uint64_t sessions = 0;
  uint64_t without_local = 0;  // lines
  uint64_t unserved = 0;       // sessions that no connector of the new configuration takes
  uint64_t unknown_sizes = 0;  // messages that the old limits refused
  std::vector<ReplayConnector> connectors;  // of the configuration in its order, then others
};

// `sources`: that are named of each limit.
[[nodiscard]] Replay replay(const ReplayLog& log, const config::Model& model, size_t sources);

}  // namespace relais::admin
