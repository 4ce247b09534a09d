#include "config/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "config/values.h"
#include "policy/ascii.h"
#include "policy/connector_table.h"

namespace relais::config {
namespace {

using policy::AddressRange;

// Anonymous clients of a wider range may not relay anywhere unless the file says that this is
// meant.
constexpr uint32_t kRelayPrefixV4 = 16;
constexpr uint32_t kRelayPrefixV6 = 48;

Place key_of(const Place& section, const KeyLines& lines, std::string_view key) {
  return section.key(key, lines.of(key));
}

Place range_of(const Place& file, const ReceiveDraft& connector, size_t range) {
  const auto [line, index] = connector.range_origins[range];
  return file.key("remote_ip_ranges", line).element(index, line);
}

// Reports every name that an earlier entry has already; names do not care about case.
template <class Entries, class NameOf, class Report>
void check_unique(const Entries& entries, NameOf name_of, Report report) {
  std::map<std::string, size_t> first;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string& name = name_of(entries[i]);
    if (name.empty()) continue;  // reported already
    const auto [entry, is_new] = first.try_emplace(policy::ascii_lower(name), i);
    if (!is_new) report(i, entry->second);
  }
}

void check_send_connector(const SendDraft& connector, const Place& place) {
  const bool has_hosts = connector.lines.has("smart_hosts");
  const bool has_maildir = connector.lines.has("maildir");
  if (has_hosts && has_maildir) {
    key_of(place, connector.lines, "maildir")
        .error("stands beside smart_hosts", "Keep one of smart_hosts and maildir");
  }
  if (!has_hosts && !has_maildir) {
    place.error("neither smart_hosts nor maildir",
                "Write smart_hosts = [\"10.0.0.20:25\"] or maildir = \"Maildir\"");
  }
}

void check_spool(const ModelDraft& model, const Place& place) {
  if (model.spool.segment_size > model.spool.max_size / 4) {
    place.key("spool", 0)
        .key("segment_size", model.spool_lines.of("segment_size"))
        .error(fmt::format("{} is more than a quarter of max_size ({})",
                           print_size(model.spool.segment_size), print_size(model.spool.max_size)),
               fmt::format("Write at most {}, or a larger max_size",
                           print_size(model.spool.max_size / 4)));
  }
}

void check_retry(const ModelDraft& model, const Place& place) {
  const Place section = place.key("retry", 0);
  if (model.retry.max < model.retry.first) {
    section.key("max", model.retry_lines.of("max"))
        .error(fmt::format("{} is shorter than first ({})", print_duration(model.retry.max),
                           print_duration(model.retry.first)),
               "Write a max that is not shorter than first");
  }
  if (model.retry.expire_after < model.retry.max) {
    section.key("expire_after", model.retry_lines.of("expire_after"))
        .error(fmt::format("{} is shorter than max ({})", print_duration(model.retry.expire_after),
                           print_duration(model.retry.max)),
               "Write an expire_after that is not shorter than max");
  }
}

// What a usage means where the file is silent (exchange-reference.md section 1). Port 0: bindings
// must be written.
struct Preset {
  policy::PermissionGroups groups;
  policy::AuthMechanisms mechanisms;
  uint16_t port;
};

Preset preset_of(policy::Usage usage) {
  using policy::AuthMechanism;
  using policy::PermissionGroup;
  switch (usage) {
    case policy::Usage::kCustom:
      break;
    case policy::Usage::kInternet:
      return {{PermissionGroup::kAnonymousUsers}, {AuthMechanism::kTls}, 0};
    case policy::Usage::kPartner:
      return {{PermissionGroup::kPartners}, {AuthMechanism::kTls}, 0};
    case policy::Usage::kInternal:
      return {{PermissionGroup::kExchangeLegacyServers, PermissionGroup::kExchangeServers},
              {AuthMechanism::kTls, AuthMechanism::kExchangeServer},
              25};
    case policy::Usage::kClient:
      return {{PermissionGroup::kExchangeUsers},
              {AuthMechanism::kTls, AuthMechanism::kBasicAuth, AuthMechanism::kBasicAuthRequireTls,
               AuthMechanism::kIntegrated},
              587};
  }
  return {{}, {AuthMechanism::kTls}, 0};
}

void add_every_address(ReceiveDraft& connector) {
  bool v4 = false;
  bool v6 = false;
  for (const auto& binding : connector.bindings) {
    (binding.endpoint.address.is_v4() ? v4 : v6) = true;
  }
  const uint32_t line = connector.lines.of("usage");
  if (v4) {
    connector.remote_ranges.push_back({IpAddress::v4(0), IpAddress::v4(UINT32_MAX)});
    connector.range_origins.push_back({line, 0});
  }
  if (v6) {
    connector.remote_ranges.push_back({IpAddress::v6(0, 0), IpAddress::v6(UINT64_MAX, UINT64_MAX)});
    connector.range_origins.push_back({line, 0});
  }
}

void complete_preset(ReceiveDraft& connector, const Place& place) {
  const Preset preset = preset_of(connector.usage);
  const auto missing = [&](std::string_view key, std::string cure) {
    place.key(key, connector.lines.section_line).error("is missing", std::move(cure));
  };
  if (!connector.lines.has("permission_groups")) connector.permission_groups = preset.groups;
  if (!connector.lines.has("auth_mechanism")) connector.auth_mechanism = preset.mechanisms;
  if (!connector.lines.has("bindings")) {
    if (preset.port == 0) {
      missing("bindings",
              "Write a list of local addresses and ports, such as [\"0.0.0.0:25\", "
              "\"[::]:25\"]");
    } else {
      connector.bindings.push_back({Endpoint{IpAddress::v4(0), preset.port}});
    }
  }
  if (connector.lines.has("remote_ip_ranges")) return;
  if (connector.usage == policy::Usage::kInternet) return add_every_address(connector);
  missing("remote_ip_ranges",
          "Write the clients that this connector serves, such as [\"192.168.5.10\", "
          "\"192.168.6.0/24\"]");
}

// exchange-reference.md section 3, AuthMechanism.
void check_auth_mechanism(const ReceiveDraft& connector, const Place& place) {
  using policy::AuthMechanism;
  const auto has = [&](AuthMechanism mechanism) { return connector.auth_mechanism.has(mechanism); };
  const Place at = key_of(place, connector.lines, "auth_mechanism");
  if (has(AuthMechanism::kBasicAuthRequireTls) &&
      !(has(AuthMechanism::kBasicAuth) && has(AuthMechanism::kTls))) {
    at.error("BasicAuthRequireTLS stands without BasicAuth and Tls",
             "Add both: [\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]");
  }
  if (has(AuthMechanism::kExternalAuthoritative)) {
    if (!connector.auth_mechanism.only(
            {AuthMechanism::kExternalAuthoritative, AuthMechanism::kTls})) {
      at.error("ExternalAuthoritative allows no other mechanism beside it than Tls",
               "Write [\"ExternalAuthoritative\"] or [\"Tls\", \"ExternalAuthoritative\"]");
    }
    if (!connector.permission_groups.has(policy::PermissionGroup::kExchangeServers)) {
      at.error("ExternalAuthoritative needs the permission group ExchangeServers",
               "Write permission_groups = [\"ExchangeServers\"]");
    }
    if (connector.domain_secure) {
      key_of(place, connector.lines, "domain_secure_enabled")
          .error("domain security cannot stand beside ExternalAuthoritative",
                 "Take one of the two away");
    }
  }
  if (connector.require_tls && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "require_tls")
        .error("TLS is required and auth_mechanism does not contain Tls",
               "Add \"Tls\" to auth_mechanism");
  }
  if (connector.domain_secure && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "domain_secure_enabled")
        .error("domain security needs Tls in auth_mechanism", "Add \"Tls\" to auth_mechanism");
  }
}

// The two relay methods: one or the other (exchange-reference.md section 3).
void check_relay_methods(const ReceiveDraft& connector, const Place& place) {
  if (!connector.auth_mechanism.has(policy::AuthMechanism::kExternalAuthoritative)) return;
  const bool anonymous =
      connector.permission_groups.has(policy::PermissionGroup::kAnonymousUsers) ||
      connector.rights_of(policy::Principal::kAnonymous) != 0;
  if (!anonymous) return;
  key_of(place, connector.lines, "auth_mechanism")
      .warning(
          "both relay methods at once: every client is externally secured, so what is given "
          "to anonymous clients has no effect",
          "Keep ExternalAuthoritative, or AnonymousUsers with Accept-Any-Recipient");
}

void check_switches(const ReceiveDraft& connector, const Place& place) {
  if (connector.binary_mime && !connector.chunking && connector.lines.has("chunking_enabled")) {
    key_of(place, connector.lines, "chunking_enabled")
        .error("BINARYMIME cannot be offered without CHUNKING (RFC 3030)",
               "Write binary_mime_enabled = false, or leave chunking_enabled = true");
  }
}

std::string_view clients_of(const ReceiveDraft& connector) {
  return connector.session_principal() == policy::Principal::kAnonymous
             ? "anonymous clients"
             : "externally secured clients";
}

void check_open_relay(const ReceiveDraft& connector, const Place& place) {
  const policy::Rights rights = connector.session_rights();
  if (!has(rights, policy::Right::kAcceptAnyRecipient) || connector.known_open_relay) return;
  for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
    const AddressRange& range = connector.remote_ranges[i];
    const uint32_t prefix = range.first.is_v4() ? kRelayPrefixV4 : kRelayPrefixV6;
    if (!range.wider_than_prefix(prefix)) continue;
    range_of(place, connector, i)
        .error(fmt::format("'{}': an open relay: {} in a range wider than /{} may send to any "
                           "recipient",
                           range.to_string(), clients_of(connector), prefix),
               "Name the hosts that must relay, take ms-Exch-SMTP-Accept-Any-Recipient away, or "
               "write i_know_this_is_an_open_relay = true");
  }
}

void check_rights(const ReceiveDraft& connector, const Place& place) {
  if (!connector.enabled) return;
  if (has(connector.session_rights(), policy::Right::kSubmit)) return;
  key_of(place, connector.lines, "permission_groups")
      .warning(fmt::format("nobody may submit mail here: {} have no ms-Exch-SMTP-Submit",
                           clients_of(connector)),
               "Write permission_groups = [\"AnonymousUsers\"]");
}

void check_families(const ReceiveDraft& connector, const Place& place) {
  for (const bool v4 : {true, false}) {
    const auto bound = [&](const policy::Binding& b) { return b.endpoint.address.is_v4() == v4; };
    if (connector.bindings.empty() || std::ranges::any_of(connector.bindings, bound)) continue;
    const auto range = std::ranges::find_if(
        connector.remote_ranges, [&](const AddressRange& r) { return r.first.is_v4() == v4; });
    if (range == connector.remote_ranges.end()) continue;
    range_of(place, connector, static_cast<size_t>(range - connector.remote_ranges.begin()))
        .warning(fmt::format("'{}' can never match: no binding is IPv{}", range->to_string(),
                             v4 ? 4 : 6),
                 fmt::format("Add a binding such as \"{}\", or remove the range",
                             v4 ? "0.0.0.0:25" : "[::]:25"));
  }
}

void check_repeated_ranges(const ReceiveDraft& connector, const Place& place) {
  const auto& ranges = connector.remote_ranges;
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    if (ranges[a].first != ranges[b].first) return ranges[a].first < ranges[b].first;
    if (ranges[a].last != ranges[b].last) return ranges[a].last < ranges[b].last;
    return a < b;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    if (ranges[order[i]] != ranges[order[i - 1]]) continue;
    range_of(place, connector, order[i])
        .error(fmt::format("'{}' is listed twice", ranges[order[i]].to_string()),
               "Remove one of the two");
  }
}

// "0.0.0.0:25": a binding that both have. Conflicting connectors always share one.
std::string shared_binding(const ReceiveDraft& a, const ReceiveDraft& b) {
  for (const auto& binding : a.bindings) {
    if (std::ranges::find(b.bindings, binding) != b.bindings.end()) {
      return binding.endpoint.to_string();
    }
  }
  return {};
}

void check_conflicts(const std::vector<ConnectorFile>& files) {
  std::vector<policy::ReceiveConnector> connectors;
  for (const auto& file : files) connectors.push_back(file.draft);
  for (const policy::Conflict& conflict : find_conflicts(connectors)) {
    const ConnectorFile& a = files[conflict.a_connector];
    const ConnectorFile& b = files[conflict.b_connector];
    const AddressRange& a_range = a.draft.remote_ranges[conflict.a_range];
    const AddressRange& b_range = b.draft.remote_ranges[conflict.b_range];
    const std::string other = fmt::format("'{}' ({}:{})", a.draft.name, a.place.file(),
                                          range_of(a.place, a.draft, conflict.a_range).line());
    const std::string binding = shared_binding(a.draft, b.draft);
    const Place place = range_of(b.place, b.draft, conflict.b_range);
    if (conflict.partial) {
      place.error(
          fmt::format("'{}' of '{}' overlaps '{}' of {} only in part, on binding {}",
                      b_range.to_string(), b.draft.name, a_range.to_string(), other, binding),
          "Let one range lie wholly inside the other, or keep them apart");
    } else {
      place.error(fmt::format("'{}' of '{}' is also a range of {}, on binding {}",
                              b_range.to_string(), b.draft.name, other, binding),
                  "Keep the range in one of the two connectors, or give them different bindings");
    }
  }
}

}  // namespace

void check_main(const ModelDraft& model, const Place& place) {
  check_spool(model, place);
  check_retry(model, place);
  const auto section = [&](std::string_view name, size_t index, const KeyLines& lines) {
    return place.key(name, 0).element(index, lines.section_line);
  };
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& connector = model.send_connectors[i];
    check_send_connector(connector, section("send_connector", i, connector.lines));
  }
  check_unique(
      model.send_connectors, [](const SendDraft& c) -> const std::string& { return c.name; },
      [&](size_t again, size_t first) {
        const SendDraft& connector = model.send_connectors[again];
        key_of(section("send_connector", again, connector.lines), connector.lines, "name")
            .error(fmt::format("'{}' is taken (line {})", connector.name,
                               model.send_connectors[first].lines.of("name")),
                   "Choose another name");
      });
  check_unique(
      model.accepted_domains,
      [](const AcceptedDomainDraft& d) -> const std::string& { return d.name; },
      [&](size_t again, size_t first) {
        const AcceptedDomainDraft& domain = model.accepted_domains[again];
        key_of(section("accepted_domain", again, domain.lines), domain.lines, "name")
            .error(fmt::format("'{}' is listed twice (line {})", domain.name,
                               model.accepted_domains[first].lines.of("name")),
                   "Remove one of the two");
      });
  if (model.send_connectors.empty()) {
    place.warning("no [[send_connector]]: mail would be accepted and stay in the queue",
                  "Add one with address_spaces = [\"*\"]");
  }
}

void check_connector(ReceiveDraft& connector, const Place& place) {
  complete_preset(connector, place);
  check_auth_mechanism(connector, place);
  check_relay_methods(connector, place);
  check_switches(connector, place);
  if (connector.connection_inactivity_timeout >= connector.connection_timeout) {
    key_of(place, connector.lines,
           connector.lines.has("connection_inactivity_timeout") ? "connection_inactivity_timeout"
                                                                : "connection_timeout")
        .error(
            fmt::format("connection_inactivity_timeout ({}) is not below connection_timeout ({})",
                        print_duration(connector.connection_inactivity_timeout),
                        print_duration(connector.connection_timeout)),
            "Write an inactivity timeout that is shorter than the connection timeout");
  }
  check_open_relay(connector, place);
  check_rights(connector, place);
  check_families(connector, place);
  check_repeated_ranges(connector, place);
}

void check_connectors(const std::vector<ConnectorFile>& files, const Place& folder) {
  check_unique(
      files, [](const ConnectorFile& f) -> const std::string& { return f.draft.name; },
      [&](size_t again, size_t first) {
        const ConnectorFile& file = files[again];
        key_of(file.place, file.draft.lines, "name")
            .error(fmt::format("'{}' is taken ({}:{})", file.draft.name, files[first].place.file(),
                               files[first].draft.lines.of("name")),
                   "Choose another name");
      });
  check_conflicts(files);
  const bool somebody = std::ranges::any_of(files, [](const auto& f) { return f.draft.enabled; });
  if (!files.empty() && !somebody) {
    folder.warning("every connector is disabled: nothing would listen",
                   "Write enabled = true in one of them");
  }
}

void check_loops(const ModelDraft& model, const Place& main_file,
                 const std::vector<ConnectorFile>& files) {
  const auto is_ours = [&](const Endpoint& host) {
    return std::ranges::any_of(files, [&](const ConnectorFile& file) {
      return file.draft.enabled &&
             std::ranges::any_of(file.draft.bindings, [&](const policy::Binding& binding) {
               const bool loopback = binding.is_wildcard() && host.address.is_loopback() &&
                                     binding.endpoint.port == host.port &&
                                     binding.endpoint.address.family() == host.address.family();
               return loopback || binding.endpoint == host;
             });
    });
  };
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& connector = model.send_connectors[i];
    for (const Endpoint& host : connector.smart_hosts) {
      if (!is_ours(host)) continue;
      key_of(main_file.key("send_connector", 0).element(i, 0), connector.lines, "smart_hosts")
          .warning(fmt::format("'{}' is one of our own bindings: mail would go round in a loop",
                               host.to_string()),
                   "Name the next server");
    }
  }
}

}  // namespace relais::config
