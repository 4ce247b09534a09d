// What a check of a limit costs: the bucket alone, a limit of the connector, a limit of each
// source, and the same while other threads charge the same bucket (then the CPU time of a check).
#include <benchmark/benchmark.h>

#include <vector>

#include "base/prng.h"
#include "measure.h"
#include "policy/limits.h"

namespace relais::policy {
namespace {

constexpr Instant kStart{5'000'000'000'000};

struct Ground {
  explicit Ground(std::vector<Limit> limits, size_t table = 64 << 20) : all(table, secret()) {
    ReceiveConnector connector;
    connector.name = "erp";
    connector.limits = std::move(limits);
    connector.max_inbound_connection = UINT32_MAX;
    connector.max_inbound_connection_per_source = UINT32_MAX;
    connector.max_inbound_connection_percentage_per_source = 100;
    set = all.compile({connector}, kStart);
  }
  static std::array<char, 192> secret() {
    std::array<char, 192> bytes{};
    Prng random(7);
    for (char& byte : bytes) byte = static_cast<char>(random.next());
    return bytes;
  }
  Limits all;
  std::shared_ptr<const LimitSet> set;
};

Limit limit(LimitKey key) {
  Limit made;
  made.key = key;
  made.rate = {1'000'000'000, seconds(1)};
  made.burst = 1'000'000;
  return made;
}

// A run goes on where the one before ended: earlier, its bucket would be empty.
class BenchClock {
 public:
  [[nodiscard]] Instant start() const { return {end_.load()}; }
  void stop(Instant now) { end_ = now.ns; }

 private:
  std::atomic<int64_t> end_{kStart.ns};
};

void threads(benchmark::internal::Benchmark* benchmark) {
  for (const int count : {1, 2, 4}) benchmark->Threads(count);
}

void one_bucket(benchmark::State& state) {
  static std::atomic<uint64_t> bucket{kBucketFull};
  const Bucket shape{{1'000'000'000, seconds(1)}, 1'000'000};
  static BenchClock clock;
  Instant now = clock.start();
  const auto take = [&] {
    now = now + Duration{100};
    uint64_t value = bucket.load(std::memory_order_acquire);
    Bucket::Taken taken{};
    do {
      taken = shape.take(value, Bucket::ticks(now), shape.cost(1), 0);
    } while (taken.taken &&
             !bucket.compare_exchange_weak(value, taken.bucket, std::memory_order_acq_rel));
    benchmark::DoNotOptimize(taken);
  };
  bench::measure(state, take, bench::kHotPath);
  clock.stop(now);
}
BENCHMARK(one_bucket)->Apply(threads);

void charge(benchmark::State& state, LimitKey key) {
  static const Ground grounds[2]{Ground({limit(LimitKey::kConnector)}),
                                 Ground({limit(LimitKey::kSource)})};
  static BenchClock clocks[2];
  const size_t which = key == LimitKey::kConnector ? 0 : 1;
  const Ground& ground = grounds[which];
  LimitSubject subject;
  subject.client = *IpAddress::parse("192.0.2.1");
  Charges charges;
  charges.reserve(4);
  Instant now = clocks[which].start();
  const auto check = [&] {
    now = now + Duration{100};
    charges.clear();
    benchmark::DoNotOptimize(ground.set->charge(1, Measure::kMessages, subject, 1, now, charges));
  };
  bench::measure(state, check, bench::kHotPath);
  clocks[which].stop(now);
  // Of the last message: 1.
  state.counters["passed"] =
      benchmark::Counter(static_cast<double>(charges.size()), benchmark::Counter::kAvgThreads);
}
BENCHMARK_CAPTURE(charge, connector, LimitKey::kConnector)->Apply(threads);
BENCHMARK_CAPTURE(charge, source, LimitKey::kSource)->Apply(threads);

// A million sources that are all live, met at random: each check is a trip to memory.
void charge_of_a_million(benchmark::State& state) {
  static const Ground ground({limit(LimitKey::kSource)});
  LimitSubject subject;
  Charges charges;
  charges.reserve(4);
  for (uint32_t i = 0; i < 1'000'000; ++i) {
    subject.client = IpAddress::v4(0x0a000000 + i);
    charges.clear();
    (void)ground.set->charge(1, Measure::kMessages, subject, 1, kStart, charges);
  }
  Prng random(1);
  const auto check = [&] {
    subject.client = IpAddress::v4(0x0a000000 + static_cast<uint32_t>(random.below(1'000'000)));
    charges.clear();
    benchmark::DoNotOptimize(
        ground.set->charge(1, Measure::kMessages, subject, 1, kStart, charges));
  };
  bench::measure(state, check, bench::kHotPath);
}
BENCHMARK(charge_of_a_million);

// Twenty limits of which a message meets all.
void twenty_limits(benchmark::State& state) {
  std::vector<Limit> limits;
  for (int bits = 13; bits < 32; ++bits) {
    Limit network = limit(LimitKey::kSourcePrefix);
    network.prefix_v4 = static_cast<uint8_t>(bits);
    limits.push_back(network);
  }
  limits.push_back(limit(LimitKey::kConnector));
  const Ground ground(limits);
  LimitSubject subject;
  subject.client = *IpAddress::parse("192.0.2.1");
  Charges charges;
  charges.reserve(32);
  Instant now = kStart;
  const auto check = [&] {
    now = now + Duration{1000};
    charges.clear();
    benchmark::DoNotOptimize(ground.set->charge(1, Measure::kMessages, subject, 1, now, charges));
  };
  bench::measure(state, check, bench::kHotPath);
}
BENCHMARK(twenty_limits);

}  // namespace
}  // namespace relais::policy
