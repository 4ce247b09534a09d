// An endpoint, asked for with the patience that a restart needs.
#pragma once

#include "base/ip.h"
#include "base/result.h"
#include "ring/kernel.h"

namespace relais::ring {

// Kernel::claim, for up to two seconds while somebody else listens there: the kernel takes down the
// io_uring of a process that was killed, and with it the accepts that hold its listeners, a moment
// after the process has gone.
Result<void> claim_in_time(Kernel& kernel, const Endpoint& endpoint);

}  // namespace relais::ring
