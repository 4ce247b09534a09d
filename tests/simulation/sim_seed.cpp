#include "simulation/sim_seed.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace relais::simulation {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

void for_each_seed(uint64_t count, const std::function<void(uint64_t seed)>& body) {
  uint64_t first = 1;
  if (std::getenv("RELAIS_SEED") != nullptr) {
    first = from_environment("RELAIS_SEED", 1);
    count = 1;
  } else {
    count = from_environment("RELAIS_SEEDS", count);
  }
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("RELAIS_SEED=" + std::to_string(seed));
    body(seed);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace relais::simulation
