// The guard against open relays: which ranges are an error, which a warning, and what is fine.
#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

// The rules that a relay connector with these ranges breaks, "E" or "W" in front.
Texts rules_for(const std::string& ranges, const std::string& more = {},
                const std::string& binding = "\"0.0.0.0:25\", \"[::]:25\"") {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/relay.toml",
               "name = \"Relay\"\nbindings = [" + binding + "]\nremote_ip_ranges = [" + ranges +
                   "]\npermission_groups = [\"AnonymousUsers\"]\n" + more +
                   "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
                   "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n");
  Texts rules;
  for (const Finding& finding : folder.load().findings) {
    rules.push_back((finding.severity == Finding::Severity::kError ? "E " : "W ") +
                    id_of(finding.rule));
  }
  return rules;
}

TEST(RelayGuard, LooksAtTheUnion) {
  EXPECT_EQ(rules_for("\"10.0.0.0/17\", \"10.0.128.0/17\""), Texts{"W R014"});
  EXPECT_EQ(rules_for("\"10.0.0.0/16\", \"10.0.3.0/24\""), Texts{"W R014"});  // inside
  EXPECT_EQ(rules_for("\"10.0.0.0/16\", \"10.1.0.0\""), Texts{"E R012"});
  EXPECT_EQ(rules_for("\"10.0.0.0/16\", \"172.16.0.0/16\""), Texts{"E R012"});
  EXPECT_EQ(rules_for("\"fd00::/48\", \"fd00:0:1::/48\""), Texts{"E R012"});
  EXPECT_EQ(rules_for("\"fd00::/48\", \"10.0.0.0/16\""), Texts{"W R014"});
  EXPECT_EQ(rules_for("\"10.0.0.0/25\", \"10.0.0.128/25\""), Texts{});
}

TEST(RelayGuard, TheMachineItselfDoesNotCount) {
  EXPECT_EQ(rules_for("\"127.0.0.0/8\", \"::1\""), Texts{});
  EXPECT_EQ(rules_for("\"127.0.0.0/8\", \"10.0.0.0/16\""), Texts{"W R014"});
  EXPECT_EQ(rules_for("\"126.0.0.0/7\""), Texts{"E R012"});
}

TEST(RelayGuard, KnowsWhatIsPublic) {
  for (const char* range :
       {"10.2.0.0/24", "172.31.255.0/24", "192.168.0.0/24", "100.64.0.0/24", "169.254.1.0/24",
        "192.0.2.128/25", "198.51.100.0/24", "203.0.113.0/24", "198.19.0.0/24", "240.0.0.0/24",
        "fd00::/64", "fe80::/64", "2001:db8:1::/64"}) {
    EXPECT_EQ(rules_for('"' + std::string(range) + '"'), Texts{}) << range;
  }
  for (const char* range :
       {"8.8.8.0/31", "172.32.0.0/24", "192.167.255.255-192.168.0.0", "100.63.255.255-100.64.0.0",
        "11.0.0.0/24", "223.255.255.0/24", "2001:db9::/63", "2a00::/60"}) {
    EXPECT_EQ(rules_for('"' + std::string(range) + '"').at(0), "E R013") << range;
  }
  EXPECT_EQ(rules_for("\"8.8.8.8\""), Texts{"W R015"});
  EXPECT_EQ(rules_for("\"2a00::/64\""), Texts{"W R015"});  // one network of a site
}

TEST(RelayGuard, CountsIPv6ThatStandsForIPv4AsThat) {
  for (const char* range :
       {"64:ff9b::/96", "::/96", "64:ff9b::a00:0/111", "2002::/16", "2001::/32", "::/0"}) {
    EXPECT_EQ(rules_for('"' + std::string(range) + '"').at(0), "E R012") << range;
  }
  EXPECT_EQ(rules_for("\"64:ff9b::808:800/120\""), Texts{"E R013"});
  EXPECT_EQ(rules_for("\"64:ff9b::808:808\""), Texts{"W R015"});
  EXPECT_EQ(rules_for("\"64:ff9b:1::/64\""), Texts{});  // of the site's own
}

constexpr std::string_view kMayRelay =
    "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
    "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";

std::string on(const std::string& name, const std::string& binding, const std::string& ranges,
               std::string_view more = {}) {
  return "name = \"" + name + "\"\nbindings = [" + binding + "]\nremote_ip_ranges = [" + ranges +
         "]\npermission_groups = [\"AnonymousUsers\"]\n" + std::string(more);
}

TEST(RelayGuard, WhatOthersTakeAwayDoesNotCount) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml",
               on("A", "\"0.0.0.0:25\"", "\"10.0.0.0/15\", \"8.8.8.0/30\"", kMayRelay));
  folder.write("connectors/b.toml", on("B", "\"0.0.0.0:25\"",
                                       "\"10.0.0.0/16\", \"10.1.1.0/24\", \"8.8.8.0/31\", "
                                       "\"8.8.8.2/31\""));
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors/a.toml:3: warning: remote_ip_ranges: anonymous clients at 65280 "
                  "addresses may send to any recipient. Name the hosts that must relay, or write "
                  "i_know_this_is_an_open_relay = true."});
  // On another binding nothing is taken.
  folder.write("connectors/a.toml",
               on("A", "\"0.0.0.0:25\", \"0.0.0.0:587\"", "\"10.0.0.0/15\"", kMayRelay));
  EXPECT_FALSE(folder.load().ok);
  // A wider range takes nothing either.
  folder.write("connectors/a.toml", on("A", "\"0.0.0.0:25\"", "\"10.0.0.0/15\"", kMayRelay));
  folder.write("connectors/b.toml", on("B", "\"0.0.0.0:25\"", "\"10.0.0.0/8\""));
  EXPECT_FALSE(folder.load().ok);
}

TEST(RelayGuard, AddsWhatTheWildcardServesOnASpecificBinding) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", on("A", "\"127.0.0.1:2530\"", "\"10.0.0.0/17\"", kMayRelay));
  folder.write("connectors/b.toml", on("B", "\"0.0.0.0:2530\"", "\"10.1.0.0/16\"", kMayRelay));
  const auto findings = folder.findings();
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[2].substr(0, findings[2].find(", more")),
            "DIR/connectors/b.toml:3: remote_ip_ranges: an open relay: on binding 127.0.0.1:2530 "
            "the connectors 'A', 'B' together let 98304 addresses send to any recipient");
  // A third one that takes enough of it away.
  folder.write("connectors/c.toml", on("C", "\"127.0.0.1:2530\"", "\"10.1.0.0/17\""));
  EXPECT_TRUE(folder.load().ok);
}

TEST(RelayGuard, CountsWhatIsPublicAndNamesTheFirst) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/relay.toml",
               "name = \"Relay\"\nbindings = [\"0.0.0.0:25\"]\n"
               "remote_ip_ranges = [\"10.0.0.1\", \"8.8.8.0/30\",\n\"9.0.0.0/30\"]\n"
               "permission_groups = [\"ExchangeServers\"]\n"
               "auth_mechanism = [\"ExternalAuthoritative\"]\n");
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors/relay.toml:3: remote_ip_ranges[1]: '8.8.8.0/30' and 1 more: "
                  "externally secured clients at 8 addresses on the public Internet would count as "
                  "internal. Take the public addresses out, use AnonymousUsers instead, or write "
                  "i_know_this_is_an_open_relay = true."});
}

TEST(RelayGuard, IsSilentForWhoKnowsAndForWhoIsDisabled) {
  EXPECT_EQ(rules_for("\"0.0.0.0/0\"", "i_know_this_is_an_open_relay = true\n"), Texts{});
  EXPECT_EQ(rules_for("\"8.8.8.8\"", "i_know_this_is_an_open_relay = true\n"), Texts{});
  EXPECT_EQ(rules_for("\"0.0.0.0/0\"", "enabled = false\n"), Texts{"W R010"});
}

TEST(RelayGuard, AddsUpTheConnectorsOfABinding) {
  const auto relay = [](const std::string& name, const std::string& range,
                        const std::string& binding, const std::string& more = {}) {
    return "name = \"" + name + "\"\nbindings = [\"" + binding + "\"]\nremote_ip_ranges = [\"" +
           range + "\"]\npermission_groups = [\"AnonymousUsers\"]\n" + more +
           "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
           "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";
  };
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", relay("A", "10.0.0.0/16", "0.0.0.0:25"));
  folder.write("connectors/b.toml", relay("B", "10.1.0.0/16", "0.0.0.0:25"));
  const auto findings = folder.findings();
  ASSERT_EQ(findings.size(), 3U);  // each of them is large, too
  EXPECT_EQ(findings[2],
            "DIR/connectors/b.toml:3: remote_ip_ranges: an open relay: on binding 0.0.0.0:25 the "
            "connectors 'A', 'B' together let 131072 addresses send to any recipient, more than an "
            "IPv4 /16 or IPv6 /48 has. Name the hosts that must relay, take "
            "ms-Exch-SMTP-Accept-Any-Recipient away, or write i_know_this_is_an_open_relay = "
            "true.");
  folder.write("connectors/b.toml", relay("B", "10.1.0.0/16", "0.0.0.0:587"));
  EXPECT_TRUE(folder.load().ok);
  folder.write("connectors/b.toml",
               relay("B", "10.1.0.0/16", "0.0.0.0:25", "i_know_this_is_an_open_relay = true\n"));
  EXPECT_TRUE(folder.load().ok);
}

TEST(RelayGuard, ANextHopThatIsListedAloneWasMeant) {
  EXPECT_EQ(rules_for("\"192.0.2.0/28\""), Texts{"W R029"});
  EXPECT_EQ(rules_for("\"192.0.2.1\""), Texts{});
  EXPECT_EQ(rules_for("\"192.0.2.0/28\", \"192.0.2.1\""), Texts{});
}

TEST(RelayGuard, AStarDomainNeedsTheWords) {
  Folder folder;
  folder.write("connectors/in.toml", kGoodConnector);
  folder.write("relais.toml",
               "[[accepted_domain]]\nname = \"*\"\n"
               "i_know_this_is_an_open_relay = true" +
                   std::string(kGoodMain));
  const Loaded loaded = folder.load();
  EXPECT_TRUE(loaded.ok && loaded.findings.empty());
  ASSERT_EQ(loaded.model.accepted_domains.size(), 1U);
  EXPECT_EQ(loaded.model.accepted_domains[0].name, "*");
}

}  // namespace
}  // namespace relais::config
