// What a good configuration becomes.
#include "config/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "folder.h"
#include "policy/snapshot.h"

namespace relais::config {
namespace {

using policy::DomainType;
using policy::PermissionGroup;
using policy::PermissionGroups;
using policy::Right;

std::string all_of(const Loaded& loaded) {
  std::string text;
  for (const Finding& finding : loaded.findings) text += to_string(finding) + '\n';
  return text;
}

TEST(Load, TheLeastConfigurationHasTheDefaults) {
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/in.toml", kGoodConnector);
  const Loaded loaded = folder.load();
  ASSERT_TRUE(loaded.ok) << all_of(loaded);
  EXPECT_TRUE(loaded.findings.empty()) << all_of(loaded);
  const Model& model = loaded.model;
  EXPECT_FALSE(model.server.fqdn.empty());
  EXPECT_FALSE(model.server.cores.empty());
  EXPECT_EQ(model.server.data_dir, "/var/lib/relais");
  EXPECT_EQ(model.server.log_file, "");
  EXPECT_EQ(model.spool.max_size, 4ULL << 30);
  EXPECT_FALSE(model.server.watch_config);
  EXPECT_EQ(model.server.max_connection_rate_per_minute, 1200U);
  EXPECT_EQ(model.limits.table_memory, 64ULL << 20);
  ASSERT_EQ(model.receive_connectors.size(), 1U);
  const auto& connector = model.receive_connectors[0];
  EXPECT_EQ(connector.name, "In");
  EXPECT_EQ(connector.source, folder.path() + "/connectors/in.toml");
  EXPECT_TRUE(connector.enabled);
  EXPECT_EQ(connector.max_message_size, 37'748'736U);
  EXPECT_EQ(connector.max_hop_count, 60U);
  EXPECT_TRUE(connector.reject_bare_line_ends);
  ASSERT_EQ(model.send_connectors.size(), 1U);
  EXPECT_EQ(model.send_connectors[0].smart_hosts[0].to_string(), "192.0.2.1:25");
}

TEST(Load, EveryKeyReachesTheModel) {
  Folder folder;
  folder.write("relais.toml", R"(
[server]
fqdn = "relay.contoso.com"
cores = 1
data_dir = "data"
log_file = "../log/relais.log"
drain_timeout = "5s"
watch_config = true
max_connection_rate_per_minute = "unlimited"
max_sessions = 100
receive_buffers = "1MB"
message_memory = 2097152
[spool]
max_size = "64MB"
segment_size = "16MB"
[retry]
first = "200ms"
max = "00:00:02"
expire_after = "2.00:00:00"
[limits]
table_memory = "1MB"
[admin]
listen = "127.0.0.1:8025"
[back_pressure]
enabled = false
poll_interval = "5s"
memory_medium = 12
memory_high = 14
memory_high_ends = 13
memory_medium_ends = 11
memory_history = "1s"
system_memory_medium = 22
system_memory_high = 24
system_memory_high_ends = 23
system_memory_medium_ends = 21
spool_disk_medium = 32
spool_disk_high = 34
spool_disk_high_ends = 33
spool_disk_medium_ends = 31
spool_medium = 42
spool_high = 44
spool_high_ends = 43
spool_medium_ends = 41
queue_medium = 52
queue_high = 54
queue_high_ends = 53
queue_medium_ends = 51
queue_history = "0s"
[[accepted_domain]]
name = "Contoso.com"
[[accepted_domain]]
name = "*.fabrikam.com"
type = "internalrelay"
[[send_connector]]
name = "Hosts"
address_spaces = ["SMTP:*.Contoso.com;5", "fabrikam.com;100", "*"]
smart_hosts = ["10.0.0.20", "10.0.0.21:2525", "[2001:db8::20]:26", "2001:db8::21", "[2001:db8::22]"]
max_connections = 3
max_messages_per_connection = "unlimited"
connect_timeout = "1s"
inactivity_timeout = "2s"
[[send_connector]]
name = "Files"
address_spaces = ["example.com"]
maildir = "/srv/Maildir"
)");
  folder.write("connectors/in.toml", R"(
name = "Anonymous Relay"
comment = "printers"
enabled = false
transport_role = "frontendtransport"
usage = "Custom"
bindings = ["0.0.0.0:25", "[::]:587"]
remote_ip_ranges = ["192.168.5.10", "192.168.6.1/24", "fe80::1%11"]
auth_mechanism = ["None"]
permission_groups = ["anonymoususers"]
delivery = "queue"
fqdn = "front.contoso.com"
banner = "220 front"
pipelining_enabled = false
size_enabled = "Disabled"
eight_bit_mime_enabled = false
enhanced_status_codes_enabled = false
require_ehlo_domain = true
bare_linefeed_rejection_enabled = false
max_message_size = "1MB"
max_header_size = "16KB"
max_recipients_per_message = 5
max_hop_count = 7
fair_weight = 900
reserved_share = 10
max_protocol_errors = "unlimited"
max_inbound_connection = 8
connection_timeout = "00:01:00"
connection_inactivity_timeout = "10s"
[[permission]]
user = 'nt authority\anonymous logon'
extended_rights = ["Ms-Exch-SMTP-Accept-Any-Recipient", "ms-exch-accept-headers-routing"]
[[permission]]
user = 'NT AUTHORITY\ANONYMOUS LOGON'
extended_rights = ["ms-Exch-SMTP-Accept-Any-Sender"]
deny = true
)");
  const Loaded loaded = folder.load();
  ASSERT_TRUE(loaded.ok) << all_of(loaded);
  const Model& m = loaded.model;
  EXPECT_EQ(m.server.fqdn, "relay.contoso.com");
  EXPECT_EQ(m.server.cores.size(), 1U);
  EXPECT_EQ(m.server.data_dir, folder.path() + "/data");
  EXPECT_EQ(m.server.log_file,
            std::filesystem::path(folder.path()).parent_path().string() + "/log/relais.log");
  EXPECT_EQ(m.server.drain_timeout, seconds(5));
  EXPECT_EQ(m.server.max_sessions, 100U);
  EXPECT_EQ(m.server.receive_buffers, 1U << 20);
  EXPECT_EQ(m.server.message_memory, 2U << 20);
  EXPECT_EQ(m.spool.max_size, 64U << 20);
  EXPECT_EQ(m.spool.segment_size, 16U << 20);
  EXPECT_TRUE(m.server.watch_config);
  EXPECT_EQ(m.server.max_connection_rate_per_minute, UINT32_MAX);
  EXPECT_EQ(m.limits.table_memory, 1U << 20);
  EXPECT_EQ(m.retry.first, milliseconds(200));
  EXPECT_EQ(m.retry.max, seconds(2));
  EXPECT_EQ(m.retry.expire_after, hours(48));
  EXPECT_EQ(m.admin.listen, Endpoint::parse("127.0.0.1:8025"));
  EXPECT_FALSE(m.back_pressure.enabled);
  EXPECT_EQ(m.back_pressure.poll_interval, seconds(5));
  const policy::PressureLimits pressures = m.back_pressure.limits();
  for (uint64_t i = 0; i < pressures.size(); ++i) {
    const uint64_t tens = 10 * (i + 1);
    EXPECT_EQ(pressures[i], (policy::PressureThresholds{tens + 2, tens + 4, tens + 3, tens + 1}));
  }
  EXPECT_EQ(m.back_pressure.history(),
            (policy::PressureHistory{seconds(1), Duration{}, Duration{}, Duration{}, Duration{}}));
  ASSERT_EQ(m.accepted_domains.size(), 2U);
  EXPECT_EQ(m.accepted_domains[0].name, "contoso.com");
  EXPECT_EQ(m.accepted_domains[0].type, DomainType::kAuthoritative);
  EXPECT_EQ(m.accepted_domains[1].name, "*.fabrikam.com");
  EXPECT_EQ(m.accepted_domains[1].type, DomainType::kInternalRelay);

  ASSERT_EQ(m.send_connectors.size(), 2U);
  const SendConnector& hosts = m.send_connectors[0];
  EXPECT_EQ(hosts.kind, DeliveryKind::kSmartHost);
  ASSERT_EQ(hosts.address_spaces.size(), 3U);
  EXPECT_EQ(hosts.address_spaces[0].domain, "*.contoso.com");
  EXPECT_EQ(hosts.address_spaces[0].cost, 5U);
  EXPECT_EQ(hosts.address_spaces[1].domain, "fabrikam.com");
  EXPECT_EQ(hosts.address_spaces[1].cost, 100U);
  EXPECT_EQ(hosts.address_spaces[2].domain, "*");
  EXPECT_EQ(hosts.address_spaces[2].cost, 1U);
  std::vector<std::string> endpoints;
  for (const Endpoint& host : hosts.smart_hosts) endpoints.push_back(host.to_string());
  EXPECT_EQ(endpoints,
            (std::vector<std::string>{"10.0.0.20:25", "10.0.0.21:2525", "[2001:db8::20]:26",
                                      "[2001:db8::21]:25", "[2001:db8::22]:25"}));
  EXPECT_EQ(hosts.max_connections, 3U);
  EXPECT_EQ(hosts.max_messages_per_connection, UINT32_MAX);
  EXPECT_EQ(hosts.connect_timeout, seconds(1));
  EXPECT_EQ(hosts.inactivity_timeout, seconds(2));
  EXPECT_EQ(m.send_connectors[1].kind, DeliveryKind::kMaildir);
  EXPECT_EQ(m.send_connectors[1].maildir, "/srv/Maildir");

  ASSERT_EQ(m.receive_connectors.size(), 1U);
  const policy::ReceiveConnector& c = m.receive_connectors[0];
  EXPECT_EQ(c.comment, "printers");
  EXPECT_FALSE(c.enabled);
  ASSERT_EQ(c.bindings.size(), 2U);
  EXPECT_EQ(c.bindings[1].endpoint.to_string(), "[::]:587");
  ASSERT_EQ(c.remote_ranges.size(), 3U);
  EXPECT_EQ(c.remote_ranges[1].to_string(), "192.168.6.0/24");
  EXPECT_EQ(c.remote_ranges[2].to_string(), "fe80::1");
  EXPECT_EQ(c.permission_groups, PermissionGroups{PermissionGroup::kAnonymousUsers});
  EXPECT_TRUE(c.auth_mechanism.empty());
  EXPECT_EQ(c.fqdn, "front.contoso.com");
  EXPECT_EQ(c.banner, "220 front");
  EXPECT_FALSE(c.pipelining);
  EXPECT_EQ(c.size, policy::SizeMode::kDisabled);
  EXPECT_FALSE(c.eight_bit_mime);
  EXPECT_FALSE(c.enhanced_status_codes);
  EXPECT_TRUE(c.require_ehlo_domain);
  EXPECT_FALSE(c.reject_bare_line_ends);
  EXPECT_EQ(c.max_message_size, 1U << 20);
  EXPECT_EQ(c.max_header_size, 16U << 10);
  EXPECT_EQ(c.max_recipients, 5U);
  EXPECT_EQ(c.max_hop_count, 7U);
  EXPECT_EQ(c.fair_weight, 900U);
  EXPECT_EQ(c.reserved_share, 10U);
  EXPECT_EQ(c.max_protocol_errors, UINT32_MAX);
  EXPECT_EQ(c.max_inbound_connection, 8U);
  EXPECT_EQ(c.connection_timeout, minutes(1));
  EXPECT_EQ(c.connection_inactivity_timeout, seconds(10));
  EXPECT_TRUE(has(c.session_rights(), Right::kAcceptAnyRecipient));
  EXPECT_FALSE(has(c.session_rights(), Right::kAcceptAnySender));
}

TEST(Load, PostmasterWithoutADomainIsOfTheFirstDomainOfOurOwn) {
  const auto domain = [](const std::string& domains) {
    Folder folder;
    folder.write("relais.toml", std::string(kGoodMain) + domains);
    folder.write("connectors/in.toml", kGoodConnector);
    return postmaster_domain(folder.load().model);
  };
  const std::string pattern = "[[accepted_domain]]\nname = \"*.a.com\"\n";
  const std::string relayed = "[[accepted_domain]]\nname = \"b.com\"\ntype = \"ExternalRelay\"\n";
  const std::string own = "[[accepted_domain]]\nname = \"c.com\"\n";
  EXPECT_EQ(domain(""), "");
  EXPECT_EQ(domain(pattern), "");
  EXPECT_EQ(domain(pattern + relayed), "b.com");
  EXPECT_EQ(domain(pattern + relayed + own), "c.com");
}

TEST(Load, UsageInternetIsAPreset) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml",
               "name = \"In\"\nusage = \"Internet\"\nbindings = [\"0.0.0.0:25\", \"[::]:25\"]\n");
  const Loaded loaded = folder.load();
  ASSERT_TRUE(loaded.ok && loaded.findings.empty()) << all_of(loaded);
  const auto& connector = loaded.model.receive_connectors[0];
  EXPECT_TRUE(connector.permission_groups.has(PermissionGroup::kAnonymousUsers));
  ASSERT_EQ(connector.remote_ranges.size(), 2U);
  EXPECT_EQ(connector.remote_ranges[0].to_string(), "0.0.0.0/0");
  EXPECT_EQ(connector.remote_ranges[1].to_string(), "::/0");

  folder.write("connectors/in.toml",
               "name = \"In\"\nusage = \"Internet\"\nbindings = [\"0.0.0.0:25\"]\n"
               "permission_groups = [\"None\"]\nremote_ip_ranges = [\"10.0.0.1\"]\n");
  const Loaded explicit_ones = folder.load();
  EXPECT_TRUE(explicit_ones.model.receive_connectors[0].permission_groups.empty());
  EXPECT_EQ(explicit_ones.model.receive_connectors[0].remote_ranges.size(), 1U);
}

TEST(Load, FileNamesDoNotMatter) {
  const auto load_as = [](const std::string& in, const std::string& relay) {
    Folder folder;
    folder.write("relais.toml", kGoodMain);
    folder.write("connectors/" + in, kGoodConnector);
    folder.write(
        "connectors/" + relay,
        "name = \"Relay\"\nbindings = [\"0.0.0.0:25\"]\n"
        "remote_ip_ranges = [\"192.168.5.7\"]\npermission_groups = [\"AnonymousUsers\"]\n");
    const Loaded loaded = folder.load();
    EXPECT_TRUE(loaded.ok) << all_of(loaded);
    const policy::Snapshot snapshot(loaded.model.receive_connectors, {});
    std::string names;
    for (const char* remote : {"192.168.5.6", "192.168.5.7", "192.168.5.8"}) {
      const auto found =
          snapshot.select(*Endpoint::parse("10.0.0.1:25"), *IpAddress::parse(remote));
      names += found.connector->name + ' ';
    }
    return names;
  };
  EXPECT_EQ(load_as("a.toml", "b.toml"), "In Relay In ");
  EXPECT_EQ(load_as("b.toml", "a.toml"), "In Relay In ");
}

TEST(Load, OnlyTomlFilesThatAreNotHiddenCount) {
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/in.toml", kGoodConnector);
  folder.write("connectors/.in.toml", "broken").write("connectors/in.toml~", "broken");
  folder.write("connectors/README", "broken");
  const Loaded loaded = folder.load();
  EXPECT_TRUE(loaded.ok) << all_of(loaded);
  EXPECT_EQ(loaded.model.receive_connectors.size(), 1U);
}

TEST(Load, ACoreListIsTakenAsItIs) {
  Folder folder;
  folder.write("connectors/in.toml", kGoodConnector);
  folder.write("relais.toml", "[server]\ncores = \"auto\"" + std::string(kGoodMain));
  const auto all = folder.load().model.server.cores;
  folder.write("relais.toml",
               "[server]\ncores = [" + std::to_string(all.back()) + "]" + std::string(kGoodMain));
  EXPECT_EQ(folder.load().model.server.cores, std::vector<uint32_t>{all.back()});
}

TEST(Load, HandshakeThreadsAreANumberOrLeftToTheServer) {
  Folder folder;
  folder.write("connectors/in.toml", kGoodConnector);
  const auto threads = [&](const std::string& line) {
    folder.write("relais.toml", std::string(kGoodMain) + "[tls]\n" + line);
    const auto loaded = folder.load();
    EXPECT_TRUE(loaded.ok) << all_of(loaded);
    return loaded.model.tls.handshake_threads;
  };
  EXPECT_EQ(threads(""), std::nullopt);
  EXPECT_EQ(threads("handshake_threads = \"auto\"\n"), std::nullopt);
  EXPECT_EQ(threads("handshake_threads = 0\n"), 0U);
  EXPECT_EQ(threads("handshake_threads = 3\n"), 3U);
}

TEST(Load, TheTrialConfigurationsHaveNoFinding) {
  for (const std::string name : {"quickstart", "smarthost"}) {
    const Loaded loaded = load(RELAIS_SOURCE_DIR "/conf/" + name);
    ASSERT_TRUE(loaded.ok && loaded.findings.empty()) << all_of(loaded);
    const Model& model = loaded.model;
    EXPECT_TRUE(model.server.data_dir.ends_with("/var/" + name + "/spool-data"))
        << model.server.data_dir;

    const policy::Snapshot snapshot(model.receive_connectors,
                                    policy::AcceptedDomains(model.accepted_domains));
    const auto verdict = [&](const char* remote, const char* domain) {
      const auto found =
          snapshot.select(*Endpoint::parse("127.0.0.1:2525"), *IpAddress::parse(remote));
      EXPECT_TRUE(snapshot.mail(found.connector_index, policy::Principal::kAnonymous, "contoso.com")
                      .allowed);
      return found.connector->name + ' ' +
             std::to_string(
                 snapshot.recipient(found.connector_index, policy::Principal::kAnonymous, domain)
                     .code);
    };
    EXPECT_EQ(verdict("127.0.0.1", "fabrikam.com"), "Anonymous Relay 250");
    EXPECT_EQ(verdict("127.0.0.1", "contoso.com"), "Anonymous Relay 250");
    EXPECT_EQ(verdict("127.0.0.2", "fabrikam.com"), "Default Frontend 550");
    EXPECT_EQ(verdict("127.0.0.2", "contoso.com"), "Default Frontend 250");
  }
}

}  // namespace
}  // namespace relais::config
