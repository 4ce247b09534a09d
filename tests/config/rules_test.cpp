// Each rule has a smallest configuration that provokes it, and nothing else; the ready
// configurations provoke none.
#include "config/rules.h"

#include <gtest/gtest.h>

#include <set>

#include "folder.h"

namespace relais::config {
namespace {

constexpr const char* kRelayRight =
    "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
    "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";

constexpr const char* kUsersSubmit =
    "[[permission]]\nuser = 'NT AUTHORITY\\Authenticated Users'\n"
    "extended_rights = [\"ms-Exch-SMTP-Submit\"]\n";
constexpr const char* kBasicAuth =
    "auth_mechanism = [\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]\n";

std::string connector(const std::string& ranges, const std::string& more = {},
                      const std::string& name = "In", const std::string& binding = "0.0.0.0:25") {
  return "name = \"" + name + "\"\nbindings = [\"" + binding + "\"]\nremote_ip_ranges = [" +
         ranges + "]\n" + "permission_groups = [\"AnonymousUsers\"]\n" + more;
}

std::string external(const std::string& ranges) {
  return "name = \"In\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [" + ranges +
         "]\npermission_groups = [\"ExchangeServers\"]\n"
         "auth_mechanism = [\"ExternalAuthoritative\"]\n";
}

struct Example {
  Rule rule;
  bool error;
  std::string main;  // in front of the good rest
  std::string first;
  std::string second = {};
};

const std::string kLan = "\"192.168.5.0/24\"";

const std::string kBare =
    "name = \"In\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.0.0.1\"]\n";
const std::string kDenied =
    "[[permission]]\nuser = 'MS Exchange\\Externally Secured Servers'\ndeny = true\n"
    "extended_rights = [\"ms-Exch-SMTP-Submit\"]\n";

std::string limit(const std::string& measure, const std::string& keys) {
  return "[[limit]]\nmeasure = \"" + measure + "\"\n" + keys;
}

std::string behind(const std::string& proxies) {
  return "proxy_protocol = \"required\"\ntrusted_proxies = [" + proxies + "]\n";
}

std::string hop_with(const std::string& keys) {
  return "[[send_connector]]\nname = \"Hop\"\naddress_spaces = [\"a.com\"]\n"
         "smart_hosts = [\"192.0.2.2\"]\n" +
         keys;
}

std::vector<Example> examples() {
  const std::string good = connector(kLan);
  const std::string to_hop =
      connector(kLan, "delivery = \"proxy\"\nupstream_send_connector = \"Hop\"\n");
  const auto relay = [](const std::string& ranges, const std::string& more = {}) {
    return connector(ranges, more + kRelayRight);
  };
  return {
      {Rule::kNotToml, true, "x = [", good},
      {Rule::kUnknownKey, true, "", connector(kLan, "colour = 1\n")},
      {Rule::kMissing, true, "[[accepted_domain]]\ntype = \"InternalRelay\"", good},
      {Rule::kWrongType, true, "[server]\nfqdn = 7", good},
      {Rule::kOutOfRange, true, "", connector(kLan, "max_hop_count = 501\n")},
      {Rule::kNotAllowed, true, "", connector("\"10.0.0.0/33\"", "")},
      {Rule::kRepeated, true, "", connector("\"10.0.0.1\", \"10.0.0.1/32\"")},
      {Rule::kRepeated, true, "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
       connector(kLan,
                 "auth_mechanism = [\"Tls\"]\ndomain_secure_enabled = true\n"
                 "domain_secure_domains = [\"partner.com\", \"a.com\", \"Partner.com\"]\n"
                 "[[permission]]\nuser = 'MS Exchange\\Partner Servers'\n"
                 "extended_rights = [\"ms-Exch-SMTP-Submit\"]\n")},
      {Rule::kNameTaken, true, "", good, connector("\"10.0.0.1\"", "", "IN")},
      {Rule::kNobodyListens, false, "", connector(kLan, "enabled = false\n")},
      {Rule::kOpenRelay, true, "", relay("\"10.0.0.0/8\"")},
      {Rule::kOpenRelay, true, "", relay("\"10.0.0.0/16\", \"10.1.0.0/16\"")},
      {Rule::kPublicRelay, true, "", relay("\"8.8.8.0/30\"")},
      {Rule::kPublicRelayHosts, false, "", relay("\"8.8.8.8\", \"8.8.4.4\"")},
      {Rule::kManyRelayClients, false, "", relay("\"10.0.0.0/24\", \"10.0.9.1\"")},
      {Rule::kPublicTrust, true, "", external("\"8.8.8.0/30\"")},
      {Rule::kPublicTrust, false, "", external("\"8.8.8.8\"")},
      {Rule::kBothRelayMethods, false, "", external(kLan) + kRelayRight},
      {Rule::kAnyDomainAccepted, true, "[[accepted_domain]]\nname = \"*\"", good},
      {Rule::kWholeTopLevel, false, "[[accepted_domain]]\nname = \"*.com\"", good},
      {Rule::kWholeTopLevel, false, "[[accepted_domain]]\nname = \"*.co.uk\"", good},
      {Rule::kAuthMechanism, true, "",
       connector(kLan, "auth_mechanism = [\"Tls\", \"BasicAuthRequireTLS\"]\n")},
      {Rule::kNobodySubmits, false, "",
       "name = \"In\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.0.0.1\"]\n"},
      {Rule::kNobodySubmits, false, "", external(kLan) + kDenied},
      // Alone: what follows from an error is no finding of its own.
      {Rule::kAuthMechanism, true, "",
       connector(kLan, "auth_mechanism = [\"ExternalAuthoritative\"]\n") + kRelayRight},
      {Rule::kNotAllowed, true, "", kBare + "permission_groups = [\"Anonymous\"]\n"},
      {Rule::kNeverMatches, false, "", connector("\"10.0.0.1\", \"fd00::1\"")},
      {Rule::kSameRange, true, "", good, connector(kLan, "", "Other")},
      {Rule::kPartialOverlap, true, "", connector("\"10.0.0.1-10.0.0.5\""),
       connector("\"10.0.0.4-10.0.0.9\"", "", "Other")},
      {Rule::kSameRangeTwoBindings, false, "", good, connector(kLan, "", "Other", "127.0.0.1:25")},
      {Rule::kUnreachable, false, "", connector("\"10.0.0.0/31\""),
       connector("\"10.0.0.0\", \"10.0.0.1\"", "", "Other")},
      {Rule::kNoInterface, false, "", connector(kLan, "", "In", "192.0.2.9:25")},
      {Rule::kTransportRole, true, "", connector(kLan, "transport_role = \"HubTransport\"\n")},
      {Rule::kNextHopMayRelay, false, "", relay("\"192.0.2.0/28\"")},
      {Rule::kMailLoop, false, "", connector(kLan, "", "In", "192.0.2.1:25")},
      {Rule::kSendConnectorHops, true,
       "[[send_connector]]\nname = \"X\"\naddress_spaces = [\"a.com\"]", good},
      {Rule::kLimitNeverBinds, false, "",
       connector(kLan, "max_inbound_connection = 100\nmax_inbound_connection_per_source = 101\n")},
      {Rule::kLimitNeverBinds, false, "",
       connector(kLan,
                 "max_inbound_connection = 10\n"
                 "max_inbound_connection_percentage_per_source = 9\n")},
      {Rule::kLimitNeverBinds, false, "",
       connector(kLan, "message_rate_limit = 5\nmessage_rate_source = \"None\"\n")},
      {Rule::kLimitNeverBinds, false, "",
       connector(kLan, "max_header_size = \"1MB\"\nmax_message_size = \"512KB\"\n")},
      {Rule::kLimitNeverBinds, false, "[spool]\nmax_size = \"32MB\"\nsegment_size = \"8MB\"", good},
      {Rule::kLimitsContradict, true, "", connector(kLan, "connection_timeout = \"1m\"\n")},
      {Rule::kSpoolSegments, true, "[spool]\nsegment_size = \"2GB\"", good},
      {Rule::kExtensionNeedsAnother, true, "", connector(kLan, "chunking_enabled = false\n")},
      {Rule::kLimitNeverBinds, false, "",
       connector(kLan, limit("messages", "per = \"source\"\nrate = \"600/min\"\n") +
                           limit("messages", "rate = \"10/s\"\nburst = 100\n"))},
      {Rule::kLimitStopsMail, true, "", connector(kLan, limit("bytes", "rate = \"1MB/s\"\n"))},
      {Rule::kLimitWithoutEffect, false, "",
       connector(kLan, limit("auth_failures", "rate = \"5/min\"\n"))},
      {Rule::kLimitBesideParameter, false, "",
       connector(kLan, "message_rate_limit = 600\n" +
                           limit("messages", "per = \"source\"\nrate = \"10/s\"\n"))},
      {Rule::kLongDelay, false, "",
       connector(kLan,
                 limit("commands", "rate = \"10/s\"\naction = \"delay\"\nmax_delay = \"6m\"\n"))},
      {Rule::kClientChoosesBucket, false, "",
       connector(kLan, "message_rate_limit = 600\nmessage_rate_source = \"User\"\n")},
      {Rule::kShadowLimit, false, "",
       connector(kLan, limit("errors", "rate = \"9/min\"\naction = \"shadow\"\n"))},
      {Rule::kAdminReachable, false, "[admin]\nlisten = \"0.0.0.0:8025\"", good},
      {Rule::kReservedShares, true, "", connector(kLan, "reserved_share = 50\n"),
       connector("\"10.0.0.1\"", "reserved_share = 41\n", "Other")},
      {Rule::kReservedShares, true, "[spool]\nmax_size = \"256MB\"",
       connector(kLan, "reserved_share = 1\n")},
      {Rule::kMissing, true, "", connector(kLan, "proxy_protocol = \"required\"\n")},
      {Rule::kProxyDisagreement, true, "", connector(kLan, behind("\"10.0.0.5\"")),
       connector("\"10.0.0.1\"", "", "Other")},
      {Rule::kProxyTrust, false, "", connector(kLan, behind("\"0.0.0.0/0\""))},
      {Rule::kProxyTrust, true, "", relay("\"192.168.5.1\"", behind("\"0.0.0.0/0\""))},
      {Rule::kProxyWithoutEffect, false, "", connector(kLan, "trusted_proxies = [\"10.0.0.5\"]\n")},
      {Rule::kProxyWithoutEffect, false, "", connector(kLan, "xclient_hosts = [\"10.0.0.5\"]\n")},
      {Rule::kCertificate, true, "[tls]\nkey = \"key.pem\"", good},
      {Rule::kCertificate, true, "", connector(kLan, "require_tls = true\n")},
      {Rule::kMissing, true, "", connector(kLan, "delivery = \"proxy\"\n")},
      {Rule::kMailLoop, true, "",
       connector(kLan, "delivery = \"proxy\"\nupstreams = [\"127.0.0.1:25\"]\n")},
      {Rule::kUpstreamWithoutProxy, false, "", connector(kLan, "upstreams = [\"10.0.0.20\"]\n")},
      {Rule::kLogon, false, "", connector(kLan, "auth_mechanism = [\"BasicAuth\"]\n")},
      {Rule::kLogon, true, "[auth]\npassword_file = \"users\"\ndovecot_socket = \"/run/auth\"",
       good},
      {Rule::kPasswordInClear, false, "[auth]\ndovecot_socket = \"/run/auth\"",
       connector(kLan, "auth_mechanism = [\"BasicAuth\"]\n") + kUsersSubmit},
      {Rule::kNobodyLogsOn, false,
       "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n[auth]\ndovecot_socket = \"/run/auth\"",
       connector(kLan, kBasicAuth)},
      {Rule::kNextHopTls, true, hop_with("require_tls = true\nignore_starttls = true\n"), good},
      {Rule::kNextHopTls, false, hop_with("tls_domain = \"mx.contoso.com\"\n"), good},
      {Rule::kNextHopLogon, true,
       hop_with("smart_host_auth_mechanism = \"BasicAuthRequireTLS\"\nauth_user = \"x\"\n"), good},
      {Rule::kHopPasswordInClear, false,
       hop_with("smart_host_auth_mechanism = \"BasicAuth\"\nauth_user = \"x\"\n"
                "auth_password_file = \"x\"\n"),
       good},
      {Rule::kUpstreamConnector, true, "",
       connector(kLan, "delivery = \"proxy\"\nupstream_send_connector = \"Nowhere\"\n")},
      {Rule::kNamedClients, true, hop_with("send_xclient = true\nsend_proxy_protocol = true\n"),
       to_hop},
      {Rule::kNamedClients, true, hop_with("send_xclient = true\n"),
       to_hop + "proxy_fallback = \"queue\"\n"},
      {Rule::kNamedClients, true, hop_with("send_proxy_protocol = true\n"),
       to_hop + "proxy_fallback = \"queue\"\n"},
      {Rule::kNamedClients, true,
       hop_with("send_xclient = true\nsmart_host_auth_mechanism = \"BasicAuthRequireTLS\"\n"
                "auth_user = \"x\"\nauth_password_file = \"x\"\n"),
       to_hop},
      {Rule::kNamedClients, false, hop_with("send_xclient = true\n"), good},
      {Rule::kNamedClients, false, hop_with("send_proxy_protocol = true\n"), good},
      {Rule::kDiscards, false, "", connector(kLan, "delivery = \"discard\"\n")},
  };
}

TEST(Rules, EachHasAnExampleThatProvokesItAlone) {
  std::set<Rule> shown = {Rule::kUnreadable, Rule::kNowhereToSend,
                          Rule::kFallbackNowhere};  // tested below
  for (const Example& example : examples()) {
    Folder folder;
    folder.write("relais.toml", example.main + std::string(kGoodMain));
    folder.write("connectors/a.toml", example.first);
    if (!example.second.empty()) folder.write("connectors/b.toml", example.second);
    folder.machine({"192.0.2.1", "10.9.9.9"});
    const auto findings = folder.numbered_findings();
    const std::string number = " [" + id_of(example.rule) + ']';
    ASSERT_EQ(findings.size(), 1U) << number << testing::PrintToString(findings);
    EXPECT_TRUE(findings[0].ends_with(number)) << number << ' ' << findings[0];
    EXPECT_EQ(findings[0].find(": warning: ") == std::string::npos, example.error) << findings[0];
    shown.insert(example.rule);
  }
  for (const RuleText& rule : all_rules()) {
    EXPECT_TRUE(shown.contains(rule.rule)) << id_of(rule.rule) << " has no example";
  }
}

TEST(Rules, WhoMaySubmitNowhereIsToldWhy) {
  const auto told = [](const std::string& more) {
    Folder folder;
    folder.write("relais.toml", kGoodMain);
    folder.write("connectors/a.toml", kBare + more);
    return folder.findings();
  };
  const std::string none =
      ": warning: permission_groups: nobody may submit mail here: anonymous clients have no "
      "ms-Exch-SMTP-Submit";
  EXPECT_EQ(told(""), Texts{"DIR/connectors/a.toml:1" + none +
                            ". Write permission_groups = [\"AnonymousUsers\"]."});
  const std::string later =
      "; they would have to authenticate, and AUTH is not offered. Add Tls, BasicAuth and "
      "BasicAuthRequireTLS to auth_mechanism and ExchangeUsers to the groups, or write enabled = "
      "false.";
  EXPECT_EQ(told("usage = \"Client\"\n"),
            Texts{"DIR/connectors/a.toml:1: warning: auth_mechanism: BasicAuth, and nobody knows "
                  "passwords: AUTH is not offered. Write password_file or dovecot_socket under "
                  "[auth] in relais.toml."});
  EXPECT_EQ(told("permission_groups = [\"ExchangeUsers\"]\n"),
            Texts{"DIR/connectors/a.toml:4" + none + later});
  EXPECT_EQ(told("permission_groups = [\"AnonymousUsers\"]\n[[permission]]\n"
                 "user = 'ANONYMOUS LOGON'\nextended_rights = [\"ms-Exch-SMTP-Submit\"]\n"
                 "deny = true\n"),
            Texts{"DIR/connectors/a.toml:5: warning: permission[0]: nobody may submit mail here: "
                  "anonymous clients have no ms-Exch-SMTP-Submit: this entry denies it. Take the "
                  "denying [[permission]] entry away, or ms-Exch-SMTP-Submit out of it."});
}

TEST(Rules, WhereNobodyCanLogOnIsToldWhy) {
  const auto told = [](const std::string& more) {
    Folder folder;
    folder.write("relais.toml",
                 "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n[auth]\n"
                 "dovecot_socket = \"/run/auth\"\n" +
                     std::string(kGoodMain));
    folder.write("connectors/a.toml", kBare + kBasicAuth + more);
    return folder.findings();
  };
  const std::string anonymous = "permission_groups = [\"AnonymousUsers\"]\n";
  const std::string refused =
      "DIR/connectors/a.toml:4: warning: auth_mechanism: AUTH is offered, and every password is "
      "refused (535): Authenticated Users have no ms-Exch-SMTP-Submit. ";
  EXPECT_EQ(told(anonymous), Texts{refused + "Add ExchangeUsers to permission_groups, or take "
                                             "BasicAuth away from here."});
  const std::string denied = std::string(kUsersSubmit) + "deny = true\n";
  EXPECT_EQ(told("permission_groups = [\"AnonymousUsers\", \"ExchangeUsers\"]\n" + denied),
            Texts{refused + "Take the [[permission]] entry away that denies it, or BasicAuth from "
                            "here."});
  EXPECT_EQ(told(anonymous + kUsersSubmit), Texts{});
  EXPECT_EQ(told("permission_groups = [\"ExchangeUsers\"]\n"), Texts{});
  EXPECT_EQ(
      told("permission_groups = [\"Partners\"]\n"),
      Texts{"DIR/connectors/a.toml:5: warning: permission_groups: nobody may submit mail here: "
            "anonymous clients have no ms-Exch-SMTP-Submit; they would have to authenticate, "
            "and Authenticated Users have none either. Add ExchangeUsers to the groups, or "
            "write enabled = false."});
}

TEST(Rules, OfMissingFilesAndOfNoSendConnector) {
  Folder folder;
  folder.write("connectors/a.toml", connector(kLan));
  ASSERT_EQ(folder.load().findings.size(), 1U);
  EXPECT_EQ(folder.load().findings[0].rule, Rule::kUnreadable);
  folder.write("relais.toml", "");
  ASSERT_EQ(folder.load().findings.size(), 1U);
  EXPECT_EQ(folder.load().findings[0].rule, Rule::kNowhereToSend);
}

TEST(Rules, AConnectorThatProxiesNeedsNoSendConnectorUnlessItFallsBack) {
  const std::string proxy = "delivery = \"proxy\"\nupstreams = [\"10.0.0.20\"]\n";
  Folder folder;
  folder.write("relais.toml", "");
  folder.write("connectors/a.toml", connector(kLan, proxy));
  EXPECT_EQ(folder.findings(), std::vector<std::string>{});
  folder.write("relais.toml", "[spool]\nmax_size = \"32MB\"\nsegment_size = \"8MB\"\n");
  EXPECT_EQ(folder.findings(), Texts{}) << "its messages may be larger than the spool";
  folder.write("relais.toml", "");
  folder.write("connectors/a.toml", connector(kLan, proxy + "proxy_fallback = \"queue\"\n"));
  ASSERT_EQ(folder.load().findings.size(), 1U);
  EXPECT_EQ(folder.load().findings[0].rule, Rule::kFallbackNowhere);
  folder.write("connectors/b.toml", connector("\"10.0.0.1\"", "", "Other"));
  EXPECT_EQ(folder.load().findings.size(), 2U) << "and the other one's mail has nowhere to go";
}

TEST(Rules, MailFromTheQueueGoesWithoutTheNameOfItsClient) {
  const auto told = [](const std::string& key, const std::string& spaces,
                       const std::string& more = {}) {
    Folder folder;
    folder.write("relais.toml", "[[send_connector]]\nname = \"Hop\"\naddress_spaces = [" + spaces +
                                    "]\nsmart_hosts = [\"192.0.2.2\"]\n" + key + " = true\n" +
                                    std::string(kGoodMain));
    folder.write("connectors/a.toml",
                 connector(kLan, "delivery = \"proxy\"\nupstream_send_connector = \"Hop\"\n"));
    folder.write("connectors/b.toml", connector("\"10.0.0.1\"", more, "Other"));
    return folder.findings();
  };
  const std::string without = ": has no effect on mail from the queue, as that of 'Other': it ";
  const std::string cure = ". Give another Send connector the same address_spaces at less cost.";
  const Texts xclient{"DIR/relais.toml:5: warning: send_connector[0].send_xclient" + without +
                      "gets the rights of our own address there" + cure};
  EXPECT_EQ(told("send_xclient", "\"a.com\""), xclient);
  EXPECT_EQ(told("send_proxy_protocol", "\"a.com\""),
            Texts{"DIR/relais.toml:5: warning: send_connector[0].send_proxy_protocol" + without +
                  "goes without a header, and nobody there takes it" + cure});
  EXPECT_EQ(told("send_xclient", "\"*\", \"a.com\""), xclient);
  EXPECT_EQ(told("send_xclient", "\"*;2\""), Texts{}) << "another one takes it all";
  EXPECT_EQ(told("send_xclient", "\"a.com\"", "enabled = false\n"), Texts{});
}

TEST(Rules, AConnectorThatThrowsItsMailAwaySaysSoAndNeedsNoWayOut) {
  const std::string discard = "delivery = \"discard\"\n";
  const std::string said =
      "DIR/connectors/a.toml:5: warning: delivery: 'In' throws away all mail that it accepts: "
      "clients hear 250, and nobody gets it. Write \"queue\", unless it is there for benchmarks "
      "alone.";
  const auto without_effect = [](int line, const std::string& key) {
    return "DIR/connectors/a.toml:" + std::to_string(line) + ": warning: " + key +
           ": has no effect without delivery = \"proxy\". Write delivery = \"proxy\", or take " +
           key + " away.";
  };
  Folder folder;
  folder.write("relais.toml", "");
  folder.write("connectors/a.toml", connector(kLan, discard));
  EXPECT_TRUE(folder.load().ok);
  EXPECT_EQ(folder.findings(), Texts{said});
  folder.write("connectors/a.toml",
               connector(kLan, discard + "upstreams = [\"10.0.0.20\"]\nproxy_fallback = \"queue\"\n"
                                         "upstream_timeout = \"1m\"\n"));
  EXPECT_EQ(folder.findings(),
            (Texts{said, without_effect(6, "upstreams"), without_effect(7, "proxy_fallback"),
                   without_effect(8, "upstream_timeout")}));
  folder.write("connectors/a.toml", connector(kLan, discard + "reserved_share = 10\n"));
  EXPECT_EQ(folder.findings(),
            (Texts{said,
                   "DIR/connectors/a.toml:6: warning: reserved_share: is for mail that is "
                   "kept, and delivery is \"discard\". Take it away."}));
  folder.write("relais.toml", "[spool]\nmax_size = \"32MB\"\nsegment_size = \"8MB\"\n");
  folder.write("connectors/a.toml", connector(kLan, discard));
  EXPECT_EQ(folder.findings(), Texts{said}) << "its messages may be larger than the spool";
  folder.write("relais.toml", "");
  folder.write("connectors/a.toml", connector(kLan, discard + "enabled = false\n"));
  folder.write("connectors/b.toml", connector("\"10.0.0.1\"", "", "Other"));
  ASSERT_EQ(folder.load().findings.size(), 1U) << "nobody sends to one that is disabled";
  EXPECT_EQ(folder.load().findings[0].rule, Rule::kNowhereToSend) << "the other one's mail";
}

TEST(Rules, TheReadyConfigurationsAreClean) {
  for (const char* name : {"quickstart", "smarthost"}) {
    const Loaded loaded =
        load(std::string(RELAIS_SOURCE_DIR "/conf/") + name, {*IpAddress::parse("127.0.0.1")});
    EXPECT_TRUE(loaded.ok) << name;
    for (const Finding& finding : loaded.findings) ADD_FAILURE() << to_string(finding);
  }
}

TEST(Rules, ABindingOfTheMachineItselfAndOfLoopbackIsFine) {
  for (const char* binding :
       {"192.0.2.9:25", "127.0.0.9:25", "0.0.0.0:25", "[::1]:25", "[::]:25"}) {
    Folder folder;
    const bool v6 = binding[0] == '[';
    folder.write("relais.toml", kGoodMain).machine({"192.0.2.9"});
    folder.write("connectors/a.toml", connector(v6 ? "\"fd00::/64\"" : kLan, "", "In", binding));
    EXPECT_EQ(folder.findings(), std::vector<std::string>{}) << binding;
  }
}

TEST(Rules, AConnectorThatIsReachableSomewhereIsNotUnreachable) {
  // Covered on one binding, reachable on the other.
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml",
               "name = \"A\"\nbindings = [\"0.0.0.0:25\", \"0.0.0.0:587\"]\n"
               "remote_ip_ranges = [\"10.0.0.0/31\"]\n"
               "permission_groups = [\"AnonymousUsers\"]\n");
  folder.write("connectors/b.toml", connector("\"10.0.0.0\", \"10.0.0.1\"", "", "B"));
  EXPECT_EQ(folder.findings(), std::vector<std::string>{});
  // One address is left.
  folder.write("connectors/a.toml", connector("\"10.0.0.0/30\"", "", "A"));
  folder.write("connectors/b.toml", connector("\"10.0.0.0\", \"10.0.0.1\", \"10.0.0.3\"", "", "B"));
  EXPECT_EQ(folder.findings(), std::vector<std::string>{});
  // A disabled connector covers nothing.
  folder.write("connectors/b.toml",
               connector("\"10.0.0.0/31\", \"10.0.0.2/31\"", "enabled = false\n", "B"));
  EXPECT_EQ(folder.findings(), std::vector<std::string>{});
  // The whole of IPv6, halved.
  folder.write("connectors/a.toml", connector("\"::/0\"", "", "A", "[::]:25"));
  folder.write("connectors/b.toml", connector("\"::/1\", \"8000::/1\"", "", "B", "[::]:25"));
  EXPECT_EQ(folder.findings(),
            std::vector<std::string>{
                "DIR/connectors/a.toml:3: warning: remote_ip_ranges: no client can reach 'A': more "
                "specific ranges of other connectors hold every address that it lists. Remove the "
                "connector, or make its ranges more specific."});
}

}  // namespace
}  // namespace relais::config
