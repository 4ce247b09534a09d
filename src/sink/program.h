// relais-sink as a process: threads, signals, the progress line, the summary.
#pragma once

#include "sink/options.h"

namespace relais::sink {

// The exit status: 0, 1 where it could not run or its ledger is not whole, 2 for wrong use.
[[nodiscard]] int run_program(Options options);

}  // namespace relais::sink
