// The main() of every benchmark: Google Benchmark's, and --operations=N (measure.h). Exit status 1:
// an operation allocates more than it may.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "measure.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
constexpr bool kCanProfile = true;
#else
#define RUNNING_ON_VALGRIND false
constexpr bool kCanProfile = false;
#endif

namespace {

constexpr std::string_view kOperations = "--operations=";

// Null, or what is wrong.
const char* take_operations(std::string_view text) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0)
    return "--operations is a number from 1 on";
  if (!kCanProfile)
    return "--operations needs valgrind's headers: tools/setup --test, then tools/build release";
  if (!RUNNING_ON_VALGRIND) return "--operations is for callgrind: tools/bench --instructions";
  relais::bench::ask_for_operations(count);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kOperations)) {
      argv[kept++] = argv[i];
    } else if (const char* wrong = take_operations(argument.substr(kOperations.size()))) {
      std::fprintf(stderr, "%s: %s\n", argv[0], wrong);
      return 2;
    }
  }
  argc = kept;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return relais::bench::has_failed() ? 1 : 0;
}
