// An operation of the hot path that allocates once in a hundred times, as if somebody had forgotten
// to keep a string: the test bench.canary demands that measure() finds it.
#include <benchmark/benchmark.h>

#include <string>

#include "measure.h"

namespace {

void forgets(benchmark::State& run) {
  int operations = 0;
  const auto operation = [&] {
    if (++operations % 100 != 0) return;
    const std::string forgotten(100, 'x');
    benchmark::DoNotOptimize(forgotten.data());
  };
  relais::bench::measure(run, operation, relais::bench::kHotPath);
}
// By time it might be once, where others use the machine.
BENCHMARK(forgets)->Iterations(1000);

}  // namespace
