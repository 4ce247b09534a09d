// What a running server does not take from a changed configuration.
#pragma once

#include <string>

#include "config/model.h"

namespace relais {

// The sections, and keys of other sections, whose changes wait for the next start: "[server],
// [spool]". Empty: none.
[[nodiscard]] std::string needs_restart(const config::Model& fresh, const config::Model& running);

}  // namespace relais
