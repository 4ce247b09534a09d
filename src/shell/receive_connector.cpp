#include "shell/receive_connector.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "policy/ascii.h"
#include "shell/rows.h"

namespace relais::shell {
namespace {

using policy::equal_ignoring_case;
using policy::ReceiveConnector;

// Exchange's order (exchange-reference.md section 1). What is no key of ours has the value that
// Exchange shows where it is not used.
struct Shown {
  std::string_view name;
  Value (*otherwise)(const config::Model& model) = nullptr;
};

Value nothing(const config::Model&) { return {}; }
Value no(const config::Model&) { return false; }
Value none(const config::Model&) { return std::string("None"); }
Value empty_list(const config::Model&) { return List{}; }
Value this_server(const config::Model& model) { return server_name(model); }
Value half_a_minute(const config::Model&) { return seconds(30); }

constexpr Shown kShown[] = {
    {"AuthMechanism"},
    {"Banner"},
    {"BinaryMimeEnabled"},
    {"Bindings"},
    {"ChunkingEnabled"},
    {"DefaultDomain"},
    {"DeliveryStatusNotificationEnabled"},
    {"EightBitMimeEnabled"},
    {"SmtpUtf8Enabled"},
    {"BareLinefeedRejectionEnabled"},
    {"DomainSecureEnabled"},
    {"EnhancedStatusCodesEnabled"},
    {"LongAddressesEnabled", no},
    {"OrarEnabled", no},
    {"SuppressXAnonymousTls", no},
    {"ProxyEnabled", no},
    {"AdvertiseClientSettings", no},
    {"Fqdn"},
    {"ServiceDiscoveryFqdn", nothing},
    {"TlsCertificateName"},
    {"Comment"},
    {"Enabled"},
    {"ConnectionTimeout"},
    {"ConnectionInactivityTimeout"},
    {"MessageRateLimit"},
    {"MessageRateSource"},
    {"MaxInboundConnection"},
    {"MaxInboundConnectionPerSource"},
    {"MaxInboundConnectionPercentagePerSource"},
    {"MaxHeaderSize"},
    {"MaxHopCount"},
    {"MaxLocalHopCount"},
    {"MaxLogonFailures"},
    {"MaxMessageSize"},
    {"MaxProtocolErrors"},
    {"MaxRecipientsPerMessage"},
    {"PermissionGroups"},
    {"PipeliningEnabled"},
    {"ProtocolLoggingLevel"},
    {"RemoteIPRanges"},
    {"RequireEHLODomain"},
    {"RequireTLS"},
    {"EnableAuthGSSAPI", no},
    {"ExtendedProtectionPolicy", none},
    {"LiveCredentialEnabled", no},
    {"TlsDomainCapabilities", empty_list},
    {"Server", this_server},
    {"TransportRole"},
    {"RejectReservedTopLevelRecipientDomains"},
    {"RejectReservedSecondLevelRecipientDomains"},
    {"RejectSingleLabelRecipientDomains"},
    {"AcceptConsumerMail", no},
    {"SizeEnabled"},
    {"TarpitInterval"},
    {"AuthTarpitInterval"},
    {"MaxAcknowledgementDelay", half_a_minute},
};

template <class Flag>
std::string flags_text(policy::Flags<Flag> flags, std::span<const Flag> all) {
  std::string text;
  for (const Flag flag : all) {
    if (!flags.has(flag)) continue;
    if (!text.empty()) text += ", ";
    text += name_of(flag);
  }
  return text;
}

// 0.0.0.0-255.255.255.255, as Exchange prints every address.
std::string range_text(const policy::AddressRange& range) {
  const bool all_v4 = range == policy::AddressRange{IpAddress::v4(0), IpAddress::v4(UINT32_MAX)};
  if (all_v4) return "0.0.0.0-255.255.255.255";
  return range.to_string();
}

// What a row with a reader of its own has become; nullopt: what the file says counts.
std::optional<Value> read_value(std::string_view key, const config::Model& model,
                                const ReceiveConnector& connector) {
  if (key == "auth_mechanism") return auth_mechanism_text(connector);
  if (key == "permission_groups") return permission_groups_text(connector);
  if (key == "transport_role") return std::string(name_of(connector.transport_role));
  if (key == "usage") return std::string(name_of(connector.usage));
  if (key == "size_enabled") return std::string(name_of(connector.size));
  if (key == "message_rate_source") return std::string(name_of(connector.message_rate_source));
  if (key == "milter_default_action") return std::string(name_of(connector.milter_default_action));
  if (key == "protocol_logging_level") {
    return std::string(connector.protocol_logging_verbose ? "Verbose" : "None");
  }
  if (key == "fqdn") {
    return connector.fqdn.empty() ? model.server.fqdn : connector.fqdn;
  }
  return std::nullopt;
}

// The default of a row that the file does not have, for lists and for texts.
Value default_value(const config::Parameter<config::ReceiveDraft>& row,
                    const ReceiveConnector& connector) {
  List list;
  if (row.key == "bindings") {
    for (const auto& binding : connector.bindings) list.emplace_back(binding.endpoint.to_string());
    return list;
  }
  if (row.key == "remote_ip_ranges") {
    for (const auto& range : connector.remote_ranges) list.emplace_back(range_text(range));
    return list;
  }
  if (row.is_list) return list;
  const auto words = words_of(row.default_text);
  const bool is_word = words.size() == 1 && row.default_text.size() == words[0].size() + 2;
  return is_word && words[0].find('<') == std::string::npos ? Value(words[0]) : Value();
}

Value value_of(const config::Parameter<config::ReceiveDraft>& row, const config::Model& model,
               const ReceiveConnector& connector, const config::Table& table) {
  config::ReceiveDraft draft;
  static_cast<ReceiveConnector&>(draft) = connector;
  if (auto value = member_value(row, draft)) return *value;
  if (auto value = read_value(row.key, model, connector)) return *value;
  if (const auto* written = find_key(table, row.key)) return from_toml(*written);
  return default_value(row, connector);
}

}  // namespace

std::string server_name(const config::Model& model) {
  std::string name = model.server.fqdn.substr(0, model.server.fqdn.find('.'));
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

std::string identity_of(const config::Model& model, std::string_view connector) {
  return fmt::format("{}\\{}", server_name(model), connector);
}

const ReceiveConnector* find_receive_connector(const config::Model& model,
                                               std::string_view identity) {
  const auto by_name = [&](std::string_view name) -> const ReceiveConnector* {
    for (const auto& connector : model.receive_connectors) {
      if (equal_ignoring_case(connector.name, name)) return &connector;
    }
    return nullptr;
  };
  if (identity.empty()) return nullptr;
  if (const auto* connector = by_name(identity)) return connector;
  const size_t backslash = identity.find('\\');
  if (backslash == std::string_view::npos) return nullptr;
  const std::string_view server = identity.substr(0, backslash);
  if (!equal_ignoring_case(server, server_name(model)) &&
      !equal_ignoring_case(server, model.server.fqdn)) {
    return nullptr;
  }
  return by_name(identity.substr(backslash + 1));
}

std::string no_receive_connector(const config::Model& model, std::string_view identity) {
  std::vector<std::string_view> names;
  for (const auto& connector : model.receive_connectors) names.push_back(connector.name);
  const std::string_view near = config::nearest(identity, names);
  return fmt::format("there is no Receive connector '{}'{}", identity,
                     near.empty() ? std::string(". Get-ReceiveConnector lists them.")
                                  : fmt::format(". Did you mean '{}'?", near));
}

std::string permission_groups_text(const ReceiveConnector& connector) {
  std::string text = flags_text(connector.permission_groups, policy::all_permission_groups());
  if (!connector.permissions.empty()) text += text.empty() ? "Custom" : ", Custom";
  return text.empty() ? "None" : text;
}

std::string auth_mechanism_text(const ReceiveConnector& connector) {
  std::string text = flags_text(connector.auth_mechanism, policy::all_auth_mechanisms());
  return text.empty() ? "None" : text;
}

Object receive_connector_object(const Folder& folder, const ReceiveConnector& connector) {
  const auto rows = config::receive_connector_parameters();
  const config::Model& model = folder.model();
  const config::Table table = folder.table(folder.name_in(connector.source));
  Object object;
  object.kind = Kind::kReceiveConnector;
  for (const Shown& shown : kShown) {
    const auto row =
        std::ranges::find(rows, shown.name, &config::Parameter<config::ReceiveDraft>::exchange);
    if (row != rows.end()) {
      object.add(std::string(shown.name), value_of(*row, model, connector, table));
    } else if (shown.otherwise != nullptr) {
      object.add(std::string(shown.name), shown.otherwise(model));
    }
  }
  // What only we have, and what the table got since.
  for (const auto& row : rows) {
    const std::string name = name_of(row);
    if (is_parameter(row) && name != "Name" && object.find(name) == nullptr) {
      object.add(name, value_of(row, model, connector, table));
    }
  }
  object.add("Name", connector.name);
  object.add("Identity", identity_of(model, connector.name));
  return object;
}

}  // namespace relais::shell
