#include "relay/routing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::relay {
namespace {

config::SendConnector connector(std::string name,
                                std::vector<config::SendConnector::AddressSpace> spaces) {
  config::SendConnector made;
  made.name = std::move(name);
  made.address_spaces = std::move(spaces);
  return made;
}

TEST(routing, the_most_specific_address_space_wins_then_cost_then_name) {
  const std::vector<config::SendConnector> connectors = {
      connector("everything", {{"*", 1}}),
      connector("contoso", {{"contoso.com", 100}}),
      connector("below contoso", {{"*.contoso.com", 5}}),
      connector("eu", {{"*.eu.contoso.com", 50}}),
      connector("dear", {{"fabrikam.com", 10}}),
      connector("cheap", {{"fabrikam.com", 2}}),
      connector("b name", {{"tie.com", 1}}),
      connector("a name", {{"tie.com", 1}}),
  };
  const Routing routing(connectors, {});
  const auto name = [&](std::string_view domain) {
    return connectors[routing.route_of(domain)].name;
  };
  EXPECT_EQ(name("example.org"), "everything");
  EXPECT_EQ(name("contoso.com"), "contoso");
  EXPECT_EQ(name("mail.contoso.com"), "below contoso");
  EXPECT_EQ(name("x.eu.contoso.com"), "eu");
  EXPECT_EQ(name("eu.contoso.com"), "below contoso");
  EXPECT_EQ(name("notcontoso.com"), "everything");
  EXPECT_EQ(name("fabrikam.com"), "cheap");
  EXPECT_EQ(name("tie.com"), "a name");
  EXPECT_EQ(name(""), "everything");
}

TEST(routing, the_order_of_the_connectors_does_not_matter) {
  std::vector<config::SendConnector> connectors = {
      connector("one", {{"*", 1}}), connector("two", {{"*", 1}}),
      connector("three", {{"*.com", 9}}), connector("four", {{"*.com", 3}})};
  std::ranges::sort(connectors, {}, &config::SendConnector::name);
  do {
    const Routing routing(connectors, {});
    ASSERT_EQ(connectors[routing.route_of("a.org")].name, "one");
    ASSERT_EQ(connectors[routing.route_of("a.com")].name, "four");
  } while (std::next_permutation(connectors.begin(), connectors.end(),
                                 [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST(routing, without_a_matching_space_there_is_no_route) {
  const Routing routing({connector("contoso", {{"contoso.com", 1}, {"*.contoso.com", 1}})}, {});
  EXPECT_EQ(routing.route_of("fabrikam.com"), kNoRoute);
  EXPECT_EQ(routing.route_of(""), kNoRoute);
}

TEST(routing, postmaster_without_a_domain_is_the_one_of_our_own_domain) {
  const std::vector<config::SendConnector> connectors = {connector("everything", {{"*", 1}}),
                                                         connector("own", {{"contoso.com", 9}})};
  EXPECT_EQ(Routing(connectors, "contoso.com").route_of(domain_of("Postmaster")), 1U);
  EXPECT_EQ(Routing(connectors, "fabrikam.com").route_of(domain_of("Postmaster")), 0U);
  EXPECT_EQ(Routing(connectors, {}).route_of(domain_of("Postmaster")), 0U);
  EXPECT_EQ(Routing({connectors[1]}, "fabrikam.com").route_of(""), kNoRoute);
}

TEST(domain_of, is_what_stands_behind_the_last_at_outside_quotes) {
  EXPECT_EQ(domain_of("kate@Fabrikam.COM"), "fabrikam.com");
  EXPECT_EQ(domain_of("\"a@b\"@fabrikam.com"), "fabrikam.com");
  EXPECT_EQ(domain_of("kate@fabrikam.com."), "fabrikam.com");
  EXPECT_EQ(domain_of("kate@[192.0.2.1]"), "[192.0.2.1]");
  EXPECT_EQ(domain_of("Postmaster"), "");
  EXPECT_EQ(domain_of("\"a@b\""), "");
}

}  // namespace
}  // namespace relais::relay
