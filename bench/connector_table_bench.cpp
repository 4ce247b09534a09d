// Connector selection: the compiled trie against a binary search over sorted intervals and a scan
// of the list.
//
//   BM_Select/<clients>/<ranges>    clients: 0 IPv4 anywhere, 1 inside 10.0.0.0/8, 2 IPv6
//   BM_SelectListed                 the same, but every client is in a range
//   BM_SelectDependent              the same, each look-up waiting for the one before
//   BM_BinarySearch, BM_LinearScan  what a simpler table would cost
//   BM_Compile, BM_FindConflicts    for a whole reload
//
// `octets` is what the table allocates for itself. Ranges are single addresses, /24 and /16 (/128,
// /64 and /56 for IPv6), spread over ten connectors of one binding; look-ups are uniformly random,
// no two alike.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "measure.h"
#include "policy/connector_table.h"

namespace {

using namespace relais;
using namespace relais::policy;

enum Spread : int64_t { kAnywhere, kOneNetwork, kV6 };

const Endpoint kLocalV4{IpAddress::v4(0x0a000001), 25};
const Endpoint kLocalV6{IpAddress::v6(0x20010db800000000, 1), 25};
constexpr size_t kConnectors = 10;
constexpr size_t kQueries = 1 << 20;

IpAddress random_address(Prng& prng, int64_t spread) {
  if (spread == kV6) return IpAddress::v6(0x20010db800000000 | prng.next() >> 32, prng.next());
  const auto value = static_cast<uint32_t>(prng.next());
  return IpAddress::v4(spread == kAnywhere ? value : 0x0a000000 | (value & 0xffffff));
}

AddressRange random_range(Prng& prng, int64_t spread) {
  const IpAddress at = random_address(prng, spread);
  const uint64_t kind = prng.below(10);  // eight of ten are single addresses
  if (kind < 8) return {at, at};
  if (spread == kV6) {
    const uint64_t low_bits = kind == 8 ? 0 : 0xff;
    return {IpAddress::v6(at.high() & ~low_bits, 0),
            IpAddress::v6(at.high() | low_bits, UINT64_MAX)};
  }
  const uint32_t mask = kind == 8 || spread == kOneNetwork ? 0xff : 0xffff;
  const auto value = static_cast<uint32_t>(at.low());
  return {IpAddress::v4(value & ~mask), IpAddress::v4(value | mask)};
}

// A rule set and everything that the benchmarks look up in it. Ranges that two connectors would
// share are dropped.
struct Rules {
  std::vector<ReceiveConnector> connectors{kConnectors};
  std::vector<AddressRange> ranges;
  Endpoint local;

  Rules(int64_t spread, size_t count) : local(spread == kV6 ? kLocalV6 : kLocalV4) {
    Prng prng(count);
    ranges.reserve(count);
    for (size_t i = 0; i < count; ++i) ranges.push_back(random_range(prng, spread));
    const auto before = [](const AddressRange& a, const AddressRange& b) {
      return a.first != b.first ? a.first < b.first : a.last < b.last;
    };
    std::ranges::sort(ranges, before);
    const auto twice = std::ranges::unique(ranges);
    ranges.erase(twice.begin(), twice.end());
    const IpAddress any = spread == kV6 ? IpAddress::v6(0, 0) : IpAddress::v4(0);
    for (size_t i = 0; i < kConnectors; ++i) {
      connectors[i].name = "Connector " + std::to_string(i);
      connectors[i].bindings = {{{any, 25}}};
    }
    for (const AddressRange& range : ranges) {
      connectors[prng.below(kConnectors)].remote_ranges.push_back(range);
    }
  }
};

// Made once for each pair of arguments: a benchmark function runs several times.
const Rules& rules_of(const benchmark::State& state) {
  static std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Rules>> made;
  auto& rules = made[{state.range(0), state.range(1)}];
  if (rules == nullptr) {
    rules = std::make_unique<Rules>(state.range(0), static_cast<size_t>(state.range(1)));
  }
  return *rules;
}

// Clients are made up as they are looked up: a list of a million of them would push the table out
// of the cache.
template <class Find>
void run_random(benchmark::State& state, Find find) {
  Prng prng(99);
  bench::measure(
      state, [&] { benchmark::DoNotOptimize(find(random_address(prng, state.range(0)))); },
      bench::kHotPath);
}

void BM_Select(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  const auto table = ConnectorTable::compile(rules.connectors);
  run_random(state, [&](const IpAddress& remote) {
    return table.select(rules.local, remote).connector_index;
  });
  state.counters["octets"] = static_cast<double>(table.octets());
}

void BM_SelectListed(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  const auto table = ConnectorTable::compile(rules.connectors);
  Prng prng(98);
  std::vector<IpAddress> queries(kQueries);
  for (auto& query : queries) query = rules.ranges[prng.below(rules.ranges.size())].first;
  size_t i = 0;
  const auto one = [&] {
    const IpAddress& remote = queries[i++ & (kQueries - 1)];
    benchmark::DoNotOptimize(table.select(rules.local, remote).connector_index);
  };
  bench::measure(state, one, bench::kHotPath);
}

void BM_SelectDependent(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  const auto table = ConnectorTable::compile(rules.connectors);
  uint32_t zero = 0;
  benchmark::DoNotOptimize(zero);  // the compiler must not know that it is
  uint32_t before = 0;
  run_random(state, [&](const IpAddress& client) {
    const uint64_t low = client.low() ^ (before & zero);
    const IpAddress remote = client.is_v4() ? IpAddress::v4(static_cast<uint32_t>(low))
                                            : IpAddress::v6(client.high(), low);
    return before = table.select(rules.local, remote).connector_index;
  });
}

void BM_BinarySearch(benchmark::State& state) {
  // What a sorted list of disjoint intervals would do; nested ranges would make it slower.
  const Rules& rules = rules_of(state);
  run_random(state, [&](const IpAddress& remote) {
    const auto after = std::ranges::upper_bound(rules.ranges, remote, {}, &AddressRange::first);
    return after != rules.ranges.begin() && (after - 1)->contains(remote);
  });
}

void BM_LinearScan(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  run_random(state, [&](const IpAddress& remote) {
    size_t found = 0;
    for (const AddressRange& range : rules.ranges) found += range.contains(remote) ? 1 : 0;
    return found;
  });
}

void BM_Compile(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  bench::measure(
      state, [&] { benchmark::DoNotOptimize(ConnectorTable::compile(rules.connectors).octets()); },
      bench::kSlow);
}

void BM_FindConflicts(benchmark::State& state) {
  const Rules& rules = rules_of(state);
  bench::measure(
      state, [&] { benchmark::DoNotOptimize(find_conflicts(rules.connectors).size()); },
      bench::kSlow);
}

const std::vector<int64_t> kSizes = {10, 1'000, 10'000, 100'000, 1'000'000};
const std::vector<int64_t> kSpreads = {kAnywhere, kOneNetwork, kV6};

BENCHMARK(BM_Select)->ArgsProduct({kSpreads, kSizes});
BENCHMARK(BM_SelectListed)->ArgsProduct({kSpreads, {1'000'000}});
BENCHMARK(BM_SelectDependent)->ArgsProduct({{kAnywhere, kV6}, {10, 10'000, 1'000'000}});
BENCHMARK(BM_BinarySearch)->ArgsProduct({{kAnywhere, kV6}, kSizes});
BENCHMARK(BM_LinearScan)->ArgsProduct({{kAnywhere}, {10, 1'000, 10'000}});
BENCHMARK(BM_Compile)->ArgsProduct({kSpreads, kSizes})->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FindConflicts)->ArgsProduct({kSpreads, kSizes})->Unit(benchmark::kMillisecond);

}  // namespace
