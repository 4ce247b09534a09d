// What counting costs: an event in a core's table, and the file when very many ranges are in use.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "admin/usage_json.h"
#include "admin/usage_table.h"
#include "admin/usage_totals.h"
#include "base/prng.h"
#include "measure.h"

namespace {

using namespace relais;

std::vector<policy::AddressRange> ranges(uint32_t count) {
  std::vector<policy::AddressRange> all;
  for (uint32_t i = 0; i < count; ++i) {
    const IpAddress address = IpAddress::v4(0x0a000000 + i * 2);
    all.push_back({address, address});
  }
  return all;
}

// One event: the entry, the client's place, two counters. `clients` beyond 64 drive each other out.
void an_event(benchmark::State& state) {
  const auto all = ranges(static_cast<uint32_t>(state.range(0)));
  const auto clients = static_cast<uint64_t>(state.range(1));
  admin::UsageTable table;
  Prng prng(1);
  for (const auto& range : all) (void)table.at("Anonymous Relay", &range);
  const auto event = [&] {
    const auto& range = all[prng.below(all.size())];
    const auto [entry, connector] = table.at("Anonymous Relay", &range);
    ++entry->figures.messages;
    const auto client = IpAddress::v4(static_cast<uint32_t>(prng.below(clients)));
    ++connector->clients.at(client).messages;
  };
  bench::measure(state, event, bench::kHotPath);
}
BENCHMARK(an_event)->Args({1, 1})->Args({10, 50})->Args({10, 10'000})->Args({50'000, 50});

void the_file(benchmark::State& state) {
  admin::UsageTable table;
  admin::UsageTotals totals;
  totals.counted_since = totals.updated = {1'800'000'000'000'000'000};
  size_t octets = 0;
  const auto add = [&] {
    const size_t before = mallinfo2().uordblks;
    totals.add(table);
    octets += mallinfo2().uordblks - before;
    table.clear();
  };
  for (const auto& range : ranges(static_cast<uint32_t>(state.range(0)))) {
    if (table.full()) add();
    admin::UsageFigures& figures = table.at("Anonymous Relay", &range).entry->figures;
    figures.connections = figures.ended = 12'345;
    figures.messages = figures.recipients = 123'456;
    figures.octets = 12'345'678;
    figures.refusals[5] = 12;
    figures.see(totals.updated);
  }
  add();
  std::string text;
  const auto write = [&] {
    text = admin::to_json(totals);
    benchmark::DoNotOptimize(text.data());
  };
  bench::measure(state, write, bench::kSlow);
  state.counters["memory/range"] =
      static_cast<double>(octets) / static_cast<double>(state.range(0));
  state.counters["file octets"] = static_cast<double>(text.size());
}
BENCHMARK(the_file)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void reading_it(benchmark::State& state) {
  admin::UsageTable table;
  for (const auto& range : ranges(static_cast<uint32_t>(state.range(0))))
    table.at("Anonymous Relay", &range).entry->figures.connections = 12'345;
  admin::UsageTotals totals;
  totals.add(table);
  totals.counted_since = totals.updated = {1'800'000'000'000'000'000};
  const std::string text = admin::to_json(totals);
  bench::measure(
      state, [&] { benchmark::DoNotOptimize(admin::usage_from_json(text)); }, bench::kSlow);
}
BENCHMARK(reading_it)->Arg(1000)->Arg(50'000)->Unit(benchmark::kMillisecond);

}  // namespace
