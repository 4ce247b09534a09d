// A comparison as text for a person, or as one JSON object.
#pragma once

#include <string>

#include "ledger/comparison.h"

namespace relais::ledger {

[[nodiscard]] std::string comparison_table(const Comparison& comparison);
[[nodiscard]] std::string comparison_json(const Comparison& comparison);

}  // namespace relais::ledger
