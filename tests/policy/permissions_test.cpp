// The table of exchange-reference.md section 3, letter by letter: what each group writes for each
// principal. Not the masks of the program, so that a slip in them is seen.
#include "policy/permissions.h"

#include <gtest/gtest.h>

#include "policy/connector.h"
#include "policy/snapshot.h"

namespace relais::policy {
namespace {

// In the order of the columns: Anonymous, Authenticated Users, Exchange Servers, Edge, Hub,
// Externally Secured, Legacy, Partner.
constexpr Principal kColumns[] = {
    Principal::kAnonymous,           Principal::kAuthenticatedUsers,
    Principal::kExchangeServers,     Principal::kEdgeTransportServers,
    Principal::kHubTransportServers, Principal::kExternallySecured,
    Principal::kLegacyInterop,       Principal::kPartnerServers,
};

struct Row {
  Right right;
  const char* name;
  const char* held;  // x or - a column
};

constexpr Row kTable[] = {
    {Right::kSubmit, "ms-Exch-SMTP-Submit", "xxxxxxxx"},
    {Right::kAcceptAnyRecipient, "ms-Exch-SMTP-Accept-Any-Recipient", "-xxxxxx-"},
    {Right::kAcceptAnySender, "ms-Exch-SMTP-Accept-Any-Sender", "x-xxxxx-"},
    {Right::kAcceptAuthoritativeSender, "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender",
     "x-xxxxx-"},
    {Right::kAcceptAuthenticationFlag, "ms-Exch-SMTP-Accept-Authentication-Flag", "--xxxxx-"},
    {Right::kAcceptExch50, "ms-Exch-SMTP-Accept-Exch50", "--xxxxx-"},
    {Right::kAcceptHeadersRouting, "ms-Exch-Accept-Headers-Routing", "xxxxxxxx"},
    {Right::kAcceptHeadersOrganization, "ms-Exch-Accept-Headers-Organization", "--xxx---"},
    {Right::kAcceptHeadersForest, "ms-Exch-Accept-Headers-Forest", "--xxx---"},
    {Right::kBypassAntiSpam, "ms-Exch-Bypass-Anti-Spam", "-xxxxxx-"},
    {Right::kBypassMessageSizeLimit, "ms-Exch-Bypass-Message-Size-Limit", "--xxxxx-"},
};

ReceiveConnector with_every_group() {
  ReceiveConnector connector;
  for (const PermissionGroup group : all_permission_groups())
    connector.permission_groups.add(group);
  connector.auth_mechanism = {AuthMechanism::kExternalAuthoritative};
  connector.bindings = {{*Endpoint::parse("0.0.0.0:25")}};
  connector.remote_ranges = {*AddressRange::parse("0.0.0.0/0")};
  return connector;
}

TEST(Permissions, TheTableOfTheReference) {
  const ReceiveConnector connector = with_every_group();
  const Snapshot snapshot({connector}, AcceptedDomains());
  for (const Row& row : kTable) {
    EXPECT_EQ(name_of(row.right), row.name);
    for (size_t i = 0; i < std::size(kColumns); ++i) {
      EXPECT_EQ(has(connector.rights_of(kColumns[i]), row.right), row.held[i] == 'x')
          << row.name << " of " << name_of(kColumns[i]);
      EXPECT_EQ(has(snapshot.rights(0, kColumns[i]), row.right), row.held[i] == 'x');
    }
  }
}

TEST(Permissions, AGroupWritesForItsOwnPrincipalsOnly) {
  struct Group {
    PermissionGroup group;
    const char* principals;
  };
  constexpr Group kGroups[] = {
      {PermissionGroup::kAnonymousUsers, "x-------"},
      {PermissionGroup::kExchangeUsers, "-x------"},
      {PermissionGroup::kExchangeServers, "--xxxx--"},
      {PermissionGroup::kExchangeLegacyServers, "------x-"},
      {PermissionGroup::kPartners, "-------x"},
  };
  for (const Group& entry : kGroups) {
    for (size_t i = 0; i < std::size(kColumns); ++i) {
      const bool given =
          granted(entry.group, kColumns[i], {AuthMechanism::kExternalAuthoritative}) != 0;
      EXPECT_EQ(given, entry.principals[i] == 'x')
          << name_of(entry.group) << ' ' << name_of(kColumns[i]);
    }
  }
  EXPECT_EQ(granted(PermissionGroup::kExchangeServers, Principal::kExternallySecured,
                    {AuthMechanism::kTls}),
            0U);
}

// Principal x right x stage: the right alone decides, whoever has it.
TEST(Permissions, AUserWhoHasAuthenticatedSendsFromAcceptedDomains) {
  ReceiveConnector connector = with_every_group();
  connector.permission_groups = {PermissionGroup::kExchangeUsers};
  const Snapshot snapshot({connector},
                          AcceptedDomains({{"contoso.com", DomainType::kAuthoritative}}));
  constexpr auto kUser = Principal::kAuthenticatedUsers;
  EXPECT_TRUE(snapshot.mail(0, kUser, "contoso.com").allowed);
  EXPECT_FALSE(snapshot.mail(0, kUser, "fabrikam.com").allowed);
  EXPECT_FALSE(snapshot.mail(0, Principal::kAnonymous, "contoso.com").allowed);
  EXPECT_TRUE(snapshot.recipient(0, kUser, "fabrikam.com").allowed);
}

TEST(Permissions, EachRightDecidesAtItsStage) {
  struct Stage {
    Right right;
    Rights beside;  // what else it takes to come this far
    bool is_mail;
    const char* domain;
    const char* refusal;  // to others than anonymous clients
  };
  const Stage stages[] = {
      {Right::kSubmit, 0, true, "", "530 Client was not authenticated"},
      {Right::kAcceptAnySender, mask(Right::kSubmit), true, "fabrikam.com",
       "550 Client does not have permission to send as this sender"},
      {Right::kAcceptAuthoritativeSender, mask(Right::kSubmit), true, "contoso.com",
       "550 Client does not have permission to send as this sender"},
      {Right::kAcceptAnyRecipient, mask(Right::kSubmit), false, "fabrikam.com",
       "550 Unable to relay"},
  };
  for (const Principal principal : kColumns) {
    for (const Stage& stage : stages) {
      for (const bool with : {true, false}) {
        ReceiveConnector connector = with_every_group();
        connector.permission_groups = {};
        const Rights all = (Rights{1} << 19) - 1;
        const Rights others = (with ? stage.beside : all & ~mask(stage.right)) | stage.beside;
        connector.permissions = {{principal, others | (with ? mask(stage.right) : 0), false}};
        // These do not need it; only a denial stops them (below).
        if (!with && principal == Principal::kAuthenticatedUsers &&
            stage.right == Right::kAcceptAuthoritativeSender)
          connector.permissions.push_back({principal, mask(stage.right), true});
        const Snapshot snapshot({connector},
                                AcceptedDomains({{"contoso.com", DomainType::kAuthoritative}}));
        const Decision decision = stage.is_mail ? snapshot.mail(0, principal, stage.domain)
                                                : snapshot.recipient(0, principal, stage.domain);
        EXPECT_EQ(decision.allowed, with) << name_of(principal) << ' ' << name_of(stage.right);
        if (with) continue;
        std::string expected = stage.refusal;
        if (principal == Principal::kAnonymous && expected.starts_with("550 Client"))
          expected.replace(4, 6, "Anonymous client");
        EXPECT_EQ(std::to_string(decision.code) + ' ' + std::string(decision.text), expected);
        EXPECT_EQ(decision.missing, mask(stage.right));
      }
    }
  }
}

}  // namespace
}  // namespace relais::policy
