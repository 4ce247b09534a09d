#include "ring/claim.h"

#include <chrono>
#include <thread>

namespace relais::ring {
namespace {

constexpr int kTries = 100;
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

Result<void> claim_in_time(Kernel& kernel, const Endpoint& endpoint) {
  for (int tries = 0;; ++tries) {
    const auto free = kernel.claim(endpoint);
    if (free || free.error() != Error::kAddressInUse || tries == kTries) return free;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace relais::ring
