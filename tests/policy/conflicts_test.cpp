#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "policy/connector_table.h"
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

using Pair = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, bool>;
Pair key(const Conflict& c) {
  return {c.a_connector, c.a_range, c.b_connector, c.b_range, c.partial};
}

bool share_a_binding(const ReceiveConnector& a, const ReceiveConnector& b) {
  return std::ranges::any_of(a.bindings, [&](const Binding& binding) {
    return std::ranges::find(b.bindings, binding) != b.bindings.end();
  });
}

// Every pair that conflicts by the rule of design.md, each against each.
std::set<Pair> all_pairs(const std::vector<ReceiveConnector>& connectors) {
  std::set<Pair> pairs;
  for (uint32_t a = 0; a < connectors.size(); ++a) {
    for (uint32_t b = a + 1; b < connectors.size(); ++b) {
      if (!connectors[a].enabled || !connectors[b].enabled) continue;
      if (!share_a_binding(connectors[a], connectors[b])) continue;
      for (uint32_t i = 0; i < connectors[a].remote_ranges.size(); ++i) {
        for (uint32_t j = 0; j < connectors[b].remote_ranges.size(); ++j) {
          const AddressRange& x = connectors[a].remote_ranges[i];
          const AddressRange& y = connectors[b].remote_ranges[j];
          if (x == y) pairs.insert({a, i, b, j, false});
          const bool disjoint = x.last < y.first || y.last < x.first;
          const bool nested =
              (x.first <= y.first && y.last <= x.last) || (y.first <= x.first && x.last <= y.last);
          if (!disjoint && !nested) pairs.insert({a, i, b, j, true});
        }
      }
    }
  }
  return pairs;
}

TEST(Conflicts, NestedAndDisjointRangesAreFine) {
  EXPECT_TRUE(find_conflicts({make("A", {"0.0.0.0:25"}, {"0.0.0.0/0", "::/0"}),
                              make("B", {"0.0.0.0:25"}, {"10.0.0.0/8", "192.168.0.0/16"}),
                              make("C", {"0.0.0.0:25"}, {"10.0.0.0/9", "10.255.255.255"})})
                  .empty());
}

TEST(Conflicts, TheSameRangeOnTheSameBinding) {
  const auto found = find_conflicts({make("A", {"0.0.0.0:25"}, {"10.0.0.1", "10.0.0.0/24"}),
                                     make("B", {"0.0.0.0:25"}, {"10.0.0.0-10.0.0.255"})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], (Conflict{0, 1, 1, 0, false}));
}

TEST(Conflicts, APartialOverlapOnOneBinding) {
  const auto found = find_conflicts({make("A", {"0.0.0.0:25"}, {"10.0.0.0-10.0.0.20"}),
                                     make("B", {"0.0.0.0:25"}, {"10.0.0.20-10.0.0.30"})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], (Conflict{0, 0, 1, 0, true}));
}

TEST(Conflicts, OtherBindingsAndDisabledConnectorsDoNotConflict) {
  const auto range = std::vector<const char*>{"10.0.0.0/24"};
  EXPECT_TRUE(find_conflicts({make("A", {"0.0.0.0:25"}, range), make("B", {"10.0.0.1:25"}, range),
                              make("C", {"0.0.0.0:26"}, range)})
                  .empty());
  auto disabled = make("B", {"0.0.0.0:25"}, range);
  disabled.enabled = false;
  EXPECT_TRUE(find_conflicts({make("A", {"0.0.0.0:25"}, range), disabled}).empty());
}

TEST(Conflicts, AConnectorDoesNotConflictWithItself) {
  EXPECT_TRUE(
      find_conflicts({make("A", {"0.0.0.0:25", "[::]:25"},
                           {"10.0.0.1", "10.0.0.1", "10.0.0.0-10.0.0.5", "10.0.0.3-10.0.0.9"}),
                      make("B", {"0.0.0.0:25"}, {"192.168.0.1"})})
          .empty());
}

TEST(Conflicts, OnePairOnManyBindingsIsToldOnce) {
  const auto range = std::vector<const char*>{"10.0.0.0/24"};
  const auto found = find_conflicts({make("A", {"0.0.0.0:25", "0.0.0.0:26", "10.0.0.1:25"}, range),
                                     make("B", {"0.0.0.0:26", "0.0.0.0:25", "0.0.0.0:27"}, range),
                                     make("C", {"0.0.0.0:28"}, range)});
  EXPECT_EQ(found.size(), 1U);
}

TEST(Conflicts, AgreesWithEachAgainstEachOnRandomRuleSets) {
  size_t good = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    Prng prng(seed);
    const auto connectors = random_connectors(prng);
    const std::set<Pair> all = all_pairs(connectors);
    const auto found = find_conflicts(connectors);
    ASSERT_EQ(found.empty(), all.empty()) << "seed " << seed;
    if (all.empty()) ++good;
    std::set<std::tuple<uint32_t, uint32_t, bool>> named;
    for (const Conflict& conflict : found) {
      ASSERT_TRUE(all.contains(key(conflict))) << "seed " << seed;
      named.insert({conflict.a_connector, conflict.a_range, conflict.partial});
      named.insert({conflict.b_connector, conflict.b_range, conflict.partial});
    }
    // Of each true pair at least the range that begins later is named.
    for (const auto& [a, i, b, j, partial] : all) {
      const bool a_named = named.contains({a, i, partial});
      const bool b_named = named.contains({b, j, partial});
      ASSERT_TRUE(a_named || b_named) << "seed " << seed;
    }
    ASSERT_TRUE(std::ranges::is_sorted(found, {}, key));
  }
  EXPECT_GT(good, 50U) << "hardly any good rule set: the generator no longer tests that side";
}

TEST(Conflicts, MakingTheNamedRangesGoAwayCuresTheSet) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    auto connectors = random_connectors(prng);
    for (int round = 0; round < 1000; ++round) {
      const auto found = find_conflicts(connectors);
      if (found.empty()) break;
      auto& ranges = connectors[found[0].b_connector].remote_ranges;
      ranges.erase(ranges.begin() + found[0].b_range);
    }
    EXPECT_TRUE(all_pairs(connectors).empty()) << "seed " << seed;
  }
}

TEST(Conflicts, TheWorstCaseStaysBounded) {
  // Two connectors, every range of one overlapping every range of the other in part: n^2 / 2 pairs.
  std::vector<ReceiveConnector> connectors = {make("A", {"0.0.0.0:25"}, {}),
                                              make("B", {"0.0.0.0:25"}, {})};
  constexpr uint32_t kRanges = 20'000;
  for (uint32_t i = 0; i < kRanges; ++i) {
    connectors[i % 2].remote_ranges.push_back({IpAddress::v4(i), IpAddress::v4(1'000'000 + i)});
  }
  const auto found = find_conflicts(connectors);
  EXPECT_EQ(found.size(), kRanges - 1);
}

}  // namespace
}  // namespace relais::policy
