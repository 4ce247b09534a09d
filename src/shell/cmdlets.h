// The cmdlets by subject; cmdlets.cpp puts them together.
#pragma once

#include <vector>

#include "shell/cmdlet.h"

namespace relais::shell {

[[nodiscard]] std::vector<CmdletSpec> receive_connector_cmdlets();
[[nodiscard]] std::vector<CmdletSpec> permission_cmdlets();
[[nodiscard]] std::vector<CmdletSpec> accepted_domain_cmdlets();
[[nodiscard]] std::vector<CmdletSpec> send_connector_cmdlets();
[[nodiscard]] std::vector<CmdletSpec> filter_cmdlets();
[[nodiscard]] std::vector<CmdletSpec> help_cmdlets();

// -WhatIf, -Confirm and what Exchange has beside them, for a cmdlet that changes something.
void add_change_parameters(CmdletSpec& cmdlet);
// Accepted with a warning.
[[nodiscard]] ParameterSpec ignored(std::string name, bool is_switch = false);

// Says so for every parameter that was given and does less than in Exchange.
void warn_of_support(const Call& call);

}  // namespace relais::shell
