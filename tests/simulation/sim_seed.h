// Runs a simulation under many seeds. A failing seed is named and the later ones are left out;
// RELAIS_SEED=n runs that one alone, RELAIS_SEEDS=n runs n of them instead of the number given
// here.
#pragma once

#include <cstdint>
#include <functional>

namespace relais::simulation {

void for_each_seed(uint64_t count, const std::function<void(uint64_t seed)>& body);

}  // namespace relais::simulation
