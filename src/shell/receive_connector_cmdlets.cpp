// New-, Set-, Get- and Remove-ReceiveConnector.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "policy/ascii.h"
#include "shell/cmdlets.h"
#include "shell/keyed_edit.h"
#include "shell/receive_connector.h"

namespace relais::shell {
namespace {

using config::ReceiveDraft;
using policy::equal_ignoring_case;

constexpr std::string_view kUsages[] = {"Custom", "Internet", "Internal", "Client", "Partner"};

// What New takes away from whom (exchange-reference.md section 1, usage presets).
struct Forbidden {
  std::string_view usage;
  std::string_view parameter;
  std::string_view why;
};
constexpr Forbidden kForbidden[] = {
    {"Internet", "RemoteIPRanges", "an Internet connector serves every address"},
    {"Internal", "Bindings", "an Internal connector listens on 0.0.0.0:25"},
    {"Client", "Bindings", "a Client connector listens on 0.0.0.0:587"},
};

std::string what(std::string_view doing, const config::Model& model, std::string_view name) {
  return fmt::format("{} Receive connector \"{}\"", doing, identity_of(model, name));
}

// "Anonymous Relay": connectors/anonymous-relay.toml, or another number behind it when that is
// taken.
std::string new_file_name(const Folder& folder, std::string_view name) {
  std::string slug;
  for (const char c : name) {
    const char lower = policy::ascii_lower(c);
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (plain) {
      slug += lower;
    } else if (!slug.empty() && !slug.ends_with('-')) {
      slug += '-';
    }
  }
  while (slug.ends_with('-')) slug.pop_back();
  slug = slug.substr(0, 64);
  if (slug.empty()) slug = "connector";
  std::error_code failed;
  std::string file = fmt::format("connectors/{}.toml", slug);
  for (int i = 2; std::filesystem::exists(folder.path_of(file), failed); ++i) {
    file = fmt::format("connectors/{}-{}.toml", slug, i);
  }
  return file;
}

// Of -Usage and the five switches. Unexpected: what to say; empty: none was given.
std::expected<std::string, std::string> usage_of(const Bound& arguments) {
  std::string usage = arguments.text("Usage");
  for (const std::string_view name : kUsages) {
    if (!arguments.flag(name)) continue;
    if (!usage.empty() && !equal_ignoring_case(usage, name)) {
      return std::unexpected(
          fmt::format("a connector has one usage, and two are given: {} and {}", usage, name));
    }
    usage = name;
  }
  return usage;
}

const policy::ReceiveConnector* find_named(const config::Model& model, std::string_view name) {
  const auto found = std::ranges::find_if(model.receive_connectors, [&](const auto& connector) {
    return equal_ignoring_case(connector.name, name);
  });
  return found == model.receive_connectors.end() || name.empty() ? nullptr : &*found;
}

Draft draft_new(const Call& call, const Folder& folder) {
  const auto usage = usage_of(call.arguments);
  if (!usage) return std::unexpected(usage.error());
  for (const Forbidden& rule : kForbidden) {
    if (equal_ignoring_case(*usage, rule.usage) && call.arguments.find(rule.parameter) != nullptr) {
      return std::unexpected(fmt::format("-{} must not be given with usage {}: {}", rule.parameter,
                                         rule.usage, rule.why));
    }
  }
  const std::string name = call.arguments.text("Name");
  if (const auto* taken = find_named(folder.model(), name)) {
    return std::unexpected(
        fmt::format("name: '{}' is taken ({}). Choose another name, or change that connector with "
                    "Set-ReceiveConnector",
                    taken->name, taken->source));
  }
  Change change;
  change.what = what("Creating", folder.model(), name);
  change.file = new_file_name(folder, name);
  auto text = folder.edit(change.file);
  if (!text) return std::unexpected(text.error());
  const auto written = write_arguments<ReceiveDraft>(
      call, change, config::receive_connector_parameters(), *text, {}, {}, nullptr);
  if (!written) return std::unexpected(written.error());
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

void new_receive_connector(Call& call) {
  // A switch is a value of -Usage; without one it is Custom, which is written so that the file says
  // what was meant.
  const auto usage = usage_of(call.arguments);
  if (!usage) return call.fail(usage.error());
  const auto parameter = find_parameter(call.spec, "Usage");
  call.arguments.set(**parameter, usage->empty() ? std::string("Custom") : *usage);
  warn_of_support(call);
  const std::string name = call.arguments.text("Name");
  if (!is_confirmed(call, fmt::format("Creating Receive connector \"{}\"", name), false)) return;
  if (!carry_out(call, [&](const Folder& folder) { return draft_new(call, folder); })) return;
  if (call.arguments.flag("WhatIf")) return;
  const Folder folder(call.session.folder);
  if (const auto* connector = find_receive_connector(folder.model(), name)) {
    call.output.push_back(receive_connector_object(folder, *connector));
  }
}

Draft draft_set(const Call& call, const Folder& folder) {
  const std::string identity = call.arguments.text("Identity");
  const auto* connector = find_receive_connector(folder.model(), identity);
  if (connector == nullptr) return std::unexpected(no_receive_connector(folder.model(), identity));
  Change change;
  change.what = what("Setting", folder.model(), connector->name);
  change.file = folder.name_in(connector->source);
  auto text = folder.edit(change.file);
  if (!text) return std::unexpected(text.error());
  const Object object = receive_connector_object(folder, *connector);
  const auto written =
      write_arguments<ReceiveDraft>(call, change, config::receive_connector_parameters(), *text, {},
                                    folder.table(change.file), &object);
  if (!written) return std::unexpected(written.error());
  if (!text->is_changed()) {
    call.warn(
        fmt::format("nothing has changed: Receive connector '{}' was like that", connector->name));
    return std::nullopt;
  }
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

void set_receive_connector(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Setting Receive connector \"{}\"", identity), false)) return;
  carry_out(call, [&](const Folder& folder) { return draft_set(call, folder); });
}

void get_receive_connector(Call& call) {
  warn_of_support(call);
  const Folder folder(call.session.folder);
  if (!can_show(call, folder)) return;
  const std::string identity = call.arguments.text("Identity");
  if (call.arguments.find("Identity") == nullptr || has_wildcard(identity)) {
    for (const auto& connector : folder.model().receive_connectors) {
      // With a backslash it is a pattern of whole identities.
      const std::string whole = identity_of(folder.model(), connector.name);
      const bool is_whole = identity.find('\\') != std::string::npos;
      const bool wanted =
          identity.empty() || matches_wildcard(is_whole ? whole : connector.name, identity);
      if (wanted) call.output.push_back(receive_connector_object(folder, connector));
    }
    return;
  }
  const auto* connector = find_receive_connector(folder.model(), identity);
  if (connector == nullptr) return call.fail(no_receive_connector(folder.model(), identity));
  call.output.push_back(receive_connector_object(folder, *connector));
}

Draft draft_remove(const Call& call, const Folder& folder) {
  const std::string identity = call.arguments.text("Identity");
  const auto* connector = find_receive_connector(folder.model(), identity);
  if (connector == nullptr) return std::unexpected(no_receive_connector(folder.model(), identity));
  if (folder.model().receive_connectors.size() == 1 && folder.loaded().ok) {
    return std::unexpected(
        fmt::format("without '{}' nothing would listen: it is the last Receive connector; disable "
                    "it instead: Set-ReceiveConnector \"{}\" -Enabled $false",
                    connector->name, connector->name));
  }
  Change change;
  change.what = what("Removing", folder.model(), connector->name);
  change.file = folder.name_in(connector->source);
  // The whole file goes, so the whole file is written down.
  change.before.emplace_back("file", folder.text(change.file));
  change.files[change.file] = std::nullopt;
  change.gone = change.file;
  return change;
}

void remove_receive_connector(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Removing Receive connector \"{}\"", identity), true)) return;
  carry_out(call, [&](const Folder& folder) { return draft_remove(call, folder); });
}

void add_ignored(CmdletSpec& cmdlet) {
  for (const char* name :
       {"AdvertiseClientSettings", "EnableAuthGSSAPI", "ExtendedProtectionPolicy",
        "LongAddressesEnabled", "MaxAcknowledgementDelay", "OrarEnabled", "ServiceDiscoveryFqdn",
        "SuppressXAnonymousTls", "TlsDomainCapabilities"}) {
    cmdlet.parameters.push_back(ignored(name));
  }
}

ParameterSpec identity_parameter() {
  return {.name = "Identity",
          .doc = "The connector: Name, or Server\\Name.",
          .position = 0,
          .is_required = true};
}

CmdletSpec set_cmdlet() {
  CmdletSpec set{.name = "Set-ReceiveConnector",
                 .synopsis = "Changes a Receive connector.",
                 .parameters = {identity_parameter()},
                 .run = set_receive_connector,
                 .input = "Identity"};
  for (auto& parameter : parameters_of(config::receive_connector_parameters())) {
    if (parameter.name != "Usage") set.parameters.push_back(std::move(parameter));
  }
  add_ignored(set);
  add_change_parameters(set);
  return set;
}

CmdletSpec new_cmdlet() {
  CmdletSpec cmdlet{.name = "New-ReceiveConnector",
                    .synopsis =
                        "Makes a Receive connector: a listener, the clients that it serves, "
                        "and what they may do.",
                    .parameters = {},
                    .run = new_receive_connector};
  for (auto& parameter : parameters_of(config::receive_connector_parameters())) {
    if (parameter.name == "Name") parameter.position = 0;
    cmdlet.parameters.push_back(std::move(parameter));
  }
  for (const std::string_view usage : kUsages) {
    cmdlet.parameters.push_back({.name = std::string(usage),
                                 .doc = fmt::format("The same as -Usage {}.", usage),
                                 .is_switch = true});
  }
  cmdlet.parameters.push_back(ignored("Server"));
  add_ignored(cmdlet);
  add_change_parameters(cmdlet);
  return cmdlet;
}

}  // namespace

std::vector<CmdletSpec> receive_connector_cmdlets() {
  CmdletSpec get{.name = "Get-ReceiveConnector",
                 .synopsis = "Shows Receive connectors.",
                 .parameters = {identity_parameter(), ignored("Server")},
                 .run = get_receive_connector,
                 .input = "Identity"};
  get.parameters.front().is_required = false;
  get.parameters.push_back(ignored("DomainController"));
  CmdletSpec remove{.name = "Remove-ReceiveConnector",
                    .synopsis = "Removes a Receive connector and its file.",
                    .parameters = {identity_parameter()},
                    .run = remove_receive_connector,
                    .input = "Identity"};
  add_change_parameters(remove);
  return {std::move(get), new_cmdlet(), std::move(remove), set_cmdlet()};
}

}  // namespace relais::shell
