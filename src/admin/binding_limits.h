// Which limit stops a client first, and at what load: all limits of its connector and of the server
// in one unit, messages a minute, for messages like the one that was asked about. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/limit.h"

namespace relais::admin {

// What one message costs. Each is taken to come on a connection of its own.
struct MessageShape {
  uint32_t recipients = 1;
  uint32_t in_one_domain = 1;      // of its recipients, at most
  std::optional<uint64_t> octets;  // none: limits of bytes have no load in messages
};

struct BindingLimit {
  std::string name;                  // Limit::shown_name()
  std::string allows;                // "600/min burst 200 defer"
  std::string counts;                // "this client", "all clients of the connector"
  bool shared = false;               // with clients that this one knows nothing of
  bool shadow = false;               // it only counts
  std::optional<double> per_minute;  // messages; none: no rate, or none that messages have
  std::optional<uint64_t> at_once;   // messages, after silence
  std::optional<uint64_t> open;      // connections at one time
  std::optional<double> now;         // in a running server: 0 untouched, 1 nothing left
};

// Those that count messages, recipients, bytes, commands or connections; the lowest rate first,
// then those of connections at one time, then those that have no load in messages.
[[nodiscard]] std::vector<BindingLimit> binding_limits(const std::vector<policy::Limit>& limits,
                                                       const MessageShape& shape);

// One or two sentences: what binds a client that sends alone, and what binds all together.
[[nodiscard]] std::vector<std::string> what_binds_first(const std::vector<BindingLimit>& limits);
// "600/min" of messages, "20 open" connections, "by size": unknown without the size of a message.
[[nodiscard]] std::string load_text(const BindingLimit& limit);

}  // namespace relais::admin
