#include "policy/connector_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include "policy/address_number.h"
#include "random_connectors.h"

namespace relais::policy {
namespace {

ReceiveConnector make(std::string name, std::vector<const char*> bindings,
                      std::vector<const char*> ranges) {
  ReceiveConnector connector;
  connector.name = std::move(name);
  for (const char* text : bindings) connector.bindings.push_back({*Endpoint::parse(text)});
  for (const char* text : ranges) connector.remote_ranges.push_back(*AddressRange::parse(text));
  return connector;
}

std::string chosen(const std::vector<ReceiveConnector>& connectors, const char* local,
                   const char* remote) {
  const auto table = ConnectorTable::compile(connectors);
  const Selection found = table.select(*Endpoint::parse(local), *IpAddress::parse(remote));
  return found.connector != nullptr ? found.connector->name : "none";
}

// The rule of design.md, read off entry by entry.
std::optional<std::string> choose_slowly(const std::vector<ReceiveConnector>& connectors,
                                         const Endpoint& local, const IpAddress& remote) {
  using Key = std::tuple<AddressNumber, bool, std::string, size_t>;
  std::optional<Key> best;
  for (const auto& connector : connectors) {
    bool specific = false;
    bool wildcard = false;
    for (const auto& binding : connector.bindings) {
      if (binding.endpoint == local) specific = true;
      if (binding.is_wildcard() && binding.endpoint.port == local.port &&
          binding.endpoint.address.family() == local.address.family()) {
        wildcard = true;
      }
    }
    if (!connector.enabled || (!specific && !wildcard)) continue;
    for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
      const auto& range = connector.remote_ranges[i];
      if (!range.contains(remote)) continue;
      const Key key{number_of(range.last) - number_of(range.first), !specific, connector.name, i};
      if (!best || key < *best) best = key;
    }
  }
  if (!best) return std::nullopt;
  return std::get<2>(*best) + '[' + std::to_string(std::get<3>(*best)) + ']';
}

std::optional<std::string> choose(const ConnectorTable& table, const Endpoint& local,
                                  const IpAddress& remote) {
  const Selection found = table.select(local, remote);
  if (found.connector == nullptr) return std::nullopt;
  return found.connector->name + '[' + std::to_string(found.range_index) + ']';
}

TEST(ConnectorTable, TheExampleOfTheDocumentation) {
  const std::vector<ReceiveConnector> connectors = {
      make("A", {"0.0.0.0:25"}, {"0.0.0.0-255.255.255.255"}),
      make("B", {"0.0.0.0:25"}, {"192.168.1.0-192.168.1.255"}),
      make("C", {"0.0.0.0:25"}, {"192.168.1.75"})};
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.75"), "C");
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.100"), "B");
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.2.1"), "A");
  EXPECT_EQ(chosen(connectors, "10.0.0.1:26", "192.168.2.1"), "none");
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "2001:db8::1"), "none");
}

TEST(ConnectorTable, TheSmallerRangeBeatsTheMoreSpecificBinding) {
  const std::vector<ReceiveConnector> connectors = {
      make("specific", {"10.0.0.1:25"}, {"192.168.0.0/16"}),
      make("wildcard", {"0.0.0.0:25"}, {"192.168.1.0/24"})};
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "wildcard");
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.2.1"), "specific");
  EXPECT_EQ(chosen(connectors, "10.0.0.2:25", "192.168.2.1"), "none");
}

TEST(ConnectorTable, OnTheSameRangeTheSpecificBindingBeatsTheWildcard) {
  const std::vector<ReceiveConnector> connectors = {
      make("a wildcard", {"0.0.0.0:25"}, {"192.168.1.0/24"}),
      make("b specific", {"10.0.0.1:25"}, {"192.168.1.0/24"})};
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "b specific");
  EXPECT_EQ(chosen(connectors, "10.0.0.2:25", "192.168.1.1"), "a wildcard");
}

TEST(ConnectorTable, AWildcardServesItsOwnFamilyOnly) {
  const std::vector<ReceiveConnector> connectors = {
      make("v4", {"0.0.0.0:25"}, {"0.0.0.0/0", "::/0"}), make("v6", {"[::]:26"}, {"::/0"})};
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "v4");
  EXPECT_EQ(chosen(connectors, "[2001:db8::1]:25", "2001:db8::2"), "none");
  EXPECT_EQ(chosen(connectors, "[2001:db8::1]:26", "2001:db8::2"), "v6");
}

TEST(ConnectorTable, DisabledConnectorsLetTheirClientsFallThrough) {
  std::vector<ReceiveConnector> connectors = {make("all", {"0.0.0.0:25"}, {"0.0.0.0/0"}),
                                              make("one", {"0.0.0.0:25"}, {"192.168.1.1"})};
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "one");
  connectors[1].enabled = false;
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "all");
  connectors[0].enabled = false;
  EXPECT_EQ(chosen(connectors, "10.0.0.1:25", "192.168.1.1"), "none");
}

TEST(ConnectorTable, MappedClientsAndListenersAreIPv4) {
  const std::vector<ReceiveConnector> connectors = {make("v4", {"0.0.0.0:25"}, {"192.168.1.1"})};
  EXPECT_EQ(chosen(connectors, "[::ffff:10.0.0.1]:25", "::ffff:192.168.1.1"), "v4");
}

TEST(ConnectorTable, WithoutConnectorsNobodyIsServed) {
  const Endpoint local = *Endpoint::parse("10.0.0.1:25");
  EXPECT_EQ(ConnectorTable().select(local, IpAddress::v4(1)).connector, nullptr);
  const std::vector<ReceiveConnector> none;
  EXPECT_EQ(ConnectorTable::compile(none).select(local, IpAddress::v4(1)).connector, nullptr);
  EXPECT_EQ(chosen({make("no ranges", {"0.0.0.0:25"}, {})}, "10.0.0.1:25", "1.2.3.4"), "none");
}

TEST(ConnectorTable, AgreesWithTheRuleOnRandomRuleSets) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Prng prng(seed);
    const auto connectors = random_connectors(prng);
    const auto table = ConnectorTable::compile(connectors);
    for (const IpAddress& remote : interesting_addresses(connectors, prng)) {
      for (const char* text : {"10.0.0.1:25", "10.0.0.2:25", "10.9.9.9:25", "10.0.0.1:26",
                               "10.0.0.1:587", "[2001:db8::1]:25", "[2001:db8::2]:25"}) {
        const Endpoint local = *Endpoint::parse(text);
        ASSERT_EQ(choose(table, local, remote), choose_slowly(connectors, local, remote))
            << "seed " << seed << ", " << remote.to_string() << " at " << text;
      }
    }
  }
}

TEST(ConnectorTable, DeclarationOrderDoesNotMatter) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    const auto connectors = random_connectors(prng);
    const auto other = shuffled(connectors, prng);
    const auto table = ConnectorTable::compile(connectors);
    const auto other_table = ConnectorTable::compile(other);
    for (const IpAddress& remote : interesting_addresses(connectors, prng)) {
      for (const char* text : {"10.0.0.1:25", "10.9.9.9:25", "[2001:db8::1]:25"}) {
        const Endpoint local = *Endpoint::parse(text);
        ASSERT_EQ(choose(table, local, remote), choose(other_table, local, remote))
            << "seed " << seed << ", " << remote.to_string() << " at " << text;
      }
    }
  }
}

// Of equally large ranges of one connector the first in its list is named; that, and no more,
// depends on the order.
std::string choose_by_size(const ConnectorTable& table, const Endpoint& local,
                           const IpAddress& remote) {
  const Selection found = table.select(local, remote);
  if (found.connector == nullptr) return "none";
  const AddressRange& range = found.connector->remote_ranges[found.range_index];
  const auto family = range.first.family();
  const AddressNumber more = number_of(range.last) - number_of(range.first);
  return found.connector->name +
         ", more addresses than one: " + address_of(family, more).to_string();
}

TEST(ConnectorTable, TheOrderOfRangesAndBindingsDoesNotMatterEither) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Prng prng(seed);
    const auto connectors = random_connectors(prng);
    auto other = shuffled(connectors, prng);
    for (ReceiveConnector& connector : other) {
      shuffle(connector.remote_ranges, prng);
      shuffle(connector.bindings, prng);
    }
    const auto table = ConnectorTable::compile(connectors);
    const auto other_table = ConnectorTable::compile(other);
    for (const IpAddress& remote : interesting_addresses(connectors, prng)) {
      for (const char* text : {"10.0.0.1:25", "10.9.9.9:25", "[2001:db8::1]:25"}) {
        const Endpoint local = *Endpoint::parse(text);
        ASSERT_EQ(choose_by_size(table, local, remote), choose_by_size(other_table, local, remote))
            << "seed " << seed << ", " << remote.to_string() << " at " << text;
      }
    }
  }
}

TEST(ConnectorTable, ConnectorsOnManyBindingsShareOneTrie) {
  std::vector<ReceiveConnector> connectors = {make("many", {}, {})};
  for (uint32_t i = 0; i < 1000; ++i) {
    connectors[0].bindings.push_back({{IpAddress::v4(0x0a000000 + i), 25}});
    connectors[0].remote_ranges.push_back({IpAddress::v4(i * 1000), IpAddress::v4(i * 1000 + 9)});
  }
  EXPECT_LT(ConnectorTable::compile(connectors).octets(), 150'000U);
}

TEST(ConnectorTable, ASmallTableIsSmall) {
  const std::vector<ReceiveConnector> connectors = {
      make("all", {"0.0.0.0:25", "[::]:25"}, {"0.0.0.0/0", "::/0"}),
      make("relay", {"0.0.0.0:25"}, {"192.168.5.10", "192.168.5.11", "10.0.0.0/8"})};
  EXPECT_LT(ConnectorTable::compile(connectors).octets(), 4096U);
}

}  // namespace
}  // namespace relais::policy
