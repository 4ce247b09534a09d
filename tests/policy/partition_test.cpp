#include "policy/partition.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/address_number.h"
#include "random_connectors.h"

namespace relais::policy {
namespace {

// Every stretch follows the one before it, and each address of interest gets the answer of
// select().
TEST(Partition, CoversTheSpaceAndAgreesWithSelect) {
  Prng prng(11);
  for (int round = 0; round < 300; ++round) {
    const auto connectors = random_connectors(prng);
    const auto table = ConnectorTable::compile(connectors);
    for (const char* text : {"0.0.0.0:25", "10.0.0.1:25", "10.9.9.9:25", "[::]:25",
                             "[2001:db8::1]:25", "10.0.0.1:26", "10.0.0.1:9"}) {
      const Endpoint local = *Endpoint::parse(text);
      const auto stretches = partition_at(connectors, table, local);
      ASSERT_FALSE(stretches.empty());
      EXPECT_EQ(number_of(stretches.front().addresses.first), AddressNumber{0});
      for (size_t i = 1; i < stretches.size(); ++i) {
        ASSERT_EQ(number_of(stretches[i].addresses.first),
                  number_of(stretches[i - 1].addresses.last) + 1);
      }
      for (const IpAddress& address : interesting_addresses(connectors, prng)) {
        if (address.family() != local.address.family()) continue;
        const auto at = std::ranges::find_if(
            stretches, [&](const Stretch& s) { return s.addresses.contains(address); });
        ASSERT_NE(at, stretches.end());
        const Selection expected = table.select(local, address);
        ASSERT_EQ(at->selection.connector_index, expected.connector_index);
        ASSERT_EQ(at->selection.range_index, expected.range_index);
      }
    }
  }
}

}  // namespace
}  // namespace relais::policy
