// How fast the data scanner goes over ordinary mail: lines of 76 octets, buffers of 1 to 64 KiB,
// and a dot at the start of none, every tenth or every line. bytes_per_second is the figure to
// read. The same for finding the lines with a dot, as content is that comes or goes with BDAT.
#include <benchmark/benchmark.h>

#include <string>

#include "base/prng.h"
#include "measure.h"
#include "smtp/data_scanner.h"
#include "smtp/dotted_line.h"

namespace {

using relais::Prng;
using relais::smtp::scan_avx2;
using relais::smtp::scan_scalar;
using relais::smtp::ScanResult;
using relais::smtp::ScanState;

constexpr size_t kColumns = 76;

std::string mail(size_t octets, uint64_t one_dot_in) {
  constexpr std::string_view kAlphabet =
      "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,0123456789+/";
  Prng prng(1);
  std::string text;
  while (text.size() < octets) {
    if (prng.one_in(one_dot_in)) text += "..";
    for (size_t i = 0; i < kColumns; ++i) text += kAlphabet[prng.below(kAlphabet.size())];
    text += "\r\n";
  }
  text.resize(octets);
  return text;
}

template <ScanResult (*scan)(ScanState&, std::span<const char>)>
void scan_mail(benchmark::State& run) {
  const std::string text =
      mail(static_cast<size_t>(run.range(0)), static_cast<uint64_t>(run.range(1)));
  ScanState state;
  relais::bench::measure(
      run,
      [&] {
        state = {};
        ScanResult result = scan(state, text);
        benchmark::DoNotOptimize(result);
      },
      relais::bench::kHotPath);
  if (state.bare_line_end || state.nul)
    relais::bench::fail(run, "the scanner found the mail illegal");
  run.SetBytesProcessed(static_cast<int64_t>(run.iterations()) * run.range(0));
}

void arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"octets", "one_dot_in"});
  for (const int64_t octets : {1 << 10, 4 << 10, 16 << 10, 64 << 10}) {
    for (const int64_t one_dot_in : {0, 10, 1}) benchmark->Args({octets, one_dot_in});
  }
}

void avx2(benchmark::State& run) {
  if (!relais::smtp::has_avx2()) {
    run.SkipWithError("no AVX2 on this machine");
    return;
  }
  scan_mail<scan_avx2>(run);
}
void scalar(benchmark::State& run) { scan_mail<scan_scalar>(run); }

void dotted_lines(benchmark::State& run) {
  const std::string text =
      mail(static_cast<size_t>(run.range(0)), static_cast<uint64_t>(run.range(1)));
  relais::bench::measure(
      run,
      [&] {
        std::string_view left = text;
        while (!left.empty()) left.remove_prefix(relais::smtp::next_dotted_line(left, false));
        benchmark::DoNotOptimize(left);
      },
      relais::bench::kHotPath);
  run.SetBytesProcessed(static_cast<int64_t>(run.iterations()) * run.range(0));
}

BENCHMARK(dotted_lines)->Apply(arguments);
BENCHMARK(avx2)->Apply(arguments);
BENCHMARK(scalar)->Apply(arguments);

}  // namespace
