// What is said about connectors behind load balancers.
#include <gtest/gtest.h>

#include <algorithm>

#include "folder.h"

namespace relais::config {
namespace {

const std::string kBehind =
    "proxy_protocol = \"required\"\n"
    "trusted_proxies = [\"10.0.0.5\", \"10.0.1.0/24\"]\n";

std::string connector(const std::string& name, const std::string& binding,
                      const std::string& ranges, const std::string& more) {
  return "name = \"" + name + "\"\nbindings = [\"" + binding + "\"]\nremote_ip_ranges = [" +
         ranges + "]\npermission_groups = [\"AnonymousUsers\"]\n" + more;
}

Texts findings(const std::string& first, const std::string& second = {}) {
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/a.toml", first);
  if (!second.empty()) folder.write("connectors/b.toml", second);
  return folder.findings();
}

const std::string kLan = "\"192.168.5.0/24\"";

TEST(ProxyChecks, AreReadIntoTheConnector) {
  Folder folder;
  folder.write("relais.toml", kGoodMain)
      .write("connectors/a.toml", connector("In", "0.0.0.0:25", kLan, kBehind))
      .write("connectors/b.toml",
             connector("Other", "0.0.0.0:26", kLan, "proxy_protocol = \"none\"\n"));
  const Loaded loaded = folder.load();
  ASSERT_TRUE(loaded.ok);
  const auto& connectors = loaded.model.receive_connectors;
  EXPECT_TRUE(connectors[0].proxy_protocol);
  ASSERT_EQ(connectors[0].trusted_proxies.size(), 2U);
  EXPECT_EQ(connectors[0].trusted_proxies[1].to_string(), "10.0.1.0/24");
  EXPECT_FALSE(connectors[1].proxy_protocol);
}

TEST(ProxyChecks, WrongValuesAreNamedWithWhatIsAllowed) {
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", kLan, "proxy_protocol = \"optional\"\n")),
            Texts{"DIR/connectors/a.toml:5: proxy_protocol: 'optional' is not known. Write "
                  "\"none\" or \"required\"."});
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", kLan, "proxy_protocol = true\n")),
            Texts{"DIR/connectors/a.toml:5: proxy_protocol: found true. Write "
                  "\"none\" or \"required\"."});
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", kLan,
                               "proxy_protocol = \"required\"\ntrusted_proxies = "
                               "[\"balancer.contoso.com\"]\n")),
            Texts{"DIR/connectors/a.toml:6: trusted_proxies[0]: 'balancer.contoso.com': not an IP "
                  "address. Write one address, a range or a prefix, such as \"192.168.5.10\", "
                  "\"192.168.7.1-192.168.7.9\" or \"192.168.6.0/24\"."});
}

TEST(ProxyChecks, SomebodyMustBeTrusted) {
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", kLan, "proxy_protocol = \"required\"\n")),
            Texts{"DIR/connectors/a.toml:5: trusted_proxies: is missing, and proxy_protocol is "
                  "\"required\". Write the addresses of the load balancers, such as "
                  "[\"10.0.0.5\"]."});
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", kLan,
                               "proxy_protocol = \"required\"\ntrusted_proxies = []\n")),
            Texts{"DIR/connectors/a.toml:6: trusted_proxies: an empty list. Write a list of "
                  "addresses, such as [\"10.0.0.5\", \"10.0.1.0/24\"]."});
}

TEST(ProxyChecks, NotEverybodyMayBeTrusted) {
  const auto trusting = [](const std::string& proxies, const std::string& more = {}) {
    return connector("In", "0.0.0.0:25", "\"192.168.5.1\"",
                     "proxy_protocol = \"required\"\ntrusted_proxies = [" + proxies + "]\n" + more);
  };
  const std::string relay =
      "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
      "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";
  const Texts warned{
      "DIR/connectors/a.toml:6: warning: trusted_proxies: whoever connects from more addresses "
      "than "
      "an IPv4 /16 or IPv6 /48 has may claim to be any client. Write the addresses of the proxies "
      "alone."};
  for (const char* all : {"\"0.0.0.0/0\"", "\"0.0.0.0/1\", \"128.0.0.0/1\"", "\"10.0.0.0/15\"",
                          "\"10.0.0.0/16\", \"10.1.0.0/16\"", "\"10.0.0.0/16\", \"10.2.0.0/16\"",
                          "\"10.0.0.0/16\", \"192.0.2.1\"", "\"::/0\"", "\"10.0.0.5\", \"::/1\""})
    EXPECT_EQ(findings(trusting(all)), warned) << all;
  EXPECT_EQ(findings(trusting("\"10.0.0.0/16\", \"2001:db8::/48\", \"127.0.0.0/8\"")), Texts{});
  EXPECT_EQ(
      findings(trusting("\"0.0.0.0/0\"", relay)),
      Texts{"DIR/connectors/a.toml:6: trusted_proxies: an open relay: whoever connects from "
            "more addresses than an IPv4 /16 or IPv6 /48 has may claim to be a client that may "
            "send to any recipient. Write the addresses of the proxies alone, or "
            "i_know_this_is_an_open_relay = true."});
  EXPECT_EQ(findings(trusting("\"0.0.0.0/0\"", "i_know_this_is_an_open_relay = true\n" + relay)),
            warned);
}

TEST(ProxyChecks, NotEverybodyMaySayXclient) {
  const auto believing = [](const std::string& hosts, const std::string& more = {}) {
    return connector("In", "0.0.0.0:25", kLan, "xclient_hosts = [" + hosts + "]\n" + more);
  };
  EXPECT_EQ(findings(believing("\"192.168.5.7\", \"192.168.5.9\"")), Texts{});
  EXPECT_EQ(findings(believing("\"10.0.0.5\"")),
            Texts{"DIR/connectors/a.toml:5: warning: xclient_hosts: none of them is in "
                  "remote_ip_ranges, so none may. Put the hosts into remote_ip_ranges as well, or "
                  "into a connector that serves them."});
  const Texts warned{
      "DIR/connectors/a.toml:5: warning: xclient_hosts: whoever connects from more addresses "
      "than an IPv4 /16 or IPv6 /48 has may claim to be any client. Write the "
      "addresses of the proxies alone."};
  for (const char* wide : {"\"192.0.0.0/8\"", "\"0.0.0.0/1\", \"128.0.0.0/1\"",
                           "\"192.168.0.0/17\", \"10.0.0.0/17\", \"10.2.0.0/24\""})
    EXPECT_EQ(findings(believing(wide)), warned) << wide;
  // The clients that may be claimed are those of other connectors, too, and users.
  const Texts refused{
      "DIR/connectors/a.toml:5: xclient_hosts: an open relay: whoever connects from more addresses "
      "than an IPv4 /16 or IPv6 /48 has may claim to be a client that may send to any recipient. "
      "Write "
      "the addresses of the proxies alone, or i_know_this_is_an_open_relay = true."};
  const std::string relay =
      "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
      "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";
  EXPECT_EQ(findings(believing("\"192.0.0.0/8\""),
                     connector("Other", "0.0.0.0:25", "\"10.1.2.3\"", relay)),
            refused);
  EXPECT_EQ(findings(believing("\"192.0.0.0/8\""),
                     connector("Other", "0.0.0.0:26", "\"10.1.2.3\"", relay))
                .size(),
            1U);
}

TEST(ProxyChecks, ConnectorsOfOnePlaceAgree) {
  const std::string first = connector("In", "0.0.0.0:25", kLan, kBehind);
  const auto other = [](const std::string& binding, const std::string& more) {
    return connector("Other", binding, "\"10.0.0.0/8\"", more);
  };
  const Texts header{
      "DIR/connectors/b.toml:1: proxy_protocol: not the same as in 'In' "
      "(DIR/connectors/a.toml:5), which listens in the same place. Write the same into both, or "
      "give them different ports."};
  EXPECT_EQ(findings(first, other("0.0.0.0:25", "")), header);
  EXPECT_EQ(findings(first, other("192.0.2.7:25", "")), header) << "the wildcard serves there, too";
  EXPECT_EQ(findings(first, other("0.0.0.0:25",
                                  "proxy_protocol = \"required\"\n"
                                  "trusted_proxies = [\"10.0.0.5\"]\n")),
            Texts{"DIR/connectors/b.toml:6: trusted_proxies: not the same as in 'In' "
                  "(DIR/connectors/a.toml:6), which listens in the same place. Write the same into "
                  "both, or give them different ports."});
  // The same addresses, written in another way.
  EXPECT_EQ(findings(first, other("0.0.0.0:25",
                                  "proxy_protocol = \"required\"\ntrusted_proxies = "
                                  "[\"10.0.1.0-10.0.1.255\", \"10.0.0.5\"]\n")),
            Texts{});
  EXPECT_EQ(findings(first, other("0.0.0.0:26", "")), Texts{});
  EXPECT_EQ(findings(first, connector("Other", "[::]:25", "\"2001:db8::1\"", "")), Texts{});
  EXPECT_EQ(findings(first, other("0.0.0.0:25", "enabled = false\n")), Texts{});
}

TEST(ProxyChecks, ADisagreementIsFoundBehindAnAgreement) {
  Folder folder;
  folder.write("relais.toml", kGoodMain)
      .write("connectors/a.toml", connector("A", "0.0.0.0:25", "\"10.0.0.1\"", kBehind))
      .write("connectors/b.toml", connector("B", "0.0.0.0:26", "\"10.0.0.2\"", ""))
      .write("connectors/c.toml",
             connector("C", "0.0.0.0:25\", \"0.0.0.0:26", "\"10.0.0.3\"", kBehind));
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors/c.toml:5: proxy_protocol: not the same as in 'B' "
                  "(DIR/connectors/b.toml:1), which listens in the same place. Write the same into "
                  "both, or give them different ports."});
}

// The balancer may speak IPv4 to us and IPv6 to clients.
TEST(ProxyChecks, ClientsOfTheOtherFamilyArriveBehindABalancer) {
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", "\"2001:db8::1\"", kBehind)), Texts{});
  EXPECT_EQ(findings(connector("In", "0.0.0.0:25", "\"2001:db8::1\"", "")).size(), 1U);
  const std::string relay =
      "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
      "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";
  const Texts open = findings(connector("In", "0.0.0.0:25", "\"fd00::/16\"", kBehind + relay));
  ASSERT_EQ(open.size(), 1U);
  EXPECT_NE(open[0].find("an open relay"), std::string::npos) << open[0];
  // Two connectors that are an open relay only together.
  const Texts together =
      findings(connector("In", "0.0.0.0:25", "\"fd00::/48\"", kBehind + relay),
               connector("Other", "0.0.0.0:25", "\"fd01::/48\"", kBehind + relay));
  EXPECT_TRUE(std::ranges::any_of(together, [](const std::string& text) {
    return text.find("together let") != std::string::npos;
  })) << testing::PrintToString(together);
}

TEST(ProxyChecks, AnInternetConnectorServesBothFamilies) {
  Folder folder;
  folder.write("relais.toml", kGoodMain)
      .write("connectors/a.toml",
             "name = \"In\"\nusage = \"Internet\"\nbindings = [\"0.0.0.0:25\"]\n" + kBehind);
  const Loaded loaded = folder.load();
  ASSERT_TRUE(loaded.ok);
  std::string ranges;
  for (const auto& range : loaded.model.receive_connectors[0].remote_ranges)
    ranges += range.to_string() + ' ';
  EXPECT_EQ(ranges, "0.0.0.0/0 ::/0 ");
}

TEST(ProxyChecks, ARangeOfTheOtherFamilyMayBeUnreachableAsWell) {
  const Texts covered = findings(
      connector("In", "0.0.0.0:25", "\"2001:db8::/64\"", kBehind),
      connector("Other", "0.0.0.0:25", "\"2001:db8::/65\", \"2001:db8::8000:0:0:0/65\"", kBehind));
  ASSERT_EQ(covered.size(), 1U) << testing::PrintToString(covered);
  EXPECT_NE(covered[0].find("no client can reach 'In'"), std::string::npos) << covered[0];
}

}  // namespace
}  // namespace relais::config
