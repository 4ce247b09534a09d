// One run from the plan to the report: descriptors, ring, signals, progress, ledger, files.
#pragma once

#include <string>

#include "load/plan.h"

namespace relais::load {

struct Outputs {
  std::string ledger;  // a file; empty: none
  std::string html;
  bool json = false;  // on standard output, in place of the table
};

// The exit status: 0 every message was accepted for all of its recipients, 1 some were not, 2 what
// was asked for cannot be done here.
[[nodiscard]] int run(const Plan& plan, const Outputs& outputs);

}  // namespace relais::load
