#include "random_connectors.h"

#include <utility>

#include "policy/address_number.h"

namespace relais::policy {
namespace {

constexpr const char* kBindings[] = {"0.0.0.0:25",       "10.0.0.1:25", "10.0.0.2:25",
                                     "0.0.0.0:587",      "10.0.0.1:26", "[::]:25",
                                     "[2001:db8::1]:25", "[::]:26"};

AddressRange random_range(Prng& prng) {
  const bool v4 = !prng.one_in(3);
  const auto family = v4 ? IpAddress::Family::kV4 : IpAddress::Family::kV6;
  const uint32_t bits = v4 ? 32 : 128;
  const AddressNumber all = ~AddressNumber{0} >> (128 - bits);
  // Both ends of the space, one dense corner, or anywhere.
  AddressNumber at = (AddressNumber{prng.next()} << 64 | prng.next()) & all;
  if (prng.one_in(2)) at = (AddressNumber{0x0a} << (bits - 8)) + prng.below(64);
  if (prng.one_in(16)) at = 0;
  if (prng.one_in(16)) at = all;
  if (prng.one_in(2)) {
    const auto host_bits = static_cast<uint32_t>(prng.one_in(4) ? prng.below(bits) : prng.below(7));
    const AddressNumber mask = (AddressNumber{1} << host_bits) - 1;
    return {address_of(family, at & ~mask), address_of(family, at | mask)};
  }
  const AddressNumber more = prng.below(prng.one_in(2) ? 4 : 40);
  return {address_of(family, at), address_of(family, more > all - at ? all : at + more)};
}

}  // namespace

std::vector<ReceiveConnector> random_connectors(Prng& prng) {
  std::vector<ReceiveConnector> connectors(prng.between(1, 8));
  for (size_t i = 0; i < connectors.size(); ++i) {
    ReceiveConnector& connector = connectors[i];
    connector.name = "Connector " + std::to_string(prng.below(1000)) + '/' + std::to_string(i);
    connector.enabled = !prng.one_in(8);
    for (uint64_t n = prng.between(1, 3); n > 0; --n) {
      connector.bindings.push_back({*Endpoint::parse(kBindings[prng.below(std::size(kBindings))])});
    }
    for (uint64_t n = prng.below(prng.one_in(4) ? 60 : 8); n > 0; --n) {
      connector.remote_ranges.push_back(random_range(prng));
    }
  }
  return connectors;
}

std::vector<IpAddress> interesting_addresses(const std::vector<ReceiveConnector>& connectors,
                                             Prng& prng) {
  std::vector<IpAddress> addresses = {IpAddress::v4(0), IpAddress::v4(UINT32_MAX),
                                      IpAddress::v6(0, 0), IpAddress::v6(UINT64_MAX, UINT64_MAX)};
  for (const auto& connector : connectors) {
    for (const auto& range : connector.remote_ranges) {
      // Beyond the end of the address space it wraps around, which is as good as any other address.
      for (const IpAddress& end : {range.first, range.last}) {
        for (const int step : {-1, 0, 1}) {
          const auto number = number_of(end) + static_cast<AddressNumber>(step);
          addresses.push_back(address_of(end.family(), number));
        }
      }
    }
  }
  for (int i = 0; i < 20; ++i) {
    addresses.push_back(IpAddress::v4(static_cast<uint32_t>(prng.next())));
    addresses.push_back(IpAddress::v6(prng.next(), prng.next()));
    addresses.push_back(IpAddress::v4(0x0a000000 + static_cast<uint32_t>(prng.below(80))));
  }
  return addresses;
}

std::vector<ReceiveConnector> shuffled(std::vector<ReceiveConnector> connectors, Prng& prng) {
  shuffle(connectors, prng);
  return connectors;
}

}  // namespace relais::policy
