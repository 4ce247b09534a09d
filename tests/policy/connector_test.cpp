#include "policy/connector.h"

#include <gtest/gtest.h>

namespace relais::policy {
namespace {

constexpr Rights bit(Right right) { return static_cast<Rights>(right); }

TEST(Connector, WithoutGroupsAndEntriesAnonymousMayDoNothing) {
  EXPECT_EQ(ReceiveConnector{}.session_rights(), 0U);
}

TEST(Connector, AnonymousUsersGivesTheFourRightsOfExchange) {
  ReceiveConnector connector;
  connector.permission_groups.add(PermissionGroup::kAnonymousUsers);
  EXPECT_EQ(connector.session_rights(), bit(Right::kSubmit) | bit(Right::kAcceptAnySender) |
                                            bit(Right::kAcceptAuthoritativeSender) |
                                            bit(Right::kAcceptHeadersRouting));
}

TEST(Connector, AnEntryAddsARight) {
  ReceiveConnector connector;
  connector.permission_groups.add(PermissionGroup::kAnonymousUsers);
  connector.permissions.push_back({Principal::kAnonymous, bit(Right::kAcceptAnyRecipient)});
  EXPECT_TRUE(has(connector.session_rights(), Right::kAcceptAnyRecipient));
  EXPECT_TRUE(has(connector.session_rights(), Right::kSubmit));
}

TEST(Connector, ADenialBeatsEveryGrantWhateverTheOrder) {
  ReceiveConnector connector;
  connector.permission_groups.add(PermissionGroup::kAnonymousUsers);
  const Ace deny{Principal::kAnonymous, bit(Right::kAcceptAnySender), true};
  const Ace allow{Principal::kAnonymous, bit(Right::kAcceptAnySender), false};
  for (const auto& entries : {std::vector{deny, allow}, std::vector{allow, deny}}) {
    connector.permissions = entries;
    EXPECT_FALSE(has(connector.session_rights(), Right::kAcceptAnySender));
    EXPECT_TRUE(has(connector.session_rights(), Right::kSubmit));
  }
}

TEST(Connector, EntriesOfOtherPrincipalsDoNotCount) {
  ReceiveConnector connector;
  connector.permissions.push_back({Principal::kAuthenticatedUsers, bit(Right::kSubmit)});
  EXPECT_EQ(connector.session_rights(), 0U);
}

TEST(Connector, APartnersCertificateTakesNothingAway) {
  ReceiveConnector connector;
  connector.domain_secure = true;
  connector.permission_groups = {PermissionGroup::kAnonymousUsers, PermissionGroup::kPartners};
  const auto partner = [&] { return connector.rights_of(Principal::kPartnerServers); };
  EXPECT_EQ(partner(), connector.session_rights());
  connector.permission_groups = {PermissionGroup::kAnonymousUsers};
  EXPECT_EQ(partner(), connector.session_rights());
  // Entries of its own add to that and take from it; what is denied to others it may be given.
  connector.permissions = {{Principal::kPartnerServers, bit(Right::kAcceptAnyRecipient)},
                           {Principal::kPartnerServers, bit(Right::kAcceptAnySender), true},
                           {Principal::kAnonymous, bit(Right::kAcceptAuthoritativeSender), true},
                           {Principal::kAnonymous, bit(Right::kSubmit), true}};
  EXPECT_EQ(partner(), bit(Right::kAcceptAnyRecipient) | bit(Right::kAcceptHeadersRouting));
  connector.permission_groups.add(PermissionGroup::kPartners);
  EXPECT_TRUE(has(partner(), Right::kSubmit));
  EXPECT_FALSE(has(connector.session_rights(), Right::kSubmit));
  EXPECT_FALSE(has(connector.session_rights(), Right::kAcceptAnyRecipient));
}

TEST(Connector, EveryRightHasANameThatIsReadInAnyCase) {
  for (const Right right : all_rights()) {
    EXPECT_EQ(right_from_name(name_of(right)), right);
  }
  EXPECT_EQ(right_from_name("Ms-Exch-SMTP-Accept-Any-Recipient"), Right::kAcceptAnyRecipient);
  EXPECT_EQ(right_from_name("ms-Exch-SMTP-Accept-Any"), std::nullopt);
  EXPECT_EQ(right_from_name(""), std::nullopt);
}

}  // namespace
}  // namespace relais::policy
