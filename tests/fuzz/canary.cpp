#include "fuzz/fuzzer.h"

namespace relais::fuzz {

const bool kCanary = RELAIS_CANARY;

}  // namespace relais::fuzz
