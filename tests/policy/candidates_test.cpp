#include "policy/candidates.h"

#include <gtest/gtest.h>

#include "random_connectors.h"

namespace relais::policy {
namespace {

ReceiveConnector connector(const std::string& name, const std::string& binding,
                           const std::string& range, bool enabled = true) {
  ReceiveConnector made;
  made.name = name;
  made.enabled = enabled;
  made.bindings = {{*Endpoint::parse(binding)}};
  made.remote_ranges = {*AddressRange::parse(range)};
  return made;
}

std::vector<Standing> standings(const std::vector<ReceiveConnector>& connectors,
                                const std::string& local, const std::string& remote) {
  std::vector<Standing> found;
  for (const Candidate& candidate :
       candidates_for(connectors, *Endpoint::parse(local), *IpAddress::parse(remote))) {
    found.push_back(candidate.standing);
  }
  return found;
}

TEST(Candidates, EachHasItsReason) {
  const std::vector<ReceiveConnector> connectors = {
      connector("Winner", "10.0.0.1:25", "192.168.5.0/24"),
      connector("Off", "10.0.0.1:25", "192.168.5.10", false),
      connector("Elsewhere", "10.0.0.1:587", "192.168.5.10"),
      connector("Other range", "0.0.0.0:25", "192.168.6.0/24"),
      connector("Wider", "10.0.0.1:25", "192.168.0.0/16"),
      connector("Wildcard", "0.0.0.0:25", "192.168.5.0/24"),
      connector("Zulu", "10.0.0.1:25", "192.168.5.0-192.168.5.255"),
  };
  using enum Standing;
  EXPECT_EQ(standings(connectors, "10.0.0.1:25", "192.168.5.10"),
            (std::vector<Standing>{kWins, kDisabled, kNoBinding, kNoRange, kWiderRange,
                                   kWildcardBinding, kLaterName}));
  EXPECT_EQ(standings(connectors, "10.0.0.2:25", "192.168.5.10"),
            (std::vector<Standing>{kNoBinding, kDisabled, kNoBinding, kNoRange, kNoBinding, kWins,
                                   kNoBinding}));
}

// Whatever the rule set: the one that is said to win is the one that select() gives.
TEST(Candidates, AgreeWithTheTable) {
  Prng prng(3);
  for (int round = 0; round < 300; ++round) {
    const auto connectors = random_connectors(prng);
    const auto table = ConnectorTable::compile(connectors);
    for (const char* text : {"0.0.0.0:25", "10.0.0.1:25", "10.0.0.9:25", "[2001:db8::1]:25"}) {
      const Endpoint local = *Endpoint::parse(text);
      for (const IpAddress& remote : interesting_addresses(connectors, prng)) {
        if (remote.family() != local.address.family()) continue;
        const Selection selection = table.select(local, remote);
        uint32_t winner = UINT32_MAX;
        uint32_t range = UINT32_MAX;
        for (const Candidate& candidate : candidates_for(connectors, local, remote)) {
          if (candidate.standing != Standing::kWins) continue;
          ASSERT_EQ(winner, UINT32_MAX) << "two winners";
          winner = candidate.connector;
          range = candidate.range;
        }
        ASSERT_EQ(winner, selection.connector_index);
        if (winner == UINT32_MAX) continue;
        const auto& ranges = connectors[winner].remote_ranges;
        ASSERT_EQ(ranges[range], ranges[selection.range_index]);
      }
    }
  }
}

}  // namespace
}  // namespace relais::policy
