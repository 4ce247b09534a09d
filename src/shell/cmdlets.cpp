#include "shell/cmdlets.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace relais::shell {

std::span<const CmdletSpec> all_cmdlets() {
  static const std::vector<CmdletSpec> kAll = [] {
    std::vector<CmdletSpec> all;
    for (auto part : {receive_connector_cmdlets(), permission_cmdlets(), accepted_domain_cmdlets(),
                      send_connector_cmdlets(), filter_cmdlets(), help_cmdlets()}) {
      std::ranges::move(part, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &CmdletSpec::name);
    return all;
  }();
  return kAll;
}

ParameterSpec ignored(std::string name, bool is_switch) {
  return {.name = std::move(name),
          .doc = "Accepted; it has no effect here.",
          .is_switch = is_switch,
          .support = Support::kIgnored};
}

void add_change_parameters(CmdletSpec& cmdlet) {
  cmdlet.parameters.push_back(
      {.name = "WhatIf", .doc = "Say what would be done, and do nothing.", .is_switch = true});
  cmdlet.parameters.push_back({.name = "Confirm",
                               .doc = "Ask before it is done; -Confirm:$false never asks.",
                               .is_switch = true});
  cmdlet.parameters.push_back(ignored("DomainController"));
}

void warn_of_support(const Call& call) {
  for (const auto& [parameter, argument] : call.arguments.all()) {
    if (parameter->support == Support::kIgnored) {
      call.warn(fmt::format("-{} has no effect here", parameter->name));
    } else if (parameter->support == Support::kKept) {
      call.warn(fmt::format("-{} is checked and kept; nothing acts on it yet", parameter->name));
    }
  }
}

}  // namespace relais::shell
