// Which limits of a running server are overridden, as overrides.json in its data folder, and what
// `relais limit` asks of it, as limit-request.json. The request is written by the command, which
// then sends SIGUSR1; everything else is written by the server, which answers in the book. Both are
// replaced whole.
//
//   {"version":1,"pid":4711,
//    "overrides":[{"connector":"Anonymous Relay","limit":"messages/source","value":"1200/min",
//      "burst":"","was":"600/min","now":"1200/min","uid":0,"user":"root","since":"...",
//      "until":"...","keep":false}],
//    "answer":{"id":"4712-1","ok":true,"problem":"","connector":"Anonymous Relay",
//      "limit":"messages/source","before":"600/min","after":"1200/min","was":"600/min",
//      "until":"...","keep":false,"warnings":[]}}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "base/clock.h"
#include "config/limit_override.h"

namespace relais::admin {

struct Override : config::LimitOverride {
  std::string was;  // what the file says
  std::string now;  // what is in force
  int64_t uid = 0;  // who set it
  std::string user;
  WallTime since;
  WallTime until;
  bool keep = false;  // over a restart
};

struct OverrideAnswer {
  std::string id;  // of the request
  bool ok = false;
  std::string problem;    // why not
  std::string connector;  // as the configuration spells it
  std::string limit;
  std::string before;  // in force before, and now
  std::string after;
  std::string was;  // what the file says
  WallTime until;   // 0: removed
  bool keep = false;
  std::vector<std::string> warnings;
};

struct OverrideBook {
  int64_t pid = 0;  // of the server that wrote it
  std::vector<Override> overrides;
  OverrideAnswer answer;  // to the last request
};

struct OverrideRequest {
  std::string id;
  bool removes = false;
  config::LimitOverride wanted;  // to remove: without value and burst
  Duration time{};
  bool keep = false;
  int64_t uid = 0;
  std::string user;
};

[[nodiscard]] std::string override_path(const std::string& data_dir);
[[nodiscard]] std::string override_request_path(const std::string& data_dir);

[[nodiscard]] std::string to_json(const OverrideBook& book);
[[nodiscard]] std::string to_json(const OverrideRequest& request);
// nullopt: it is none. Never throws.
[[nodiscard]] std::optional<OverrideBook> override_book_from_json(std::string_view text);
[[nodiscard]] std::optional<OverrideRequest> override_request_from_json(std::string_view text);
// Nothing: it is not there, or damaged.
[[nodiscard]] std::optional<OverrideBook> read_overrides(const std::string& data_dir);

// What differs from the configuration, for `relais stats` and `relais limit list`: as JSON, and as
// a table without a heading; those of one connector, or of all (empty).
[[nodiscard]] Json overrides_record(const OverrideBook& book, std::string_view connector);
[[nodiscard]] std::string overrides_text(const OverrideBook& book, std::string_view connector,
                                         WallTime now);

}  // namespace relais::admin
