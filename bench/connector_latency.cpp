// How long one client waits for its connector: medians, beside what simpler tables would cost.
//
//   connector_latency [--quick] [MAX_RANGES]
//
// A row is a rule set and a way to ask:
//
//   set       uniform: single addresses, /24 and /16 (/128, /64, /56) anywhere. clustered: 64
//             networks (/16, /48) full of single hosts, small a-b ranges and /28 (/64, /120)
//   family    4, 6, or both: half of the ranges each, clients of the two in turn
//   clients   none: random addresses of the space or the networks that no range holds; listed: in a
//             random range; mixed: one or the other
//   latency   ns, each look-up waiting for the one before
//   rate      ns a look-up, when the CPU may overlap them
//   search    latency of a binary search over the sorted segments; scan: of the list, if short
//
// Timed in chunks of kChunk look-ups, of which the median is printed, so that other programs'
// turns do not count. Clients are new in every chunk.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "policy/address_number.h"
#include "policy/connector_table.h"

namespace {

using namespace relais;
using namespace relais::policy;
using Clock = std::chrono::steady_clock;

constexpr size_t kChunk = 64;
constexpr size_t kConnectors = 10;
constexpr size_t kScanMax = 1'000;
constexpr uint64_t kNetworks = 64;

enum class Clients { kNone, kListed, kMixed };

volatile uint32_t opaque_zero = 0;  // the compiler must not know that it is

IpAddress random_address(Prng& prng, bool v4, bool clustered) {
  const uint64_t a = prng.next();
  const uint64_t network = prng.below(kNetworks) * 0x9e3779b1U;
  if (v4) {
    return IpAddress::v4(clustered ? static_cast<uint32_t>((network << 16) | (a & 0xffff))
                                   : static_cast<uint32_t>(a));
  }
  if (!clustered) return IpAddress::v6(0x2001'0db8'0000'0000 | a >> 32, prng.next());
  // Hosts of a /48 sit low in its first thousand /64.
  const uint64_t subnet = a % 1024;
  return IpAddress::v6(0x2001'0000'0000'0000 | (network & 0xffff'ffff) << 16 | subnet,
                       prng.next() % 4096);
}

AddressRange random_range(Prng& prng, bool v4, bool clustered) {
  const IpAddress at = random_address(prng, v4, clustered);
  const uint64_t kind = prng.below(10);  // eight of ten are single addresses
  if (kind < 8) return {at, at};
  if (clustered && kind == 8) {
    const uint64_t more = std::min(prng.below(9), UINT32_MAX - (at.low() & UINT32_MAX));
    return {at, v4 ? IpAddress::v4(static_cast<uint32_t>(at.low() + more))
                   : IpAddress::v6(at.high(), at.low() + more)};
  }
  if (v4) {
    const auto value = static_cast<uint32_t>(at.low());
    const uint32_t mask = clustered ? 0xf : kind == 8 ? 0xff : 0xffff;
    return {IpAddress::v4(value & ~mask), IpAddress::v4(value | mask)};
  }
  const uint64_t high = clustered || kind == 8 ? 0 : 0xff;
  const uint64_t low = clustered ? 0xff : UINT64_MAX;
  return {IpAddress::v6(at.high() & ~high, at.low() & ~low),
          IpAddress::v6(at.high() | high, at.low() | low)};
}

struct Query {
  Endpoint local;
  IpAddress remote;
};

// What binary search works on: where the answer changes, by family, and whether it is "none".
struct Sorted {
  std::vector<AddressNumber> starts;
  std::vector<uint32_t> answers;
};

struct Rules {
  bool clustered;
  std::vector<bool> families;  // true: IPv4
  std::vector<ReceiveConnector> connectors{kConnectors};
  std::vector<AddressRange> ranges;
  ConnectorTable table;

  Rules(bool in_clusters, std::string_view family, size_t count) : clustered(in_clusters) {
    if (family != "6") families.push_back(true);
    if (family != "4") families.push_back(false);
    Prng prng(count);
    const auto before = [](const AddressRange& a, const AddressRange& b) {
      return a.first != b.first ? a.first < b.first : a.last < b.last;
    };
    // What two connectors would share is dropped, and made up for.
    for (int tries = 0; tries < 20 && ranges.size() < count; ++tries) {
      while (ranges.size() < count) {
        ranges.push_back(random_range(prng, families[ranges.size() % families.size()], clustered));
      }
      std::ranges::sort(ranges, before);
      const auto twice = std::ranges::unique(ranges);
      ranges.erase(twice.begin(), twice.end());
    }
    for (size_t i = 0; i < kConnectors; ++i) {
      connectors[i].name = fmt::format("Connector {}", i);
      for (const char* any : {"0.0.0.0:25", "[::]:25"}) {
        connectors[i].bindings.push_back({*Endpoint::parse(any)});
      }
    }
    for (const AddressRange& range : ranges) {
      connectors[prng.below(kConnectors)].remote_ranges.push_back(range);
    }
    table = ConnectorTable::compile(connectors);
  }

  [[nodiscard]] Query query(const IpAddress& remote) const {
    static const Endpoint kV4 = *Endpoint::parse("10.0.0.1:25");
    static const Endpoint kV6 = *Endpoint::parse("[2001:db8::1]:25");
    return {remote.is_v4() ? kV4 : kV6, remote};
  }

  [[nodiscard]] Query listed(Prng& prng) const {
    const AddressRange& range = ranges[prng.below(ranges.size())];
    const AddressNumber size = number_of(range.last) - number_of(range.first);
    const AddressNumber offset = prng.next() & static_cast<uint64_t>(size);
    return query(address_of(range.first.family(), number_of(range.first) + offset));
  }

  [[nodiscard]] Query unlisted(Prng& prng, bool v4) const {
    while (true) {
      const Query made = query(random_address(prng, v4, clustered));
      if (table.select(made.local, made.remote).connector == nullptr) return made;
    }
  }

  void fill(Prng& prng, Clients clients, std::vector<Query>& queries) const {
    for (size_t i = 0; i < queries.size(); ++i) {
      const bool is_listed =
          clients == Clients::kListed || (clients == Clients::kMixed && prng.below(2) == 0);
      queries[i] = is_listed ? listed(prng) : unlisted(prng, families[i % families.size()]);
    }
  }
};

Sorted segments_of(const Rules& rules, bool v4) {
  Sorted sorted;
  std::vector<AddressNumber> ends;
  for (const AddressRange& range : rules.ranges) {
    if (range.first.is_v4() != v4) continue;
    ends.push_back(number_of(range.first));
    ends.push_back(number_of(range.last) + 1);
  }
  ends.push_back(0);
  std::ranges::sort(ends);
  const auto twice = std::ranges::unique(ends);
  ends.erase(twice.begin(), twice.end());
  for (const AddressNumber& start : ends) {
    const Query query =
        rules.query(address_of(v4 ? IpAddress::Family::kV4 : IpAddress::Family::kV6, start));
    sorted.starts.push_back(start);
    sorted.answers.push_back(rules.table.select(query.local, query.remote).connector_index);
  }
  return sorted;
}

double median(std::vector<double>& values) {
  std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

// ns a look-up; `waits`: each depends on the one before.
template <class Find>
double measure(const Rules& rules, Clients clients, size_t chunks, bool waits, Find find) {
  Prng prng(99);
  std::vector<Query> queries(kChunk * 16);
  std::vector<double> times;
  const uint32_t mask = waits ? opaque_zero : 0;
  uint32_t before = 0;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    if (chunk % 16 == 0) rules.fill(prng, clients, queries);
    const Query* const here = &queries[chunk % 16 * kChunk];
    const auto begin = Clock::now();
    for (size_t i = 0; i < kChunk; ++i) {
      const Query& query = here[i + (waits ? before & mask : 0)];
      before = waits ? find(query) : before + find(query);
    }
    const std::chrono::duration<double, std::nano> taken = Clock::now() - begin;
    times.push_back(taken.count() / kChunk);
  }
  opaque_zero = before & mask;
  return median(times);
}

void print_rows(bool clustered, std::string_view family, size_t count, size_t chunks) {
  const Rules rules(clustered, family, count);
  const Sorted v4 = segments_of(rules, true);
  const Sorted v6 = segments_of(rules, false);
  const auto select = [&](const Query& query) {
    return rules.table.select(query.local, query.remote).connector_index;
  };
  const auto search = [&](const Query& query) {
    const Sorted& sorted = query.remote.is_v4() ? v4 : v6;
    const auto after = std::ranges::upper_bound(sorted.starts, number_of(query.remote));
    return sorted.answers[static_cast<size_t>(after - sorted.starts.begin()) - 1];
  };
  const auto scan = [&](const Query& query) {
    uint32_t found = 0;
    for (const AddressRange& range : rules.ranges) found += range.contains(query.remote) ? 1U : 0U;
    return found;
  };
  for (const Clients clients : {Clients::kNone, Clients::kListed, Clients::kMixed}) {
    static constexpr std::string_view kNames[] = {"none", "listed", "mixed"};
    fmt::print("{:<10} {:<5} {:>8} {:<7} {:>8.1f} {:>6.1f} {:>7.1f} {:>9} {:>10}\n",
               clustered ? "clustered" : "uniform", family, rules.ranges.size(),
               kNames[static_cast<size_t>(clients)], measure(rules, clients, chunks, true, select),
               measure(rules, clients, chunks, false, select),
               measure(rules, clients, chunks, true, search),
               count <= kScanMax
                   ? fmt::format("{:.1f}", measure(rules, clients, chunks / 50 + 1, true, scan))
                   : "-",
               rules.table.octets());
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t chunks = 8'000;
  size_t most = 1'000'000;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--quick") {
      chunks = 32;
      most = 1'000;
    } else {
      most = std::strtoul(argv[i], nullptr, 10);
    }
  }
  fmt::print("{:<10} {:<5} {:>8} {:<7} {:>8} {:>6} {:>7} {:>9} {:>10}\n", "set", "family", "ranges",
             "clients", "latency", "rate", "search", "scan", "octets");
  for (const bool clustered : {false, true}) {
    for (const std::string_view family : {"4", "6", "both"}) {
      for (const size_t count : {10UL, 1'000UL, 100'000UL, 1'000'000UL}) {
        if (count <= most) print_rows(clustered, family, count, chunks);
      }
    }
  }
  return 0;
}
