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

// A PROXY header may name clients of either family, whatever the binding's own is.
TEST(Partition, BehindAProxyHasBothFamilies) {
  ReceiveConnector connector;
  connector.name = "In";
  connector.bindings = {{*Endpoint::parse("0.0.0.0:25")}};
  connector.remote_ranges = {*AddressRange::parse("10.0.0.0/8"),
                             *AddressRange::parse("2001:db8::/32")};
  const Endpoint local = connector.bindings[0].endpoint;
  const auto stretches_of = [&] {
    const std::vector<ReceiveConnector> list{connector};
    std::string text;
    for (const Stretch& stretch : partition_at(list, ConnectorTable::compile(list), local)) {
      text += stretch.addresses.to_string();
      text += stretch.selection.connector == nullptr ? " none, " : " served, ";
    }
    return text;
  };
  EXPECT_EQ(stretches_of(),
            "0.0.0.0-9.255.255.255 none, 10.0.0.0/8 served, 11.0.0.0-255.255.255.255 none, ");
  connector.proxy_protocol = true;
  EXPECT_EQ(stretches_of(),
            "0.0.0.0-9.255.255.255 none, 10.0.0.0/8 served, 11.0.0.0-255.255.255.255 none, "
            "::-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff none, 2001:db8::/32 served, "
            "2001:db9::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff none, ");
}

}  // namespace
}  // namespace relais::policy
