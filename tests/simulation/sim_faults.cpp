#include "simulation/sim_faults.h"

namespace relais::simulation {

std::string_view name(Fault fault) {
  static constexpr std::array<std::string_view, kFaultKinds> kNames = {
      "short send",     "short write",     "short read",   "no buffers",     "write error",
      "sync error",     "read error",      "no space",     "reset",          "refused",
      "no descriptors", "no memory",       "late cancel",  "multishot ends", "interrupt",
      "partial submit", "slow completion", "slow network", "slow disk",      "late wake-up"};
  return kNames[static_cast<size_t>(fault)];
}

Faults Faults::all(uint32_t one_in) {
  Faults faults;
  faults.one_in_.fill(one_in);
  return faults;
}

Faults Faults::draw(Prng& prng) {
  Faults faults;
  if (prng.one_in(4)) return faults;
  for (uint32_t& one_in : faults.one_in_) {
    if (prng.one_in(2)) continue;
    // From "in nearly every seed once" to "all the time".
    one_in = static_cast<uint32_t>(uint64_t{4} << prng.below(7));
  }
  return faults;
}

Faults Faults::harmless(uint32_t one_in) {
  Faults faults;
  for (const Fault fault :
       {Fault::kShortSend, Fault::kShortWrite, Fault::kShortRead, Fault::kNoBuffers,
        Fault::kLateCancel, Fault::kMultishotEnds, Fault::kInterrupt, Fault::kPartialSubmit,
        Fault::kSlowCompletion, Fault::kSlowNetwork, Fault::kSlowDisk, Fault::kLateWakeUp}) {
    faults.set(fault, one_in);
  }
  return faults;
}

}  // namespace relais::simulation
