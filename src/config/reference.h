// docs/config.md, printed from the table of parameters. A test fails when the committed copy
// differs.
#pragma once

#include <string>

namespace relais::config {

[[nodiscard]] std::string reference_markdown();

}  // namespace relais::config
