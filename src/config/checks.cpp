#include "config/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "policy/ascii.h"
#include "policy/partition.h"

namespace relais::config {
namespace {

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

void check_admin(const ModelDraft& model, const Place& place) {
  if (!model.admin.listen || model.admin.listen->address.is_loopback()) return;
  place.key("admin", 0)
      .key("listen", model.admin_lines.of("listen"))
      .warning(
          Rule::kAdminReachable,
          fmt::format("{} is no loopback address: whoever reaches it reads who sends mail here",
                      model.admin.listen->to_string()),
          fmt::format("Write \"127.0.0.1:{}\", or let a firewall keep others away",
                      model.admin.listen->port));
}

void check_send_connector(const SendDraft& connector, const Place& place) {
  const bool has_hosts = connector.lines.has("smart_hosts");
  const bool has_maildir = connector.lines.has("maildir");
  if (has_hosts && has_maildir) {
    key_of(place, connector.lines, "maildir")
        .error(Rule::kSendConnectorHops, "stands beside smart_hosts",
               "Keep one of smart_hosts and maildir");
  }
  if (!has_hosts && !has_maildir) {
    place.error(Rule::kSendConnectorHops, "neither smart_hosts nor maildir",
                "Write smart_hosts = [\"10.0.0.20:25\"] or maildir = \"Maildir\"");
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
    v4 |= policy::takes_family(connector, binding.endpoint, IpAddress::Family::kV4);
    v6 |= policy::takes_family(connector, binding.endpoint, IpAddress::Family::kV6);
  }
  const uint32_t line = connector.lines.of("usage");
  if (v4) {
    connector.remote_ranges.push_back({IpAddress::v4(0), IpAddress::v4(UINT32_MAX)});
    connector.range_origins.push_back({line, 0, {}});
  }
  if (v6) {
    connector.remote_ranges.push_back({IpAddress::v6(0, 0), IpAddress::v6(UINT64_MAX, UINT64_MAX)});
    connector.range_origins.push_back({line, 0, {}});
  }
}

void complete_preset(ReceiveDraft& connector, const Place& place) {
  const Preset preset = preset_of(connector.usage);
  const auto missing = [&](std::string_view key, std::string cure) {
    place.key(key, connector.lines.section_line)
        .error(Rule::kMissing, "is missing", std::move(cure));
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

}  // namespace

Place range_of(const Place& file, const ReceiveDraft& connector, size_t range) {
  const RangeOrigin& origin = connector.range_origins[range];
  return file.key("remote_ip_ranges", origin.line).element(origin.index, origin.line);
}

std::string range_owner(const ConnectorFile& file, size_t range) {
  return fmt::format("'{}' ({}:{})", file.draft.name, file.place.file(),
                     range_of(file.place, file.draft, range).line());
}

void check_main(const ModelDraft& model, const Place& place) {
  check_spool_and_retry(model, place);
  check_admin(model, place);
  check_back_pressure(model, place);
  check_domains(model, place);
  const auto section = [&](std::string_view name, size_t index, const KeyLines& lines) {
    return place.key(name, 0).element(index, lines.section_line);
  };
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& connector = model.send_connectors[i];
    check_send_connector(connector, section("send_connector", i, connector.lines));
    check_hop_security(connector, section("send_connector", i, connector.lines));
  }
  check_unique(
      model.send_connectors, [](const SendDraft& c) -> const std::string& { return c.name; },
      [&](size_t again, size_t first) {
        const SendDraft& connector = model.send_connectors[again];
        key_of(section("send_connector", again, connector.lines), connector.lines, "name")
            .error(Rule::kNameTaken,
                   fmt::format("'{}' is taken (line {})", connector.name,
                               model.send_connectors[first].lines.of("name")),
                   "Choose another name");
      });
  check_unique(
      model.accepted_domains,
      [](const AcceptedDomainDraft& d) -> const std::string& { return d.name; },
      [&](size_t again, size_t first) {
        const AcceptedDomainDraft& domain = model.accepted_domains[again];
        key_of(section("accepted_domain", again, domain.lines), domain.lines, "name")
            .error(Rule::kRepeated,
                   fmt::format("'{}' is listed twice (line {})", domain.name,
                               model.accepted_domains[first].lines.of("name")),
                   "Remove one of the two");
      });
}

void check_connector(ReceiveDraft& connector, const Place& place) {
  complete_preset(connector, place);
  check_proxies(connector, place);
  check_auth_mechanism(connector, place);
  check_limits(connector, place);
  check_limit_tables(connector, place);
  check_rights(connector, place);
  check_ranges(connector, place);
}

void check_connectors(const std::vector<ConnectorFile>& files, const Place& folder) {
  check_unique(
      files, [](const ConnectorFile& f) -> const std::string& { return f.draft.name; },
      [&](size_t again, size_t first) {
        const ConnectorFile& file = files[again];
        key_of(file.place, file.draft.lines, "name")
            .error(Rule::kNameTaken,
                   fmt::format("'{}' is taken ({}:{})", file.draft.name, files[first].place.file(),
                               files[first].draft.lines.of("name")),
                   "Choose another name");
      });
  check_proxy_agreement(files);
  check_xclient(files);
  check_reach(files);
  check_open_relays(files);
  const bool somebody = std::ranges::any_of(files, [](const auto& f) { return f.draft.enabled; });
  if (!files.empty() && !somebody) {
    folder.warning(Rule::kNobodyListens, "every connector is disabled: nothing would listen",
                   "Write enabled = true in one of them");
  }
}

}  // namespace relais::config
