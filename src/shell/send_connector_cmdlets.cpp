// New-, Set-, Get- and Remove-SendConnector: [[send_connector]] of relais.toml.
#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "policy/ascii.h"
#include "shell/cmdlets.h"
#include "shell/main_table.h"

namespace relais::shell {
namespace {

using config::SendDraft;
using policy::equal_ignoring_case;

constexpr std::string_view kSection = "send_connector";

// Exchange's parameters that have no row: the one value that is what happens here. Another one
// would promise what is not kept, so it is refused.
struct Fixed {
  std::string_view parameter;
  std::string_view value;
};
constexpr Fixed kFixed[] = {
    {"DNSRoutingEnabled", "False"},
    {"Enabled", "True"},
};

constexpr MainTable kKind{kSection, "Send connector", "SendConnector"};

// "*.contoso.com;5" as Exchange prints it: SMTP:*.contoso.com;5
std::string address_space_text(const std::string& written) {
  std::string text = written;
  if (text.find(':') == std::string::npos) text.insert(0, "SMTP:");
  if (text.find(';') == std::string::npos) text += ";1";
  return text;
}

Object object_of(const Folder& folder, const config::Table& table) {
  Object object;
  object.kind = Kind::kSendConnector;
  const std::string name = text_under(table, "name");
  SendDraft draft;
  for (const auto& connector : folder.model().send_connectors) {
    if (connector.name == name) static_cast<config::SendConnector&>(draft) = connector;
  }
  add_properties(object, config::send_connector_parameters(), table, draft);
  for (auto& [property, value] : object.properties) {
    if (property != "AddressSpaces") continue;
    List spaces;
    for (const Value& space : to_list(value)) spaces.push_back(address_space_text(to_text(space)));
    value = Value(std::move(spaces));
  }
  for (const Fixed& fixed : kFixed) {
    if (object.find(fixed.parameter) != nullptr || fixed.value.empty()) continue;
    const bool truth = fixed.value == "True";
    object.add(std::string(fixed.parameter),
               truth || fixed.value == "False" ? Value(truth) : Value(std::string(fixed.value)));
  }
  object.add("Identity", name);
  return object;
}

// What is asked for and not done here; empty: nothing.
std::string what_is_refused(const Call& call) {
  for (const Fixed& fixed : kFixed) {
    const Value* value = call.arguments.value(fixed.parameter);
    const auto parameter = find_parameter(call.spec, fixed.parameter);
    if (value == nullptr || !parameter || !(*parameter)->key.empty()) continue;
    if (equal_ignoring_case(to_text(*value), fixed.value)) continue;
    return fmt::format("-{} {}: not supported here{}", fixed.parameter, to_text(*value),
                       fixed.value.empty() ? "" : fmt::format("; it is always {}", fixed.value));
  }
  return {};
}

// -Port belongs to the smart hosts that are given without one.
void add_port(Call& call) {
  const std::string port = call.arguments.text("Port");
  if (port.empty()) return;
  const auto hosts = call.arguments.texts("SmartHosts");
  if (hosts.empty()) {
    return call.warn(
        "-Port has an effect only beside -SmartHosts: the port stands behind the host");
  }
  List with_port;
  for (const std::string& host : hosts) {
    const auto address = IpAddress::parse(host);
    const bool has_port = !address && host.find(':') != std::string::npos && !host.ends_with(']');
    if (has_port) {
      with_port.emplace_back(host);
    } else if (address && !address->is_v4()) {
      with_port.emplace_back(fmt::format("[{}]:{}", host, port));
    } else {
      with_port.emplace_back(fmt::format("{}:{}", host, port));
    }
  }
  call.arguments.set(**find_parameter(call.spec, "SmartHosts"), Value(std::move(with_port)));
}

void new_send_connector(Call& call) {
  warn_of_support(call);
  const std::string refused = what_is_refused(call);
  if (!refused.empty()) return call.fail(refused);
  add_port(call);
  const std::string name = call.arguments.text("Name");
  if (!is_confirmed(call, fmt::format("Creating Send connector \"{}\"", name), false)) return;
  if (!carry_out(call, [&](const Folder& folder) {
        return draft_new_table(call, folder, kKind, name, config::send_connector_parameters());
      }))
    return;
  if (call.arguments.flag("WhatIf")) return;
  const Folder folder(call.session.folder);
  const auto tables = tables_of(folder, kSection);
  if (const auto index = find_table(tables, "name", name)) {
    call.output.push_back(object_of(folder, tables[*index]));
  }
}

void set_send_connector(Call& call) {
  warn_of_support(call);
  const std::string refused = what_is_refused(call);
  if (!refused.empty()) return call.fail(refused);
  add_port(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Setting Send connector \"{}\"", identity), false)) return;
  carry_out(call, [&](const Folder& folder) {
    return draft_set_table(
        call, folder, kKind, config::send_connector_parameters(),
        [&](const config::Table& table, size_t) { return object_of(folder, table); });
  });
}

void get_send_connector(Call& call) {
  warn_of_support(call);
  const Folder folder(call.session.folder);
  if (!can_show(call, folder)) return;
  const std::string identity = call.arguments.text("Identity");
  for (const config::Table& table : tables_of(folder, kSection)) {
    if (identity.empty() || matches_wildcard(text_under(table, "name"), identity)) {
      call.output.push_back(object_of(folder, table));
    }
  }
  if (call.output.empty() && !identity.empty() && !has_wildcard(identity)) {
    call.fail(there_is_none(kKind, identity));
  }
}

void remove_send_connector(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Removing Send connector \"{}\"", identity), true)) return;
  carry_out(call, [&](const Folder& folder) { return draft_remove_table(call, folder, kKind); });
}

void add_parameters(CmdletSpec& cmdlet, bool is_new) {
  const auto is_known = [&](std::string_view name) {
    return std::ranges::any_of(cmdlet.parameters,
                               [&](const ParameterSpec& p) { return p.name == name; });
  };
  for (auto& parameter : parameters_of(config::send_connector_parameters())) {
    if (is_new && parameter.name == "Name") parameter.position = 0;
    cmdlet.parameters.push_back(std::move(parameter));
  }
  cmdlet.parameters.push_back({.name = "Port", .doc = "The port of smart hosts without one."});
  for (const Fixed& fixed : kFixed) {
    if (is_known(fixed.parameter)) continue;
    cmdlet.parameters.push_back({.name = std::string(fixed.parameter),
                                 .doc = fixed.value.empty()
                                            ? "Not supported here."
                                            : fmt::format("Accepted with {} only.", fixed.value)});
  }
  for (const char* other :
       {"CloudServicesMailEnabled", "Comment", "DomainSecureEnabled", "ErrorPolicies", "ForceHELO",
        "Fqdn", "FrontendProxyEnabled", "IgnoreSTARTTLS", "IsScopedConnector", "MaxMessageSize",
        "ProtocolLoggingLevel", "SourceIPAddress", "SourceTransportServers", "TlsCertificateName",
        "TlsDomain", "Usage", "UseExternalDNSServersEnabled"}) {
    if (!is_known(other)) cmdlet.parameters.push_back(ignored(other));
  }
  if (!is_new) return;
  for (const char* usage : {"Custom", "Internal", "Internet", "Partner"}) {
    cmdlet.parameters.push_back(ignored(usage, true));
  }
}

CmdletSpec cmdlet(std::string name, std::string synopsis, void (*run)(Call&)) {
  CmdletSpec cmdlet{.name = std::move(name),
                    .synopsis = std::move(synopsis),
                    .parameters = {},
                    .run = run,
                    .input = run == new_send_connector ? "" : "Identity"};
  if (run != new_send_connector) {
    cmdlet.parameters.push_back({.name = "Identity",
                                 .doc = "The name of the connector.",
                                 .position = 0,
                                 .is_required = run != get_send_connector});
  }
  if (run == new_send_connector || run == set_send_connector)
    add_parameters(cmdlet, run == new_send_connector);
  if (run != get_send_connector) add_change_parameters(cmdlet);
  return cmdlet;
}

}  // namespace

std::vector<CmdletSpec> send_connector_cmdlets() {
  return {cmdlet("New-SendConnector", "Makes a Send connector: where mail goes next.",
                 new_send_connector),
          cmdlet("Get-SendConnector", "Shows Send connectors.", get_send_connector),
          cmdlet("Set-SendConnector", "Changes a Send connector.", set_send_connector),
          cmdlet("Remove-SendConnector", "Removes a Send connector.", remove_send_connector)};
}

}  // namespace relais::shell
