// How a benchmark runs its operation: warmed up first, its allocations counted (counter `allocs`,
// an operation), and held against what it may allocate; one that allocates more ends the program
// with status 1. So a ctest fails when the hot path begins to allocate.
//
//   void an_operation(benchmark::State& run) {
//     ... what it needs
//     measure(run, [&] { ... }, kHotPath);
//   }
//
// With --operations=N, under callgrind, there is no clock: N operations run once, and a profile of
// those alone is written. Counter `profile` is its number, `operations` how many there were.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <limits>
#include <string>

namespace relais::bench {

// Of this thread, so far: malloc and whoever calls it, as operator new does.
[[nodiscard]] uint64_t allocations();

struct Expected {
  double allocations = std::numeric_limits<double>::infinity();  // an operation, at most
  uint64_t fewer = 1;  // of what takes long so many times fewer warm up, and run under callgrind
};
inline constexpr Expected kHotPath{.allocations = 0};
inline constexpr Expected kSlow{.fewer = 1000};  // milliseconds

// --operations, of what does not take long; 0: the clock decides.
[[nodiscard]] uint64_t operations_asked();
void ask_for_operations(uint64_t count);
// What is wrong, for the benchmark's row; the program ends with status 1. (What a machine does not
// have is no failure: SkipWithError alone.)
void fail(benchmark::State& run, const std::string& why);
[[nodiscard]] bool has_failed();

// The parts of measure().
[[nodiscard]] uint64_t warm_up_operations(const Expected& expected);
[[nodiscard]] uint64_t profiled_operations(const Expected& expected);
void report_allocations(benchmark::State& run, uint64_t made, const Expected& expected);
void begin_profile();
void pause_profile();
void resume_profile();
void end_profile(benchmark::State& run, uint64_t operations);

// `prepare` makes what the next `batch` operations use up; it is neither timed nor counted.
template <class Prepare, class Operation>
void measure_batches(benchmark::State& run, uint64_t batch, Prepare prepare, Operation operation,
                     const Expected& expected = {}) {
  prepare();
  for (uint64_t i = 0; i < batch; ++i) operation();
  uint64_t left = 0;
  if (operations_asked() != 0) {
    const uint64_t operations = profiled_operations(expected);
    begin_profile();
    for (uint64_t i = 0; i < operations; ++i, --left) {
      if (left == 0) {
        pause_profile();
        prepare();
        left = batch;
        resume_profile();
      }
      operation();
    }
    end_profile(run, operations);
    for (auto _ : run) continue;
    return;
  }
  uint64_t made = 0;
  for (auto _ : run) {
    if (left == 0) {
      run.PauseTiming();
      prepare();
      left = batch;
      run.ResumeTiming();
    }
    const uint64_t before = allocations();
    operation();
    made += allocations() - before;
    --left;
  }
  report_allocations(run, made, expected);
}

template <class Operation>
void measure(benchmark::State& run, Operation operation, const Expected& expected = {}) {
  const uint64_t warm_up = warm_up_operations(expected);
  for (uint64_t i = 0; i < warm_up; ++i) operation();
  if (operations_asked() != 0) {
    const uint64_t operations = profiled_operations(expected);
    begin_profile();
    for (uint64_t i = 0; i < operations; ++i) operation();
    end_profile(run, operations);
    for (auto _ : run) continue;
    return;
  }
  const uint64_t before = allocations();
  for (auto _ : run) operation();
  report_allocations(run, allocations() - before, expected);
}

}  // namespace relais::bench
