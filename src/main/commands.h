// The subcommands. Each answers with the exit status: 0 good, 1 the answer is no, 2 wrong use.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace relais {

[[nodiscard]] int serve(const std::string& config_folder);
[[nodiscard]] int check(const std::string& config_folder, bool json);
// The three lines of a rule, by its number, or of "all".
[[nodiscard]] int explain_rules(const std::string& id);

struct StatsOptions {
  std::string folder;
  std::string connector;  // empty: all
  bool unused = false;
  std::string since;  // with unused; empty: as long as anything was counted
  std::optional<size_t> top;
  bool json = false;
};
[[nodiscard]] int stats(const StatsOptions& options);

}  // namespace relais
