#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "admin/notices.h"
#include "config/load.h"
#include "main/commands.h"

namespace relais {

int check(const std::string& config_folder) {
  const config::Loaded loaded = config::load(config_folder);
  for (const config::Finding& finding : loaded.findings)
    admin::say("{}\n", config::to_string(finding));
  const auto errors = std::ranges::count(loaded.findings, config::Finding::Severity::kError,
                                         &config::Finding::severity);
  const auto warnings = static_cast<ptrdiff_t>(loaded.findings.size()) - errors;
  if (!loaded.ok) {
    admin::say("{}: not valid ({} error{}, {} warning{})\n", config_folder, errors,
               errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    return 1;
  }
  const std::string good = fmt::format(
      "{}: valid: {} Receive connector{}, {} Send connector{}, {} accepted domain{}, {} "
      "warning{}\n",
      config_folder, loaded.model.receive_connectors.size(),
      loaded.model.receive_connectors.size() == 1 ? "" : "s", loaded.model.send_connectors.size(),
      loaded.model.send_connectors.size() == 1 ? "" : "s", loaded.model.accepted_domains.size(),
      loaded.model.accepted_domains.size() == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  std::fputs(good.c_str(), stdout);
  return 0;
}

}  // namespace relais
