#include "measure.h"

#include <algorithm>
#include <atomic>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else  // then main() says that profiles cannot be had
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS
#endif

namespace relais::bench {
namespace {

constexpr uint64_t kWarmUp = 16;

uint64_t operations = 0;
uint64_t profiles = 0;
std::atomic<bool> failed = false;

}  // namespace

uint64_t operations_asked() { return operations; }
void ask_for_operations(uint64_t count) { operations = count; }
bool has_failed() { return failed; }

void fail(benchmark::State& run, const std::string& why) {
  failed = true;
  run.SkipWithError(why.c_str());
}

uint64_t warm_up_operations(const Expected& expected) {
  return expected.fewer < kSlow.fewer ? std::max<uint64_t>(1, kWarmUp / expected.fewer) : 0;
}

uint64_t profiled_operations(const Expected& expected) {
  return std::max<uint64_t>(1, operations / expected.fewer);
}

void report_allocations(benchmark::State& run, uint64_t made, const Expected& expected) {
  const auto each = static_cast<double>(made) / static_cast<double>(run.iterations());
  run.counters["allocs"] = benchmark::Counter(each, benchmark::Counter::kAvgThreads);
  if (each <= expected.allocations) return;
  fail(run, "allocates " + std::to_string(each) + " times an operation, at most " +
                std::to_string(expected.allocations) + " are allowed");
}

// What comes before runs without instrumentation (--instr-atstart=no), at a multiple of the speed.
void begin_profile() {
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
}
void pause_profile() { CALLGRIND_TOGGLE_COLLECT; }
void resume_profile() { CALLGRIND_TOGGLE_COLLECT; }

void end_profile(benchmark::State& run, uint64_t operations_run) {
  CALLGRIND_DUMP_STATS;
  CALLGRIND_STOP_INSTRUMENTATION;
  run.counters["profile"] = static_cast<double>(++profiles);
  run.counters["operations"] = static_cast<double>(operations_run);
}

}  // namespace relais::bench
