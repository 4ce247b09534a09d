#include "policy/connector.h"

#include <gtest/gtest.h>

namespace relais::policy {
namespace {

constexpr Rights bit(Right right) { return static_cast<Rights>(right); }

TEST(Connector, WithoutGroupsAndEntriesAnonymousMayDoNothing) {
  EXPECT_EQ(ReceiveConnector{}.anonymous_rights(), 0U);
}

TEST(Connector, AnonymousUsersGivesTheFourRightsOfExchange) {
  ReceiveConnector connector;
  connector.anonymous_users = true;
  EXPECT_EQ(connector.anonymous_rights(), bit(Right::kSubmit) | bit(Right::kAcceptAnySender) |
                                              bit(Right::kAcceptAuthoritativeSender) |
                                              bit(Right::kAcceptHeadersRouting));
}

TEST(Connector, AnEntryAddsARight) {
  ReceiveConnector connector;
  connector.anonymous_users = true;
  connector.permissions.push_back(
      {"nt authority\\Anonymous Logon", bit(Right::kAcceptAnyRecipient)});
  EXPECT_TRUE(has(connector.anonymous_rights(), Right::kAcceptAnyRecipient));
  EXPECT_TRUE(has(connector.anonymous_rights(), Right::kSubmit));
}

TEST(Connector, ADenialBeatsEveryGrantWhateverTheOrder) {
  ReceiveConnector connector;
  connector.anonymous_users = true;
  const Ace deny{std::string(kAnonymousLogon), bit(Right::kAcceptAnySender), true};
  const Ace allow{std::string(kAnonymousLogon), bit(Right::kAcceptAnySender), false};
  for (const auto& entries : {std::vector{deny, allow}, std::vector{allow, deny}}) {
    connector.permissions = entries;
    EXPECT_FALSE(has(connector.anonymous_rights(), Right::kAcceptAnySender));
    EXPECT_TRUE(has(connector.anonymous_rights(), Right::kSubmit));
  }
}

TEST(Connector, EntriesOfOtherPrincipalsDoNotCount) {
  ReceiveConnector connector;
  connector.permissions.push_back({"NT AUTHORITY\\Authenticated Users", bit(Right::kSubmit)});
  EXPECT_EQ(connector.anonymous_rights(), 0U);
}

TEST(Connector, EveryRightHasANameThatIsReadInAnyCase) {
  for (const Right right : kAllRights) {
    EXPECT_EQ(right_from_name(name_of(right)), right);
  }
  EXPECT_EQ(right_from_name("Ms-Exch-SMTP-Accept-Any-Recipient"), Right::kAcceptAnyRecipient);
  EXPECT_EQ(right_from_name("ms-Exch-SMTP-Accept-Any"), std::nullopt);
  EXPECT_EQ(right_from_name(""), std::nullopt);
}

}  // namespace
}  // namespace relais::policy
