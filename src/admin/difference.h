// Two configurations against each other, in words: which clients come to another connector or get
// other rights, and what else has changed. Nothing is applied.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "policy/comparison.h"

namespace relais::admin {

// A file of client addresses: one a line, an optional count behind it, # begins a comment.
struct ClientList {
  std::vector<IpAddress> addresses;
  std::vector<uint64_t> counts;  // of each; 0: none was written
};
// The error names the line.
[[nodiscard]] std::expected<ClientList, std::string> parse_clients(std::string_view text);

struct Difference {
  policy::Comparison clients;
  std::vector<uint64_t> counts;     // of each change, when a list of clients has them
  std::vector<std::string> others;  // "accepted domain contoso.com: removed"
  [[nodiscard]] bool empty() const {
    return clients.appeared.empty() && clients.disappeared.empty() && clients.changes.empty() &&
           others.empty();
  }
};

// `only`: the clients that are looked at; nullptr: all that there are.
[[nodiscard]] Difference difference(const config::Model& before, const config::Model& after,
                                    const ClientList* only);

[[nodiscard]] std::string to_text(const Difference& difference);
[[nodiscard]] std::string to_json(const Difference& difference);

}  // namespace relais::admin
