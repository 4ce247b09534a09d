// Who may relay, and who is trusted: the guard against open relays.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "policy/address_set.h"
#include "policy/listeners.h"

namespace relais::config {
namespace {

using policy::AddressNumber;
using policy::AddressRange;
using policy::AddressSet;
using Family = IpAddress::Family;

// Above this many addresses it is an open relay: an IPv4 /16, an IPv6 /48.
constexpr uint32_t kRelayPrefixV4 = 16;
constexpr uint32_t kRelayPrefixV6 = 48;
constexpr AddressNumber kRelayMaxV4 = AddressNumber{1} << (32 - kRelayPrefixV4);
constexpr AddressNumber kRelayMaxV6 = AddressNumber{1} << (128 - kRelayPrefixV6);
// Above this many it is worth a thought: one network of the usual size, a /24 or a /64.
constexpr AddressNumber kManyV4 = 256;
constexpr AddressNumber kManyV6 = AddressNumber{1} << 64;

constexpr const char* kRelayCure =
    "Name the hosts that must relay, take ms-Exch-SMTP-Accept-Any-Recipient away, or write "
    "i_know_this_is_an_open_relay = true";

bool more_than(const AddressSet& set, AddressNumber v4, AddressNumber v6) {
  return policy::count(set, Family::kV4) > v4 || policy::count(set, Family::kV6) > v6;
}

// "65536 addresses", the two families together.
std::string how_many(const AddressSet& set) {
  const AddressNumber v4 = policy::count(set, Family::kV4);
  const AddressNumber v6 = policy::count(set, Family::kV6);
  const AddressNumber all = v6 > ~AddressNumber{0} - v4 ? ~AddressNumber{0} : v4 + v6;
  return policy::count_text(all) + (all == 1 ? " address" : " addresses");
}

std::string_view clients_of(const ReceiveDraft& connector) {
  return connector.session_principal() == policy::Principal::kAnonymous
             ? "anonymous clients"
             : "externally secured clients";
}

AddressSet relay_set(const ReceiveDraft& connector) {
  return policy::without_loopback(policy::union_of(connector.remote_ranges));
}

// A range, or all ranges together, beyond a /16 or /48. True: reported.
bool check_wide(const ReceiveDraft& connector, const AddressSet& set, const Place& place) {
  if (!more_than(set, kRelayMaxV4, kRelayMaxV6)) return false;
  bool named = false;
  for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
    const AddressRange& range = connector.remote_ranges[i];
    const uint32_t prefix = range.first.is_v4() ? kRelayPrefixV4 : kRelayPrefixV6;
    if (!is_open_relay(range)) continue;
    if (policy::without_loopback({range}).empty()) continue;
    named = true;
    range_of(place, connector, i)
        .error(Rule::kOpenRelay,
               fmt::format("'{}': an open relay: {} in a range wider than /{} may send to any "
                           "recipient",
                           range.to_string(), clients_of(connector), prefix),
               kRelayCure);
  }
  if (!named) {
    key_of(place, connector.lines, "remote_ip_ranges")
        .error(Rule::kOpenRelay,
               fmt::format("an open relay: {} at {}, more than an IPv4 /{} or IPv6 /{} has, may "
                           "send to any recipient",
                           clients_of(connector), how_many(set), kRelayPrefixV4, kRelayPrefixV6),
               kRelayCure);
  }
  return true;
}

// One address; or one IPv6 network, because sites number their own networks publicly there.
bool is_listed_alone(const AddressRange& range) {
  return range.first == range.last || (!range.first.is_v4() && !range.wider_than_prefix(64));
}

struct PublicRanges {
  size_t first = SIZE_MAX;  // in remote_ranges
  size_t ranges = 0;
  AddressSet addresses;
  void add(size_t index, const AddressSet& set) {
    if (ranges++ == 0) first = index;
    addresses.insert(addresses.end(), set.begin(), set.end());
  }
  [[nodiscard]] std::string text(const ReceiveDraft& connector) const {
    std::string text = fmt::format("'{}'", connector.remote_ranges[first].to_string());
    if (ranges > 1) text += fmt::format(" and {} more", ranges - 1);
    return text;
  }
};

void check_public(const ReceiveDraft& connector, const Place& place) {
  PublicRanges wide;
  PublicRanges alone;
  for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
    const AddressRange& range = connector.remote_ranges[i];
    const AddressSet open = policy::public_part({range});
    if (!open.empty()) (is_listed_alone(range) ? alone : wide).add(i, open);
  }
  const bool trusted = connector.session_principal() == policy::Principal::kExternallySecured;
  const Rule rule = trusted ? Rule::kPublicTrust : Rule::kPublicRelay;
  const std::string_view may = trusted ? "would count as internal" : "may send to any recipient";
  const std::string_view cure =
      trusted ? "Take the public addresses out, use AnonymousUsers instead, or write "
                "i_know_this_is_an_open_relay = true"
              : "List the public hosts one by one, leave them out, or write "
                "i_know_this_is_an_open_relay = true";
  if (wide.ranges > 0) {
    range_of(place, connector, wide.first)
        .error(rule,
               fmt::format("{}: {}{} at {} on the public Internet {}", wide.text(connector),
                           trusted ? "" : "an open relay: ", clients_of(connector),
                           how_many(policy::union_of(wide.addresses)), may),
               std::string(cure));
  } else if (alone.ranges > 0) {
    range_of(place, connector, alone.first)
        .warning(
            trusted ? rule : Rule::kPublicRelayHosts,
            fmt::format("{}: {} at {} on the public Internet {}", alone.text(connector),
                        clients_of(connector), how_many(policy::union_of(alone.addresses)), may),
            "Make sure that they are yours and fixed, or write "
            "i_know_this_is_an_open_relay = true");
  }
}

void check_many(const ReceiveDraft& connector, const AddressSet& set, const Place& place) {
  if (!more_than(set, kManyV4, kManyV6)) return;
  key_of(place, connector.lines, "remote_ip_ranges")
      .warning(
          Rule::kManyRelayClients,
          fmt::format("{} at {} may send to any recipient", clients_of(connector), how_many(set)),
          "Name the hosts that must relay, or write i_know_this_is_an_open_relay = true");
}

// The two relay methods: one or the other (exchange-reference.md section 3).
void check_relay_methods(const ReceiveDraft& connector, const Place& place) {
  if (!connector.auth_mechanism.has(policy::AuthMechanism::kExternalAuthoritative)) return;
  const bool anonymous =
      connector.permission_groups.has(policy::PermissionGroup::kAnonymousUsers) ||
      connector.rights_of(policy::Principal::kAnonymous) != 0;
  if (!anonymous) return;
  key_of(place, connector.lines, "auth_mechanism")
      .warning(Rule::kBothRelayMethods,
               "both relay methods at once: every client is externally secured, so what is given "
               "to anonymous clients has no effect",
               "Keep ExternalAuthoritative, or AnonymousUsers with Accept-Any-Recipient");
}

void check_rights(const ReceiveDraft& connector, const Place& place) {
  if (!connector.enabled) return;
  if (has(connector.session_rights(), policy::Right::kSubmit)) return;
  key_of(place, connector.lines, "permission_groups")
      .warning(Rule::kNobodySubmits,
               fmt::format("nobody may submit mail here: {} have no ms-Exch-SMTP-Submit",
                           clients_of(connector)),
               "Write permission_groups = [\"AnonymousUsers\"]");
}

}  // namespace

bool is_open_relay(const policy::AddressRange& range) {
  return range.wider_than_prefix(range.first.is_v4() ? kRelayPrefixV4 : kRelayPrefixV6);
}

// Without proof, to anywhere.
bool gives_relay(const policy::ReceiveConnector& connector) {
  return connector.enabled && has(connector.session_rights(), policy::Right::kAcceptAnyRecipient);
}

// exchange-reference.md section 3, AuthMechanism.
void check_auth_mechanism(const ReceiveDraft& connector, const Place& place) {
  using policy::AuthMechanism;
  const auto has = [&](AuthMechanism mechanism) { return connector.auth_mechanism.has(mechanism); };
  const Place at = key_of(place, connector.lines, "auth_mechanism");
  if (has(AuthMechanism::kBasicAuthRequireTls) &&
      !(has(AuthMechanism::kBasicAuth) && has(AuthMechanism::kTls))) {
    at.error(Rule::kAuthMechanism, "BasicAuthRequireTLS stands without BasicAuth and Tls",
             "Add both: [\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]");
  }
  if (has(AuthMechanism::kExternalAuthoritative)) {
    if (!connector.auth_mechanism.only(
            {AuthMechanism::kExternalAuthoritative, AuthMechanism::kTls})) {
      at.error(Rule::kAuthMechanism,
               "ExternalAuthoritative allows no other mechanism beside it than Tls",
               "Write [\"ExternalAuthoritative\"] or [\"Tls\", \"ExternalAuthoritative\"]");
    }
    if (!connector.permission_groups.has(policy::PermissionGroup::kExchangeServers)) {
      at.error(Rule::kAuthMechanism,
               "ExternalAuthoritative needs the permission group ExchangeServers",
               "Write permission_groups = [\"ExchangeServers\"]");
    }
    if (connector.domain_secure) {
      key_of(place, connector.lines, "domain_secure_enabled")
          .error(Rule::kAuthMechanism, "domain security cannot stand beside ExternalAuthoritative",
                 "Take one of the two away");
    }
  }
  if (connector.require_tls && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "require_tls")
        .error(Rule::kAuthMechanism, "TLS is required and auth_mechanism does not contain Tls",
               "Add \"Tls\" to auth_mechanism");
  }
  if (connector.domain_secure && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "domain_secure_enabled")
        .error(Rule::kAuthMechanism, "domain security needs Tls in auth_mechanism",
               "Add \"Tls\" to auth_mechanism");
  }
}

void check_relay(const ReceiveDraft& connector, const Place& place) {
  check_relay_methods(connector, place);
  check_rights(connector, place);
  if (!connector.enabled || connector.known_open_relay) return;
  const bool relays = gives_relay(connector);
  const AddressSet set = relay_set(connector);
  if (relays && check_wide(connector, set, place)) return;
  if (relays || connector.session_principal() == policy::Principal::kExternallySecured) {
    check_public(connector, place);
  }
  if (relays) check_many(connector, set, place);
}

// Several connectors of one binding may be to each other what one wide range is alone.
void check_relay_together(const std::vector<ConnectorFile>& files) {
  std::vector<policy::ReceiveConnector> bindings;  // without ranges: only who listens where
  for (const ConnectorFile& file : files) {
    policy::ReceiveConnector& slim = bindings.emplace_back();
    slim.enabled = gives_relay(file.draft) && !file.draft.known_open_relay;
    slim.bindings = file.draft.bindings;
  }
  std::vector<std::vector<uint32_t>> reported;
  for (const auto& [endpoint, members] : policy::listeners_of(bindings)) {
    if (members.size() < 2 || std::ranges::find(reported, members) != reported.end()) continue;
    std::vector<AddressRange> ranges;
    bool wide_alone = false;
    for (const uint32_t member : members) {
      const AddressSet set = relay_set(files[member].draft);
      wide_alone |= more_than(set, kRelayMaxV4, kRelayMaxV6);
      ranges.insert(ranges.end(), set.begin(), set.end());
    }
    const AddressSet together = policy::union_of(std::move(ranges));
    if (wide_alone || !more_than(together, kRelayMaxV4, kRelayMaxV6)) continue;
    reported.push_back(members);
    std::string names;
    for (const uint32_t member : members) {
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", files[member].draft.name);
    }
    const ConnectorFile& last = files[members.back()];
    key_of(last.place, last.draft.lines, "remote_ip_ranges")
        .error(Rule::kOpenRelay,
               fmt::format("an open relay: on binding {} the connectors {} together let {} send "
                           "to any recipient, more than an IPv4 /{} or IPv6 /{} has",
                           endpoint.to_string(), names, how_many(together), kRelayPrefixV4,
                           kRelayPrefixV6),
               kRelayCure);
  }
}

void check_domains(const ModelDraft& model, const Place& place) {
  for (size_t i = 0; i < model.accepted_domains.size(); ++i) {
    const AcceptedDomainDraft& domain = model.accepted_domains[i];
    if (domain.known_open_relay) continue;
    const Place at = key_of(place.key("accepted_domain", 0).element(i, domain.lines.section_line),
                            domain.lines, "name");
    if (domain.name == "*") {
      at.error(Rule::kAnyDomainAccepted,
               "'*' would accept mail for every domain from every client: an open relay",
               "Name the domains, give Accept-Any-Recipient to a connector, or write "
               "i_know_this_is_an_open_relay = true beside it");
    } else if (domain.name.starts_with("*.") && domain.name.find('.', 2) == std::string::npos) {
      at.warning(Rule::kWholeTopLevel,
                 fmt::format("'{}' is everything below a top level domain: mail for all of it "
                             "would be accepted from every client",
                             domain.name),
                 "Name the domains");
    }
  }
}

}  // namespace relais::config
