// Every mistake that a single file can hold, and word for word what the operator reads about it.
#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

struct Mistake {
  const char* text;      // put in front of the good rest of the file
  const char* expected;  // the finding, without "DIR/<file>:"
};

constexpr const char* kServerKeys =
    "fqdn, cores, gather_sessions, data_dir, log_file, audit_log, drain_timeout, watch_config, "
    "max_connection_rate_per_minute, max_sessions, receive_buffers, message_memory";

const std::string kPartnersMaySend =
    "[[permission]]\nuser = 'MS Exchange\\Partner Servers'\n"
    "extended_rights = [\"ms-Exch-SMTP-Submit\"]";

TEST(Mistakes, InTheSectionsOfTheMainFile) {
  const std::string known = std::string("Known here: ") + kServerKeys + '.';
  const std::pair<const char*, std::string> cases[] = {
      {"[servers]\nfqdn = \"a.b\"",
       "1: servers: unknown key. Did you mean 'server'? Known here: server, spool, retry, "
       "notifications, limits, admin, back_pressure, tls, auth, protocol_log, accepted_domain, "
       "send_connector, "
       "address_book."},
      {"fqdn = \"a.b\"",
       "1: fqdn: unknown key. It belongs into [server]. Known here: server, spool, retry, "
       "notifications, limits, admin, back_pressure, tls, auth, protocol_log, accepted_domain, "
       "send_connector, "
       "address_book."},
      {"server = 5", "1: server: found a whole number (5). Write a table: [server]."},
      {"[server]\nfqnd = 1", "2: server.fqnd: unknown key. Did you mean 'fqdn'? " + known},
      {"[server]\ncolour = 1", "2: server.colour: unknown key. " + known},
      {"[server]\nfqdn = 7",
       "2: server.fqdn: found a whole number (7). Write a host name, such as "
       "\"relay.contoso.com\"."},
      {"[server]\nfqdn = \"a b\"",
       "2: server.fqdn: 'a b': a character that is no letter, digit, hyphen or dot. Write a host "
       "name, such as \"relay.contoso.com\"."},
      {"[server]\ncores = \"all\"",
       "2: server.cores: found a string ('all'). Write \"auto\", a number of CPUs, or a list of "
       "CPUs such as [0, 2]."},
      {"[server]\ncores = []",
       "2: server.cores: an empty list. Write \"auto\", a number of CPUs, or a list of CPUs such "
       "as [0, 2]."},
      {"[tls]\nhandshake_threads = 257",
       "2: tls.handshake_threads: 257 is out of range. Write \"auto\", or a number from 0 to 256."},
      {"[tls]\nhandshake_threads = \"many\"",
       "2: tls.handshake_threads: found a string ('many'). Write \"auto\", or a number from 0 to "
       "256."},
      {"[server]\ndata_dir = \"\"",
       "2: server.data_dir: '' is empty. Write a folder; a relative path starts at the "
       "configuration folder."},
      {"[server]\ndrain_timeout = \"soon\"",
       "2: server.drain_timeout: 'soon' is no duration. Write a duration from 0s to 1h, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {"[server]\ndrain_timeout = 5",
       "2: server.drain_timeout: found a whole number (5). Write a duration from 0s to 1h, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {"[server]\ndrain_timeout = \"2h\"",
       "2: server.drain_timeout: '2h' is out of range. Write a duration from 0s to 1h, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {"[server]\nmax_sessions = 0",
       "2: server.max_sessions: 0 is out of range. Write a whole number from 1 to 1000000."},
      {"[server]\nmax_sessions = \"unlimited\"",
       "2: server.max_sessions: found a string ('unlimited'). Write a whole number from 1 to "
       "1000000."},
      {"[server]\nmax_sessions = 1.5",
       "2: server.max_sessions: found a number (1.5). Write a whole number from 1 to 1000000."},
      {"[server]\nreceive_buffers = \"4 apples\"",
       "2: server.receive_buffers: '4 apples' is no size. Write a size from 256KB to 64GB, in "
       "octets or as in \"64KB\" or \"36MB\"."},
      {"[server]\nmessage_memory = 4096",
       "2: server.message_memory: 4096 is out of range. Write a size from 1MB to 1TB, in octets or "
       "as in \"64KB\" or \"36MB\"."},
      {"[server]\nmessage_memory = -1",
       "2: server.message_memory: -1 is out of range. Write a size from 1MB to 1TB, in octets or "
       "as in \"64KB\" or \"36MB\"."},
      {"[server]\nmax_connection_rate_per_minute = 0",
       "2: server.max_connection_rate_per_minute: 0 is out of range. Write a whole number from 1 "
       "to "
       "2147483647, or \"unlimited\"."},
      {"[server]\nwatch_config = \"yes\"",
       "2: server.watch_config: found a string ('yes'). Write true or false."},
      {"[limits]\ntable_memory = \"512KB\"",
       "2: limits.table_memory: '512KB' is out of range. Write a size from 1MB to 16GB, in octets "
       "or "
       "as in \"64KB\" or \"36MB\"."},
      {"table_memory = \"64MB\"",
       "1: table_memory: unknown key. It belongs into [limits]. Known here: server, spool, retry, "
       "notifications, limits, admin, back_pressure, tls, auth, protocol_log, accepted_domain, "
       "send_connector, "
       "address_book."},
      {"[spool]\nmax_size = \"64MB\"\nsegment_size = \"32MB\"",
       "3: spool.segment_size: 32MB is more than a quarter of max_size (64MB). Write at most 16MB, "
       "or a larger max_size."},
      {"[spool]\nmax_size = \"64MB\"",
       "1: spool.segment_size: 64MB is more than a quarter of max_size (64MB). Write at most 16MB, "
       "or a larger max_size."},
      {"[protocol_log]\nmax_folder_size = \"1MB\"",
       "2: protocol_log.max_folder_size: 1MB is less than two files of max_file_size (10MB). Write "
       "at least 20MB, or a smaller max_file_size."},
      {"[protocol_log]\nmax_file_size = \"200MB\"",
       "1: protocol_log.max_folder_size: 250MB is less than two files of max_file_size (200MB). "
       "Write at least 400MB, or a smaller max_file_size."},
      {"[retry]\nfirst = \"2m\"\nmax = \"1m\"",
       "3: retry.max: 1m is shorter than first (2m). Write a max that is not shorter than first."},
      {"[retry]\nexpire_after = \"1m\"",
       "2: retry.expire_after: 1m is shorter than max (30m). Write an expire_after that is not "
       "shorter than max."},
      {"[admin]\nlisten = \"localhost:8025\"",
       "2: admin.listen: 'localhost:8025' is no IP address with a port. Write an IPv4 address and "
       "a "
       "port, such as \"127.0.0.1:8025\"."},
      {"[admin]\nlisten = \"127.0.0.1:0\"",
       "2: admin.listen: '127.0.0.1:0' is no IP address with a port. Write an IPv4 address and a "
       "port, such as \"127.0.0.1:8025\"."},
      {"[admin]\nlisten = \"[::1]:8025\"",
       "2: admin.listen: '[::1]:8025': it is served over IPv4 only. Write an IPv4 address and a "
       "port, such as \"127.0.0.1:8025\"."},
      {"[admin]\nlisten = 8025",
       "2: admin.listen: found a whole number (8025). Write an IPv4 address and a port, such as "
       "\"127.0.0.1:8025\"."},
      {"[admin]\nlisten = \"10.0.0.5:8025\"",
       "2: warning: admin.listen: 10.0.0.5:8025 is no loopback address: whoever reaches it reads "
       "who sends mail here. Write \"127.0.0.1:8025\", or let a firewall keep others away."},
      {"[retry]\nfirst = 07:32:00",
       "2: retry.first: found a date or time (07:32:00). Write a duration from 10ms to 1d, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {"[back_pressure]\nspool_disk_medium = 99",
       "2: back_pressure.spool_disk_medium: 99 is not below spool_disk_high (99). Write "
       "spool_disk_medium_ends <= spool_disk_medium < spool_disk_high and spool_disk_medium_ends "
       "<= "
       "spool_disk_high_ends <= spool_disk_high."},
      {"[back_pressure]\nspool_disk_high = 80",
       "2: back_pressure.spool_disk_high: 80 is not above spool_disk_medium (89). Write "
       "spool_disk_medium_ends <= spool_disk_medium < spool_disk_high and spool_disk_medium_ends "
       "<= "
       "spool_disk_high_ends <= spool_disk_high."},
      {"[back_pressure]\nsystem_memory_medium = 1",
       "2: back_pressure.system_memory_medium: 1 is not above system_memory_medium_ends (84). "
       "Write "
       "system_memory_medium_ends <= system_memory_medium < system_memory_high and "
       "system_memory_medium_ends <= system_memory_high_ends <= system_memory_high."},
      {"[back_pressure]\nqueue_medium_ends = 2000\nqueue_high_ends = 1999",
       "2: back_pressure.queue_medium_ends: 2000 is not below queue_high_ends (1999). Write "
       "queue_medium_ends <= queue_medium < queue_high and queue_medium_ends <= queue_high_ends <= "
       "queue_high."},
      {"[back_pressure]\nmemory_high_ends = 76",
       "2: back_pressure.memory_high_ends: 76 is not below memory_high (75). Write "
       "memory_medium_ends <= memory_medium < memory_high and memory_medium_ends <= "
       "memory_high_ends <= memory_high."},
      {"[back_pressure]\nmemory_high = 101",
       "2: back_pressure.memory_high: 101 is out of range. Write a whole number from 1 to 100."},
      {"[back_pressure]\nmemory_high = \"75%\"",
       "2: back_pressure.memory_high: found a string ('75%'). Write a whole number from 1 to 100."},
      {"[back_pressure]\npoll_interval = \"100ms\"",
       "2: back_pressure.poll_interval: '100ms' is out of range. Write a duration from 1s to 1m, "
       "such as \"90s\", \"5m\" or \"00:05:00\"."},
      {"back_pressure = true", "1: back_pressure: found true. Write a table: [back_pressure]."},
      {"[accepted_domain]\nname = \"contoso.com\"",
       "1: accepted_domain: found a table. Write one table a domain: [[accepted_domain]]."},
      {"[[accepted_domain]]\ntype = \"Authoritative\"",
       "1: accepted_domain[0].name: is missing. Write a domain: \"contoso.com\", or "
       "\"*.contoso.com\" for every domain below it."},
      {"[[accepted_domain]]\nname = \"*\"",
       "2: accepted_domain[0].name: '*' would accept mail for every domain from every client: an "
       "open relay. Name the domains, give Accept-Any-Recipient to a connector, or write "
       "i_know_this_is_an_open_relay = true beside it."},
      {"[[accepted_domain]]\nname = \"*.Com\"",
       "2: warning: accepted_domain[0].name: '*.com' is everything below a top level domain: mail "
       "for all of it would be accepted from every client. Name the domains."},
      {"[[accepted_domain]]\nname = \"10.0.0.1\"",
       "2: accepted_domain[0].name: '10.0.0.1': an IP address, not a domain name. Write a domain: "
       "\"contoso.com\", or \"*.contoso.com\" for every domain below it."},
      {"[[accepted_domain]]\nname = \"a.com\"\ntype = \"Mine\"",
       "3: accepted_domain[0].type: 'Mine' is no type of domain. Write \"Authoritative\", "
       "\"InternalRelay\" or \"ExternalRelay\"."},
      {"[[accepted_domain]]\nname = \"a.com\"\n[[accepted_domain]]\nname = \"A.com\"",
       "4: accepted_domain[1].name: 'a.com' is listed twice (line 2). Remove one of the two."},
  };
  for (const auto& [text, expected] : cases) {
    Folder folder;
    folder.write("connectors/in.toml", kGoodConnector);
    folder.write("relais.toml", text + std::string(kGoodMain));
    EXPECT_EQ(folder.findings(), std::vector<std::string>{"DIR/relais.toml:" + expected}) << text;
  }
}

TEST(Mistakes, InSendConnectors) {
  const std::string spaces =
      " Write a list of domains, such as [\"*\"], [\"*.contoso.com\"] or "
      "[\"SMTP:contoso.com;5\"].";
  const std::string hosts =
      " Write a list of IP addresses, such as [\"10.0.0.20\", \"10.0.0.21:2525\", "
      "\"[2001:db8::20]:25\"].";
  struct Case {
    const char* spaces;
    const char* next_hop;
    std::string expected;
  };
  constexpr const char* kAll = "[\"*\"]";
  constexpr const char* kHost = "smart_hosts = [\"192.0.2.1\"]";
  const Case cases[] = {
      {"\"*\"", kHost, "3: send_connector[0].address_spaces: found a string ('*')." + spaces},
      {"[]", kHost, "3: send_connector[0].address_spaces: an empty list." + spaces},
      {"[7]", kHost, "3: send_connector[0].address_spaces[0]: found a whole number (7)." + spaces},
      {"[\"*contoso.com\"]", kHost,
       "3: send_connector[0].address_spaces[0]: '*contoso.com': '*' stands only in front, as in "
       "*.contoso.com." +
           spaces},
      {"[\"X400:c=de;1\"]", kHost,
       "3: send_connector[0].address_spaces[0]: 'X400:c=de;1': the only type of address space is "
       "SMTP." +
           spaces},
      {"[\"contoso.com;0\"]", kHost,
       "3: send_connector[0].address_spaces[0]: 'contoso.com;0': the cost is no whole number from "
       "1 "
       "to 100." +
           spaces},
      {kAll, "smart_hosts = []", "4: send_connector[0].smart_hosts: an empty list." + hosts},
      {kAll, "smart_hosts = [\"mail.contoso.com:25\"]",
       "4: send_connector[0].smart_hosts[0]: 'mail.contoso.com:25': host names are not resolved "
       "yet." +
           hosts},
      {kAll, "smart_hosts = [\"10.0.0.1.1:25\"]",
       "4: send_connector[0].smart_hosts[0]: '10.0.0.1.1:25': not an IP address with an optional "
       "port." +
           hosts},
      {kAll, "smart_hosts = [\"10.0.0.1:0\"]",
       "4: send_connector[0].smart_hosts[0]: '10.0.0.1:0': port 0 is no port." + hosts},
      {kAll, "smart_hosts = [\"10.0.0.1:65536\"]",
       "4: send_connector[0].smart_hosts[0]: '10.0.0.1:65536': not an IP address with an optional "
       "port." +
           hosts},
      {kAll, "smart_hosts = [\"0.0.0.0:25\"]",
       "4: send_connector[0].smart_hosts[0]: '0.0.0.0:25': the unspecified address is no host." +
           hosts},
      {kAll, "smart_hosts = [\"10.0.0.1\", \"10.0.0.1:25\"]",
       "4: send_connector[0].smart_hosts[1]: '10.0.0.1:25' is listed twice. Remove one of the "
       "two."},
      {kAll, "smart_hosts = [\"127.0.0.1:25\"]",
       "4: warning: send_connector[0].smart_hosts: '127.0.0.1:25' is one of our own bindings: mail "
       "would go round in a loop. Name the next server."},
      {kAll, "smart_hosts = [\"10.0.0.1\"]\nmaildir = \"Maildir\"",
       "5: send_connector[0].maildir: stands beside smart_hosts. Keep one of smart_hosts and "
       "maildir."},
      {kAll, "max_connections = 1",
       "1: send_connector[0]: neither smart_hosts nor maildir. Write smart_hosts = "
       "[\"10.0.0.20:25\"] or maildir = \"Maildir\"."},
      {kAll, "maildir = \"m\"\nconnect_timeout = \"1h\"",
       "5: send_connector[0].connect_timeout: '1h' is out of range. Write a duration from 100ms to "
       "10m, such as \"90s\", \"5m\" or \"00:05:00\"."},
      {kAll,
       "maildir = \"m\"\n[[send_connector]]\nname = \"OUT\"\naddress_spaces = [\"a.com\"]\n"
       "maildir = \"n\"",
       "6: send_connector[1].name: 'OUT' is taken (line 2). Choose another name."},
  };
  for (const auto& entry : cases) {
    Folder folder;
    folder.write("connectors/in.toml", kGoodConnector);
    folder.write("relais.toml",
                 std::string("[[send_connector]]\nname = \"Out\"\naddress_spaces = ") +
                     entry.spaces + '\n' + entry.next_hop + '\n');
    EXPECT_EQ(folder.findings(), std::vector<std::string>{"DIR/relais.toml:" + entry.expected})
        << entry.spaces << ' ' << entry.next_hop;
  }
}

// One good connector in which one line is replaced, or to which one is added as line 5.
struct Change {
  const char* key;
  std::string line;
  std::string expected;
};

void expect_finding(const Change& change) {
  std::string text;
  bool replaced = false;
  for (size_t begin = 0; begin < kGoodConnector.size();) {
    const size_t end = kGoodConnector.find('\n', begin) + 1;
    const std::string_view line = kGoodConnector.substr(begin, end - begin);
    const bool same = line.starts_with(change.key);
    text += same ? change.line + '\n' : std::string(line);
    replaced |= same;
    begin = end;
  }
  if (!replaced) text += change.line + '\n';
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/in.toml", text);
  EXPECT_EQ(folder.findings(),
            std::vector<std::string>{"DIR/connectors/in.toml:" + change.expected})
      << change.line;
}

TEST(Mistakes, InNamesBindingsAndRanges) {
  const std::string bindings =
      " Write a list of local addresses and ports, such as [\"0.0.0.0:25\", \"[::]:25\"].";
  const std::string ranges =
      " Write one address, a range or a prefix, such as \"192.168.5.10\", "
      "\"192.168.7.1-192.168.7.9\" or \"192.168.6.0/24\".";
  const auto binding = [&](const std::string& text, const std::string& what) {
    return Change{"bindings", "bindings = [\"" + text + "\"]",
                  "2: bindings[0]: '" + text + "': " + what + '.' + bindings};
  };
  const auto option = [&](const std::string& text) {
    return Change{"bindings", "bindings = [\"0.0.0.0:465;" + text + "\"]",
                  "2: bindings[0]: '0.0.0.0:465;" + text + "': '" + text +
                      "' is no word that a binding knows. Write \"0.0.0.0:465;tls=implicit\" where "
                      "TLS begins at once, or the address and port alone."};
  };
  const auto range = [&](const std::string& text, const std::string& what) {
    return Change{"remote", "remote_ip_ranges = [\"10.0.0.1\", \"" + text + "\"]",
                  "3: remote_ip_ranges[1]: '" + text + "': " + what + '.' + ranges};
  };
  const Change changes[] = {
      {"name", "", "1: name: is missing. Write a name of 1 to 64 characters."},
      {"name", "name = \"\"", "1: name: '' is empty. Write a name of 1 to 64 characters."},
      {"name", "name = \"a\\nb\"",
       "1: name: a name may not hold control characters. Write a name of 1 to 64 characters."},
      {"name", "name = \"" + std::string(65, 'n') + '"',
       "1: name: '" + std::string(65, 'n') +
           "' has 65 characters. Write a name of 1 to 64 characters."},
      {"bindings", "", "1: bindings: is missing." + bindings},
      {"bindings", "bindings = []", "2: bindings: an empty list." + bindings},
      {"bindings", "bindings = \"0.0.0.0:25\"",
       "2: bindings: found a string ('0.0.0.0:25')." + bindings},
      binding(":25", "the address is missing"),
      binding("25", "the port is missing"),
      binding("10.0.0.1", "the port is missing"),
      binding("[::]", "the port is missing"),
      binding("::25", "IPv6 needs brackets, as in [::]:25"),
      binding("::1:25", "IPv6 needs brackets, as in [::]:25"),
      binding("0.0.0.0:0", "the port is no number from 1 to 65535"),
      binding("0.0.0.0:65536", "the port is no number from 1 to 65535"),
      binding("0.0.0.0:smtp", "the port is no number from 1 to 65535"),
      binding("mail.contoso.com:25", "not a local IP address"),
      binding("[::g]:25", "not a local IP address"),
      option("tls=bogus"),
      option("implicit"),
      option("tls=implicit;x"),
      option(""),
      {"bindings", "bindings = [\"0.0.0.0:25\", \"0.0.0.0:25\"]",
       "2: bindings[1]: '0.0.0.0:25' is listed twice. Remove one of the two."},
      {"remote", "",
       "1: remote_ip_ranges: is missing. Write the clients that this connector serves, such as "
       "[\"192.168.5.10\", \"192.168.6.0/24\"]."},
      {"remote", "remote_ip_ranges = []",
       "3: remote_ip_ranges: an empty list. Write a list of addresses, such as [\"192.168.5.10\", "
       "\"192.168.6.0/24\", \"192.168.7.1-192.168.7.9\"]."},
      {"remote", "remote_ip_ranges = [\n  \"10.0.0.1\",\n  5,\n]",
       "5: remote_ip_ranges[1]: found a whole number (5). Write a list of addresses, such as "
       "[\"192.168.5.10\", \"192.168.6.0/24\", \"192.168.7.1-192.168.7.9\"]."},
      range("10.0.0.0/33", "a prefix of IPv4 has at most 32 bits"),
      range("fe80::/200", "a prefix of IPv6 has at most 128 bits"),
      range("5-3", "not an IP address"),
      range("", "an address is missing"),
      range("10.0.0.9-10.0.0.1", "the range ends before it begins"),
      range("10.0.0.1-::1", "one end is IPv4 and the other IPv6"),
      {"remote", "remote_ip_ranges = [\"10.0.0.1\", \"10.0.0.1/32\"]",
       "3: remote_ip_ranges[1]: '10.0.0.1' is listed twice. Remove one of the two."},
      {"remote", "remote_ip_ranges = [\"10.0.0.1\", \"::1\"]",
       "3: warning: remote_ip_ranges[1]: '::1' can never match: no binding is IPv6. Add a binding "
       "such as \"[::]:25\", or remove the range."},
  };
  for (const Change& change : changes) expect_finding(change);
}

TEST(Mistakes, InWhatTheConnectorDoes) {
  const std::string rights =
      " Write a list of rights, such as \"ms-Exch-SMTP-Accept-Any-Recipient\"; "
      "docs/permissions.md has all of them.";
  const std::string groups =
      " Write [\"None\"], or a list of \"AnonymousUsers\", \"ExchangeUsers\", "
      "\"ExchangeServers\", \"ExchangeLegacyServers\" and \"Partners\".";
  const std::string mechanisms =
      " Write [\"None\"], or a list of \"Tls\", \"Integrated\", \"BasicAuth\", "
      "\"BasicAuthRequireTLS\", \"ExchangeServer\" and \"ExternalAuthoritative\".";
  const Change changes[] = {
      {"transport_role", "transport_role = \"HubTransport\"",
       "5: transport_role: 'HubTransport': relais is a front end; there is no Transport service "
       "behind it, and Hub and Frontend connectors may never listen on one port. Write "
       "\"FrontendTransport\"."},
      {"transport_role", "transport_role = \"Edge\"",
       "5: transport_role: 'Edge' is not known. Write \"FrontendTransport\"."},
      {"usage", "usage = \"Server\"",
       "5: usage: 'Server' is not known. Write \"Custom\", \"Internet\", \"Internal\", "
       "\"Client\" or \"Partner\"."},
      {"auth_mechanism", "auth_mechanism = [\"None\", \"Tls\"]",
       "5: auth_mechanism: \"None\" stands beside other values." + mechanisms},
      {"auth_mechanism", "auth_mechanism = [\"Kerberos\"]",
       "5: auth_mechanism[0]: 'Kerberos' is not known." + mechanisms},
      {"auth_mechanism", "auth_mechanism = []", "5: auth_mechanism: an empty list." + mechanisms},
      {"auth_mechanism", "auth_mechanism = \"None\"",
       "5: auth_mechanism: found a string ('None')." + mechanisms},
      {"auth_mechanism", "auth_mechanism = [\"Tls\", \"BasicAuthRequireTLS\"]",
       "5: auth_mechanism: BasicAuthRequireTLS stands without BasicAuth and Tls. Add both: "
       "[\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]."},
      {"permission_groups",
       "permission_groups = [\"ExchangeServers\"]\n"
       "auth_mechanism = [\"ExternalAuthoritative\", \"BasicAuth\"]",
       "5: auth_mechanism: ExternalAuthoritative allows no other mechanism beside it than Tls. "
       "Write [\"ExternalAuthoritative\"] or [\"Tls\", \"ExternalAuthoritative\"]."},
      {"permission_groups",
       "permission_groups = [\"Partners\"]\nauth_mechanism = [\"ExternalAuthoritative\"]\n"
       "[[permission]]\nuser = 'MS Exchange\\Externally Secured Servers'\n"
       "extended_rights = [\"ms-Exch-SMTP-Submit\"]",
       "5: auth_mechanism: ExternalAuthoritative needs the permission group ExchangeServers. Write "
       "permission_groups = [\"ExchangeServers\"]."},
      {"permission_groups",
       "permission_groups = [\"ExchangeServers\", \"AnonymousUsers\"]\n"
       "auth_mechanism = [\"ExternalAuthoritative\"]",
       "5: warning: auth_mechanism: both relay methods at once: every client is externally "
       "secured, "
       "so what is given to anonymous clients has no effect. Keep ExternalAuthoritative, or "
       "AnonymousUsers with Accept-Any-Recipient."},
      {"require_tls", "require_tls = true\nauth_mechanism = [\"None\"]",
       "5: require_tls: TLS is required and auth_mechanism does not contain Tls. Add \"Tls\" to "
       "auth_mechanism."},
      {"domain_secure_enabled",
       "domain_secure_enabled = true\nauth_mechanism = [\"None\"]\n"
       "domain_secure_domains = [\"partner.com\"]\n" +
           kPartnersMaySend,
       "5: domain_secure_enabled: domain security needs Tls in auth_mechanism. Add \"Tls\" to "
       "auth_mechanism."},
      {"domain_secure_domains", "domain_secure_domains = [\"partner.com\"]",
       "5: warning: domain_secure_domains: has no effect without domain_secure_enabled = true. "
       "Write domain_secure_enabled = true, or take the list away."},
      {"domain_secure_domains", "domain_secure_domains = [\"10.0.0.1\"]\n" + kPartnersMaySend,
       "5: domain_secure_domains[0]: '10.0.0.1': an IP address, not a domain name. Write a list "
       "of domains, such as [\"partner.com\"]."},
      {"trusted_proxies",
       "proxy_protocol = \"required\"\ntrusted_proxies = [\"10.0.0.5\", \"10.0.0.5/32\"]",
       "6: trusted_proxies[1]: '10.0.0.5/32' is listed twice. Remove one of the two."},
      {"xclient_hosts", "xclient_hosts = [\"192.168.5.1\", \"::1\", \"192.168.5.1\"]",
       "5: xclient_hosts[2]: '192.168.5.1' is listed twice. Remove one of the two."},
      {"chunking_enabled", "chunking_enabled = false",
       "5: chunking_enabled: BINARYMIME cannot be offered without CHUNKING (RFC 3030). Write "
       "binary_mime_enabled = false, or leave chunking_enabled = true."},
      {"milter", "milter = \"127.0.0.1:11332\"",
       "5: milter: '127.0.0.1:11332': neither inet: nor unix:. Write \"inet:ADDRESS:PORT\" or "
       "\"unix:/PATH\", such as \"inet:127.0.0.1:11332\"."},
      {"milter", "milter = \"inet:localhost:11332\"",
       "5: milter: 'inet:localhost:11332': no IP address and port. Write \"inet:ADDRESS:PORT\" or "
       "\"unix:/PATH\", such as \"inet:127.0.0.1:11332\"."},
      {"milter", "milter = \"unix:run/x\"",
       "5: milter: 'unix:run/x': no absolute path of at most 107 octets. Write "
       "\"inet:ADDRESS:PORT\" or \"unix:/PATH\", such as \"inet:127.0.0.1:11332\"."},
      {"milter_default_action", "milter_default_action = \"discard\"",
       "5: milter_default_action: 'discard' is not known. Write \"accept\", \"tempfail\" or "
       "\"reject\"."},
      {"message_rate_source", "message_rate_source = \"Sender\"",
       "5: message_rate_source: 'Sender' is not known. Write \"None\", \"IPAddress\", \"User\" "
       "or \"All\"."},
      {"max_local_hop_count", "max_local_hop_count = 51",
       "5: max_local_hop_count: 51 is out of range. Write a whole number from 0 to 50."},
      {"max_inbound_connection_percentage_per_source",
       "max_inbound_connection_percentage_per_source = 0",
       "5: max_inbound_connection_percentage_per_source: 0 is out of range. Write a whole number "
       "from 1 to 100."},
      {"tarpit_interval", "tarpit_interval = \"11m\"",
       "5: tarpit_interval: '11m' is out of range. Write a duration from 0s to 10m, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {"protocol_logging_level", "protocol_logging_level = \"Loud\"",
       "5: protocol_logging_level: 'Loud' is not known. Write \"None\" or \"Verbose\"."},
      {"permission_groups", "permission_groups = [\"AnonymousUsers\", \"Custom\"]",
       "4: permission_groups[1]: 'Custom': a state that Exchange shows; write [[permission]] "
       "entries for it." +
           groups},
      {"permission_groups", "permission_groups = [\"AnonymousUsers\", \"None\"]",
       "4: permission_groups: \"None\" stands beside other values." + groups},
      {"permission_groups", "permission_groups = [\"None\"]",
       "4: warning: permission_groups: nobody may submit mail here: anonymous clients have no "
       "ms-Exch-SMTP-Submit. Write permission_groups = [\"AnonymousUsers\"]."},
      {"permission_groups", "",
       "1: warning: permission_groups: nobody may submit mail here: anonymous clients have no "
       "ms-Exch-SMTP-Submit. Write permission_groups = [\"AnonymousUsers\"]."},
      {"delivery", "delivery = \"prosy\"",
       "5: delivery: 'prosy' is not known. Write \"queue\", \"proxy\" or \"discard\"."},
      {"banner", "banner = \"hello\"",
       "5: banner: 'hello' does not begin with 220. Write one line of printable ASCII that begins "
       "with \"220 \", such as \"220 relay.contoso.com\"."},
      {"banner", "banner = \"220 a\\r\\n250 b\"",
       "5: banner: a character that is not printable ASCII. Write one line of printable ASCII that "
       "begins with \"220 \", such as \"220 relay.contoso.com\"."},
      {"banner", "banner = \"220-more\"",
       "5: banner: '220-more' does not begin with 220. Write one line of printable ASCII that "
       "begins with \"220 \", such as \"220 relay.contoso.com\"."},
      {"size_enabled", "size_enabled = true",
       "5: size_enabled: found true. Write \"Enabled\", \"Disabled\" or "
       "\"EnabledWithoutValue\"."},
      {"enabled", "enabled = \"yes\"", "5: enabled: found a string ('yes'). Write true or false."},
      {"fair_weight", "fair_weight = 0",
       "5: fair_weight: 0 is out of range. Write a whole number from 1 to 1000."},
      {"reserved_share", "reserved_share = 51",
       "5: reserved_share: 51 is out of range. Write a whole number from 0 to 50."},
      {"max_hop_count", "max_hop_count = 501",
       "5: max_hop_count: 501 is out of range. Write a whole number from 1 to 500."},
      {"max_inbound", "max_inbound_connection = 0",
       "5: max_inbound_connection: 0 is out of range. Write a whole number from 1 to 2147483647, "
       "or "
       "\"unlimited\"."},
      {"max_message_size", "max_message_size = \"4KB\"",
       "5: max_message_size: '4KB' is out of range. Write a size from 64KB to 2147483647, in "
       "octets "
       "or as in \"64KB\" or \"36MB\"."},
      {"connection_timeout", "connection_timeout = \"5m\"",
       "5: connection_timeout: connection_inactivity_timeout (5m) is not below connection_timeout "
       "(5m). Write an inactivity timeout that is shorter than the connection timeout."},
      {"connection_in", "connection_inactivity_timeout = \"1h\"",
       "5: connection_inactivity_timeout: connection_inactivity_timeout (1h) is not below "
       "connection_timeout (10m). Write an inactivity timeout that is shorter than the connection "
       "timeout."},
      {"permission =", "[permission]\nuser = \"x\"",
       "5: permission: found a table. Write one table an entry: [[permission]]."},
      {"permission =",
       "[[permission]]\nuser = 'CONTOSO\\Kate'\nextended_rights = [\"ms-Exch-SMTP-Submit\"]",
       "6: permission[0].user: 'CONTOSO\\Kate' is no principal that a session can have here. Write "
       "a principal, such as 'NT AUTHORITY\\ANONYMOUS LOGON' or 'MS Exchange\\Externally Secured "
       "Servers' (in single quotes, because of the backslash)."},
      {"permission =",
       "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\nextended_rights = [\"Everything\"]",
       "7: permission[0].extended_rights[0]: 'Everything' is not known." + rights},
      {"permission =", "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'",
       "5: permission[0].extended_rights: is missing." + rights},
      {"permission =",
       "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\nextended_rights = "
       "[\"ms-Exch-SMTP-Submit\"]\nDeny = true",
       "8: permission[0].Deny: unknown key. Did you mean 'deny'? Known here: user, "
       "extended_rights, deny."},
  };
  for (const Change& change : changes) expect_finding(change);
}

TEST(Mistakes, AMisspeltKeyOfAConnectorNamesTheNearestAndAllKnown) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", std::string(kGoodConnector) + "MaxMessageSize = 5\n");
  const auto findings = folder.findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(
      findings[0].starts_with("DIR/connectors/in.toml:5: MaxMessageSize: unknown key. Did you mean "
                              "'max_message_size'? Known "
                              "here: name, comment, enabled, "))
      << findings[0];
}

}  // namespace
}  // namespace relais::config
