#include "policy/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/address_number.h"
#include "policy/snapshot.h"
#include "random_connectors.h"

namespace relais::policy {
namespace {

ReceiveConnector connector(const std::string& name, const std::string& range, bool relays = false,
                           const std::string& binding = "0.0.0.0:25") {
  ReceiveConnector made;
  made.name = name;
  made.bindings = {{*Endpoint::parse(binding)}};
  made.remote_ranges = {*AddressRange::parse(range)};
  made.permission_groups.add(PermissionGroup::kAnonymousUsers);
  if (relays) made.permissions = {{Principal::kAnonymous, mask(Right::kAcceptAnyRecipient), false}};
  return made;
}

std::vector<std::string> texts(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const Endpoint& local : comparison.appeared) lines.push_back("+ " + local.to_string());
  for (const Endpoint& local : comparison.disappeared) lines.push_back("- " + local.to_string());
  for (const Change& c : comparison.changes) {
    lines.push_back(c.local.to_string() + ' ' + c.clients.to_string() + ' ' + c.before + "->" +
                    c.after + " -" + std::to_string(c.lost) + " +" + std::to_string(c.gained));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(Comparison, OfTheSameIsEmpty) {
  const std::vector<ReceiveConnector> one = {connector("A", "10.0.0.0/8"),
                                             connector("B", "10.1.0.0/16", true)};
  EXPECT_EQ(texts(compare(one, {one[1], one[0]})), Lines{});
}

TEST(Comparison, ANarrowerRelay) {
  const auto everyone = connector("Default", "0.0.0.0/0");
  EXPECT_EQ(texts(compare({everyone, connector("Relay", "192.168.5.10-192.168.5.20", true)},
                          {everyone, connector("Relay", "192.168.5.10-192.168.5.11", true)})),
            Lines{"0.0.0.0:25 192.168.5.12-192.168.5.20 Relay->Default -2 +0"});
}

TEST(Comparison, RightsAloneAreAChangeAndStretchesAreMerged) {
  const auto before = connector("Relay", "10.0.0.0/24");
  auto after = connector("Relay", "10.0.0.0/25", true);
  after.remote_ranges.push_back(*AddressRange::parse("10.0.0.128/25"));
  EXPECT_EQ(texts(compare({before}, {after})), Lines{"0.0.0.0:25 10.0.0.0/24 Relay->Relay -0 +2"});
}

TEST(Comparison, ClientsThatNobodyServesAnyMore) {
  EXPECT_EQ(texts(compare({connector("A", "10.0.0.0/24")}, {connector("A", "10.0.0.0/25")})),
            Lines{"0.0.0.0:25 10.0.0.128/25 A-> -77 +0"});
}

TEST(Comparison, EndpointsComeAndGo) {
  const auto a = connector("A", "0.0.0.0/0");
  const auto b = connector("B", "0.0.0.0/0", false, "10.0.0.1:587");
  EXPECT_EQ(texts(compare({a}, {a, b})), Lines{"+ 10.0.0.1:587"});
  EXPECT_EQ(texts(compare({a, b}, {a})), Lines{"- 10.0.0.1:587"});
  // One that goes falls to the wildcard of its port.
  const auto c = connector("C", "0.0.0.0/0", false, "10.0.0.1:25");
  EXPECT_EQ(texts(compare({a, c}, {a})), Lines{"10.0.0.1:25 0.0.0.0/0 C->A -0 +0"});
}

TEST(Comparison, OfChosenClients) {
  const std::vector<IpAddress> clients = {*IpAddress::parse("10.0.0.200"),
                                          *IpAddress::parse("10.0.0.201"),
                                          *IpAddress::parse("10.0.0.1"), *IpAddress::parse("::1")};
  EXPECT_EQ(
      texts(compare({connector("A", "10.0.0.0/24")}, {connector("A", "10.0.0.0/25")}, clients)),
      (Lines{"0.0.0.0:25 10.0.0.200 A-> -77 +0", "0.0.0.0:25 10.0.0.201 A-> -77 +0"}));
}

// For every address of interest the change that holds it, or none, is what two snapshots say.
TEST(Comparison, AgreesWithAskingOneByOne) {
  Prng prng(5);
  for (int round = 0; round < 300; ++round) {
    auto before = random_connectors(prng);
    auto after = prng.one_in(2) ? random_connectors(prng) : before;
    for (auto* side : {&before, &after}) {
      for (size_t i = 0; i < side->size(); ++i) {
        auto& one = (*side)[i];
        one.name = std::string(1, static_cast<char>('A' + i));  // names that both sides have
        if (prng.one_in(2)) one.permission_groups.add(PermissionGroup::kAnonymousUsers);
        if (prng.one_in(4))
          one.permissions = {{Principal::kAnonymous, mask(Right::kAcceptAnyRecipient), false}};
      }
    }
    const Comparison found = compare(before, after);
    const Snapshot old_one(before, AcceptedDomains());
    const Snapshot new_one(after, AcceptedDomains());
    auto addresses = interesting_addresses(before, prng);
    const auto more = interesting_addresses(after, prng);
    addresses.insert(addresses.end(), more.begin(), more.end());
    for (const char* text : {"0.0.0.0:25", "10.0.0.1:25", "10.0.0.2:25", "0.0.0.0:587",
                             "10.0.0.1:26", "[::]:25", "[2001:db8::1]:25", "[::]:26"}) {
      const Endpoint local = *Endpoint::parse(text);
      const auto listens = [&](const std::vector<ReceiveConnector>& side, bool exactly) {
        return std::ranges::any_of(side, [&](const ReceiveConnector& c) {
          return c.enabled && std::ranges::any_of(c.bindings, [&](const Binding& b) {
                   const bool wildcard = b.is_wildcard() && b.endpoint.port == local.port &&
                                         b.endpoint.address.family() == local.address.family();
                   return b.endpoint == local || (!exactly && wildcard);
                 });
        });
      };
      const bool was = listens(before, false);
      const bool is = listens(after, false);
      const bool named = listens(before, true) || listens(after, true);
      EXPECT_EQ(std::ranges::count(found.appeared, local), named && is && !was);
      EXPECT_EQ(std::ranges::count(found.disappeared, local), named && was && !is);
      if (!named || !was || !is) continue;
      for (const IpAddress& client : addresses) {
        if (client.family() != local.address.family()) continue;
        const auto answer = [&](const Snapshot& side) {
          const Selection selection = side.select(local, client);
          return selection.connector == nullptr
                     ? std::pair<std::string, Rights>{}
                     : std::pair(selection.connector->name, selection.connector->session_rights());
        };
        const auto [old_name, old_rights] = answer(old_one);
        const auto [new_name, new_rights] = answer(new_one);
        const auto holds = [&](const Change& c) {
          return c.local == local && c.clients.contains(client);
        };
        const auto change = std::ranges::find_if(found.changes, holds);
        const bool differs = old_name != new_name || old_rights != new_rights;
        ASSERT_EQ(change != found.changes.end(), differs) << text << ' ' << client.to_string();
        if (!differs) continue;
        ASSERT_EQ(std::ranges::count_if(found.changes, holds), 1);
        ASSERT_EQ(change->before, old_name);
        ASSERT_EQ(change->after, new_name);
        ASSERT_EQ(change->lost, old_rights & ~new_rights);
        ASSERT_EQ(change->gained, new_rights & ~old_rights);
      }
    }
    // Nothing that could be one is two.
    for (size_t i = 1; i < found.changes.size(); ++i) {
      Change a = found.changes[i - 1];
      const Change& b = found.changes[i];
      if (a.local != b.local || number_of(a.clients.last) + 1 != number_of(b.clients.first))
        continue;
      a.clients = b.clients;
      ASSERT_FALSE(a == b);
    }
  }
}

}  // namespace
}  // namespace relais::policy
