// usage.json in the data folder: who used what, as the server last wrote it. Written whole beside
// the old one, flushed and renamed, so that a reader and a crash see the old one or the new one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/usage_totals.h"
#include "base/result.h"

namespace relais::admin {

[[nodiscard]] std::string usage_path(const std::string& data_dir);

[[nodiscard]] Result<void> write_usage(const std::string& data_dir, const UsageTotals& totals);

struct UsageRead {
  bool there = false;   // false: nothing was ever counted here
  std::string problem;  // not empty: it cannot be read, or is damaged
  UsageTotals totals;
};
[[nodiscard]] UsageRead read_usage_file(const std::string& data_dir);

// For those who want to know only how busy a running server is. Reads, touches nothing.
struct PresentUse {
  bool running = false;  // the server that counts is alive
  int64_t pid = 0;       // of it
  WallTime updated;      // when the file was written; of a running server at most 5 s behind
  struct Connector {
    std::string name;
    uint64_t sessions = 0;  // 0 when nothing runs
  };
  std::vector<Connector> connectors;
};
// Nothing: there is no file, or it is damaged.
[[nodiscard]] std::optional<PresentUse> read_usage(const std::string& data_dir);

// The process of `totals.pid` is a relais that is alive, as far as this process can see.
[[nodiscard]] bool server_runs(const UsageTotals& totals);

}  // namespace relais::admin
