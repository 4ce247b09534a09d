// Whether an object satisfies a condition. Pure. Comparisons do not care about case; a list on the
// left satisfies one when any of its elements does, as PowerShell's filtering comparisons amount
// to.
#pragma once

#include <expected>
#include <string>

#include "shell/syntax.h"

namespace relais::shell {

// Unexpected: a regular expression that is none.
[[nodiscard]] std::expected<bool, std::string> satisfies(const Object& object,
                                                         const Expression& condition);

}  // namespace relais::shell
