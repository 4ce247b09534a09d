// What stands between the braces of Where-Object: $_.Enabled -eq $true -and ...
#pragma once

#include "shell/scanner.h"

namespace relais::shell {

// Stands behind the opening brace; ends before the closing one.
[[nodiscard]] Parsed<ExpressionPtr> parse_condition(Scanner& scan);

// Stands at a $: $true, $false or $null.
[[nodiscard]] Parsed<Value> parse_constant(Scanner& scan);

}  // namespace relais::shell
