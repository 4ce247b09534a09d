#include "policy/snapshot.h"

#include <gtest/gtest.h>

namespace relais::policy {
namespace {

constexpr Rights bit(Right right) { return static_cast<Rights>(right); }

ReceiveConnector connector_with(bool anonymous_users, std::vector<Ace> permissions = {}) {
  ReceiveConnector connector;
  connector.name = "Anonymous Relay";
  connector.bindings = {{*Endpoint::parse("0.0.0.0:25")}};
  connector.remote_ranges = {*AddressRange::parse("192.168.5.0/24")};
  if (anonymous_users) connector.permission_groups.add(PermissionGroup::kAnonymousUsers);
  connector.permissions = std::move(permissions);
  return connector;
}

Ace ace(Right right, bool deny = false) { return {Principal::kAnonymous, bit(right), deny}; }

Snapshot snapshot_of(ReceiveConnector connector) {
  return Snapshot({std::move(connector)},
                  AcceptedDomains({{"contoso.com", DomainType::kAuthoritative},
                                   {"partner.example", DomainType::kExternalRelay}}));
}

std::string reply(const Decision& d) {
  return std::to_string(d.code) + ' ' + std::to_string(d.enhanced[0]) + '.' +
         std::to_string(d.enhanced[1]) + '.' + std::to_string(d.enhanced[2]) + ' ' +
         std::string(d.text);
}

TEST(Snapshot, KnowsWhereAProxyHeaderComesFirstAndFromWhom) {
  ReceiveConnector proxied = connector_with(true);
  proxied.proxy_protocol = true;
  proxied.trusted_proxies = {*AddressRange::parse("10.0.0.5"), *AddressRange::parse("10.1.0.0/24")};
  ReceiveConnector direct = connector_with(true);
  direct.bindings = {{*Endpoint::parse("0.0.0.0:26")}};
  ReceiveConnector disabled = proxied;
  disabled.enabled = false;
  disabled.bindings = direct.bindings;
  const Snapshot snapshot({direct, disabled, proxied}, {});
  for (const char* elsewhere : {"192.0.2.1:26", "[2001:db8::1]:25"})
    EXPECT_EQ(snapshot.proxies_at(*Endpoint::parse(elsewhere)), nullptr) << elsewhere;
  for (const char* there : {"192.0.2.1:25", "0.0.0.0:25"}) {
    const AddressSet* proxies = snapshot.proxies_at(*Endpoint::parse(there));
    ASSERT_NE(proxies, nullptr) << there;
    EXPECT_TRUE(contains(*proxies, *IpAddress::parse("10.0.0.5")));
    EXPECT_TRUE(contains(*proxies, *IpAddress::parse("10.1.0.77")));
    EXPECT_FALSE(contains(*proxies, *IpAddress::parse("10.0.0.6")));
  }
}

TEST(Snapshot, WithoutSubmitEverySenderIsRefused) {
  const Snapshot snapshot = snapshot_of(connector_with(false));
  for (const char* domain : {"", "contoso.com", "fabrikam.com"}) {
    const Decision decision = snapshot.mail(0, Principal::kAnonymous, domain);
    EXPECT_FALSE(decision.allowed);
    EXPECT_EQ(reply(decision), "530 5.7.1 Client was not authenticated");
  }
}

TEST(Snapshot, AnonymousUsersMaySendAsAnybody) {
  const Snapshot snapshot = snapshot_of(connector_with(true));
  for (const char* domain : {"", "contoso.com", "partner.example", "fabrikam.com"}) {
    const Decision decision = snapshot.mail(0, Principal::kAnonymous, domain);
    EXPECT_TRUE(decision.allowed) << domain;
    EXPECT_EQ(reply(decision), "250 2.1.0 Sender OK");
  }
  EXPECT_EQ(snapshot.mail(0, Principal::kAnonymous, "fabrikam.com").reason,
            "ms-Exch-SMTP-Accept-Any-Sender");
}

TEST(Snapshot, WithoutAnySenderForeignSendersAreRefused) {
  const Snapshot snapshot = snapshot_of(connector_with(true, {ace(Right::kAcceptAnySender, true)}));
  EXPECT_EQ(reply(snapshot.mail(0, Principal::kAnonymous, "fabrikam.com")),
            "550 5.7.1 Anonymous client does not have permission to send as this sender");
  EXPECT_TRUE(snapshot.mail(0, Principal::kAnonymous, "contoso.com").allowed);
  EXPECT_TRUE(snapshot.mail(0, Principal::kAnonymous, "partner.example").allowed);
  EXPECT_TRUE(snapshot.mail(0, Principal::kAnonymous, "").allowed);
}

TEST(Snapshot, WithoutAuthoritativeSenderOurOwnDomainIsRefused) {
  const Snapshot snapshot =
      snapshot_of(connector_with(true, {ace(Right::kAcceptAuthoritativeSender, true)}));
  const Decision decision = snapshot.mail(0, Principal::kAnonymous, "Contoso.COM");
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(reply(decision),
            "550 5.7.1 Anonymous client does not have permission to send as this sender");
  EXPECT_EQ(decision.reason,
            "sender domain is Authoritative and the client has no "
            "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender on this connector");
  EXPECT_TRUE(snapshot.mail(0, Principal::kAnonymous, "partner.example").allowed);
  EXPECT_TRUE(snapshot.mail(0, Principal::kAnonymous, "fabrikam.com").allowed);
}

TEST(Snapshot, WithoutAnySenderEveryDomainInFromMustBeAccepted) {
  using Domains = std::optional<std::vector<std::string>>;
  const Snapshot with = snapshot_of(connector_with(true));
  const Snapshot without = snapshot_of(connector_with(true, {ace(Right::kAcceptAnySender, true)}));
  const auto allowed = [](const Snapshot& snapshot, const Domains& domains) {
    return snapshot.header_senders(0, Principal::kAnonymous, domains).allowed;
  };
  for (const Domains& domains :
       {Domains({"contoso.com"}), Domains({"Contoso.com", "partner.example"}),
        Domains(std::vector<std::string>())}) {
    EXPECT_TRUE(allowed(without, domains));
  }
  for (const Domains& domains :
       {Domains(), Domains({"fabrikam.com"}), Domains({"contoso.com", "fabrikam.com"})}) {
    EXPECT_FALSE(allowed(without, domains));
    EXPECT_TRUE(allowed(with, domains));
  }
  EXPECT_EQ(reply(without.header_senders(0, Principal::kAnonymous, Domains())),
            "550 5.7.1 Anonymous client does not have permission to send as this sender");
}

TEST(Snapshot, RecipientsOfAcceptedDomainsAreTakenFromEverybody) {
  const Snapshot snapshot = snapshot_of(connector_with(true));
  EXPECT_EQ(reply(snapshot.recipient(0, Principal::kAnonymous, "contoso.com")),
            "250 2.1.5 Recipient OK");
  EXPECT_EQ(snapshot.recipient(0, Principal::kAnonymous, "contoso.com").reason,
            "recipient domain is accepted (Authoritative)");
  EXPECT_EQ(snapshot.recipient(0, Principal::kAnonymous, "PARTNER.example").reason,
            "recipient domain is accepted (ExternalRelay)");
  EXPECT_TRUE(snapshot.recipient(0, Principal::kAnonymous, "").allowed);  // <Postmaster>
}

TEST(Snapshot, ForeignRecipientsNeedAcceptAnyRecipient) {
  const Snapshot without = snapshot_of(connector_with(true));
  EXPECT_EQ(reply(without.recipient(0, Principal::kAnonymous, "fabrikam.com")),
            "550 5.7.1 Unable to relay");
  EXPECT_FALSE(without.recipient(0, Principal::kAnonymous, "fabrikam.com").allowed);
  const Snapshot with = snapshot_of(connector_with(true, {ace(Right::kAcceptAnyRecipient)}));
  EXPECT_EQ(reply(with.recipient(0, Principal::kAnonymous, "fabrikam.com")),
            "250 2.1.5 Recipient OK");
  EXPECT_EQ(with.recipient(0, Principal::kAnonymous, "fabrikam.com").reason,
            "ms-Exch-SMTP-Accept-Any-Recipient");
}

TEST(Snapshot, SelectsAmongTheConnectorsThatItHolds) {
  const Snapshot snapshot = snapshot_of(connector_with(true));
  const Selection hit =
      snapshot.select(*Endpoint::parse("10.0.0.1:25"), *IpAddress::parse("192.168.5.10"));
  ASSERT_NE(hit.connector, nullptr);
  EXPECT_EQ(hit.connector, &snapshot.connectors()[0]);
  EXPECT_EQ(hit.connector_index, 0U);
  EXPECT_EQ(hit.range_index, 0U);
  const Selection miss =
      snapshot.select(*Endpoint::parse("10.0.0.1:25"), *IpAddress::parse("192.168.6.10"));
  EXPECT_EQ(miss.connector, nullptr);
}

}  // namespace
}  // namespace relais::policy
