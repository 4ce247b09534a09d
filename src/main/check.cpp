#include <fmt/format.h>

#include <algorithm>

#include "config/load.h"
#include "main/commands.h"

namespace relais {

int check(const std::string& config_folder) {
  const config::Loaded loaded = config::load(config_folder);
  for (const config::Finding& finding : loaded.findings)
    fmt::print(stderr, "{}\n", config::to_string(finding));
  const auto errors = std::ranges::count(loaded.findings, config::Finding::Severity::kError,
                                         &config::Finding::severity);
  const auto warnings = static_cast<ptrdiff_t>(loaded.findings.size()) - errors;
  if (!loaded.ok) {
    fmt::print(stderr, "{}: not valid ({} error{}, {} warning{})\n", config_folder, errors,
               errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    return 1;
  }
  fmt::print(
      "{}: valid: {} Receive connector{}, {} Send connector{}, {} accepted domain{}, {} "
      "warning{}\n",
      config_folder, loaded.model.receive_connectors.size(),
      loaded.model.receive_connectors.size() == 1 ? "" : "s", loaded.model.send_connectors.size(),
      loaded.model.send_connectors.size() == 1 ? "" : "s", loaded.model.accepted_domains.size(),
      loaded.model.accepted_domains.size() == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  return 0;
}

}  // namespace relais
