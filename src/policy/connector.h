// A Receive connector as policy knows it: who it serves and what they may do (design.md section 3,
// exchange-reference.md sections 1 to 3). A value; made by config, frozen into a Snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/address_range.h"
#include "policy/limit.h"
#include "policy/permissions.h"

namespace relais::policy {

// One local address and port. An unspecified address (0.0.0.0 or ::) is the wildcard of its family.
struct Binding {
  Endpoint endpoint;
  friend bool operator==(const Binding&, const Binding&) = default;
  [[nodiscard]] bool is_wildcard() const { return endpoint.address.is_unspecified(); }
  // It is this very endpoint, or the wildcard of its family and port.
  [[nodiscard]] bool covers(const Endpoint& local) const {
    return endpoint.port == local.port && endpoint.address.family() == local.address.family() &&
           (is_wildcard() || endpoint.address == local.address);
  }
};

enum class TransportRole : uint8_t { kFrontendTransport, kHubTransport };
// A preset for bindings, ranges, groups and mechanisms, chosen once.
enum class Usage : uint8_t { kCustom, kInternet, kInternal, kClient, kPartner };
// kWithoutValue: the keyword alone is advertised; the limit holds all the same.
enum class SizeMode : uint8_t { kEnabled, kDisabled, kWithoutValue };
// What messages a minute are counted by.
enum class MessageRateSource : uint8_t { kNone, kIpAddress, kUser, kAll };
// What becomes of mail when the milter cannot be asked.
enum class MilterAction : uint8_t { kAccept, kTempfail, kReject };

// kQueue: on disk before it is acknowledged. kProxy: acknowledged when an upstream has taken it.
// kDiscard: acknowledged and thrown away, to see what the front costs.
enum class Delivery : uint8_t { kQueue, kProxy, kDiscard };

// UINT32_MAX in a count is "unlimited".
struct ReceiveConnector {
  std::string name;
  std::string source;  // the file it came from, for messages
  std::string comment;
  bool enabled = true;
  TransportRole transport_role = TransportRole::kFrontendTransport;
  Usage usage = Usage::kCustom;
  std::vector<Binding> bindings;
  std::vector<Endpoint> tls_bindings;  // of bindings: TLS from the first octet on (RFC 8314)
  std::vector<AddressRange> remote_ranges;
  // A PROXY header comes first on its bindings, from one of these; connectors that share a binding
  // agree about both.
  bool proxy_protocol = false;
  std::vector<AddressRange> trusted_proxies;
  std::vector<AddressRange> xclient_hosts;  // clients whose XCLIENT is believed
  AuthMechanisms auth_mechanism{AuthMechanism::kTls};
  PermissionGroups permission_groups;
  std::vector<Ace> permissions;
  bool known_open_relay = false;  // i_know_this_is_an_open_relay

  // ---- where its mail goes
  Delivery delivery = Delivery::kQueue;
  std::vector<Endpoint> upstreams;      // of kProxy
  std::string upstream_send_connector;  // instead of upstreams: whose smart hosts they are
  bool proxy_fallback = false;          // to the queue, when no upstream answers
  Duration upstream_timeout = minutes(5);
  uint32_t upstream_max_connections = 100;  // to one upstream, on one core

  // ---- what it says, and what it offers
  std::string fqdn;    // empty: the server's
  std::string banner;  // empty: the default
  std::string default_domain;
  bool pipelining = true;
  bool delivery_status_notification = true;
  bool enhanced_status_codes = true;
  bool eight_bit_mime = true;
  bool binary_mime = true;
  bool chunking = true;
  bool smtp_utf8 = true;
  bool limits_extension = true;
  bool require_tls_extension = true;
  SizeMode size = SizeMode::kEnabled;

  // ---- TLS
  bool require_tls = false;
  bool domain_secure = false;
  std::vector<std::string> domain_secure_domains;  // lower case
  std::string tls_certificate;

  // ---- what it checks
  bool require_ehlo_domain = false;
  bool reject_bare_line_ends = true;
  bool reject_reserved_top_level = false;
  bool reject_reserved_second_level = false;
  bool reject_single_label = false;
  std::string milter;  // "inet:127.0.0.1:11332", "unix:/run/x.sock"; empty: none
  MilterAction milter_default_action = MilterAction::kTempfail;
  Duration milter_timeout = seconds(30);
  bool stamp_auth_headers = false;

  // ---- limits of a message
  uint64_t max_message_size = 37'748'736;
  uint32_t max_header_size = 262'144;
  uint32_t max_recipients = 200;
  uint32_t max_hop_count = 60;
  uint32_t max_local_hop_count = 5;  // 0: never
  // ---- limits of a session
  Duration connection_timeout = minutes(10);
  Duration connection_inactivity_timeout = minutes(5);
  uint32_t max_protocol_errors = 5;
  uint32_t max_logon_failures = 3;  // 0: never
  Duration tarpit_interval = seconds(5);
  Duration auth_tarpit_interval = seconds(5);
  // ---- limits of the connector and of a source
  uint32_t max_inbound_connection = 5000;
  uint32_t max_inbound_connection_per_source = 20;
  uint32_t max_inbound_connection_percentage_per_source = 2;
  uint32_t message_rate_limit = UINT32_MAX;  // messages a minute
  MessageRateSource message_rate_source = MessageRateSource::kIpAddress;
  std::vector<Limit> limits;  // [[limit]], in the order of the file
  // ---- when the relay itself is the bottleneck
  uint32_t fair_weight = 100;   // of each of its sources: 1 to 1000
  uint32_t reserved_share = 0;  // percent of spool and message memory
  bool protocol_logging_verbose = false;

  // Whom a session runs as that has not authenticated.
  [[nodiscard]] Principal session_principal() const;
  // Whose rights a principal has beside its own: a partner's certificate takes nothing from what
  // its session had without.
  [[nodiscard]] std::optional<Principal> also_has_rights_of(Principal principal) const;
  // What a principal may do: groups and allow entries, and what it has from another, minus its deny
  // entries.
  [[nodiscard]] Rights rights_of(Principal principal) const;
  [[nodiscard]] Rights session_rights() const { return rights_of(session_principal()); }
  // Its sender counts as one of our own: externally secured, and believed when it says so
  // (Accept-Authentication-Flag). AuthAs Internal, and the address book is asked for a name.
  [[nodiscard]] bool is_internal(Principal principal) const;
  // Every entry that is in force, by principal and right: from the groups, then the single ones.
  [[nodiscard]] std::vector<AccessEntry> access_entries() const;
};

// As configurations and cmdlets write them.
[[nodiscard]] std::string_view name_of(TransportRole role);
[[nodiscard]] std::string_view name_of(Usage usage);
[[nodiscard]] std::string_view name_of(SizeMode mode);
[[nodiscard]] std::string_view name_of(MessageRateSource source);
[[nodiscard]] std::string_view name_of(MilterAction action);
[[nodiscard]] std::string_view name_of(Delivery delivery);

}  // namespace relais::policy
