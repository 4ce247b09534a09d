// Get-Help and Get-Command: the cmdlets and their parameters, from their own tables. exit.
#include <fmt/format.h>

#include <algorithm>

#include "shell/cmdlets.h"

namespace relais::shell {
namespace {

std::string usage_of(const CmdletSpec& cmdlet) {
  std::string usage = cmdlet.name;
  for (const ParameterSpec& parameter : cmdlet.parameters) {
    if (parameter.support == Support::kIgnored) continue;
    const std::string_view value = parameter.is_switch ? "" : " VALUE";
    usage += parameter.is_required ? fmt::format(" -{}{}", parameter.name, value)
                                   : fmt::format(" [-{}{}]", parameter.name, value);
  }
  return usage;
}

std::string page_of(const CmdletSpec& cmdlet) {
  std::string page =
      fmt::format("\n{}\n    {}\n\n    {}\n\n", cmdlet.name, cmdlet.synopsis, usage_of(cmdlet));
  std::string ignored;
  for (const ParameterSpec& parameter : cmdlet.parameters) {
    if (parameter.support == Support::kIgnored) {
      ignored += ignored.empty() ? "-" : ", -";
      ignored += parameter.name;
      continue;
    }
    page +=
        fmt::format("    -{}{}: {}", parameter.name,
                    parameter.position >= 0 ? " (its name may be left out)" : "", parameter.doc);
    const bool is_short = !parameter.values.empty() && parameter.values.size() <= 8;
    if (is_short && parameter.values.front().front() != '$') {
      std::string values;
      for (const std::string& value : parameter.values) {
        values += values.empty() ? "" : ", ";
        values += value;
      }
      page += fmt::format(" One of: {}.", values);
    }
    if (parameter.support == Support::kKept) page += " Nothing acts on it yet.";
    page += '\n';
  }
  if (!ignored.empty()) page += fmt::format("\n    Accepted without effect: {}\n", ignored);
  for (const std::string& alias : cmdlet.aliases) page += fmt::format("    Alias: {}\n", alias);
  return page += '\n';
}

constexpr std::string_view kIntroduction = R"(
The commands of Exchange's shell for Receive connectors, and what goes with them. They edit the
files of the configuration; a running server is asked to take the change.

    New-ReceiveConnector "Relay" -Custom -Bindings 0.0.0.0:25 -RemoteIPRanges 192.168.5.10
    Get-ReceiveConnector | Format-List Name,Bindings,RemoteIPRanges

`Get-Command` lists the commands, `Get-Help NAME` the parameters of one. Any parameter may be
shortened as long as it is clear, `-WhatIf` shows what would be done, Tab completes, `exit` leaves.

)";

void get_help(Call& call) {
  const std::string name = call.arguments.text("Name");
  if (name.empty()) return call.session.console.print(kIntroduction);
  if (const CmdletSpec* cmdlet = find_cmdlet(name)) {
    return call.session.console.print(page_of(*cmdlet));
  }
  bool found = false;
  for (const CmdletSpec& cmdlet : all_cmdlets()) {
    if (!has_wildcard(name) || !matches_wildcard(cmdlet.name, name)) continue;
    found = true;
    call.session.console.print(page_of(cmdlet));
  }
  if (!found) call.fail(fmt::format("'{}': {}", name, unknown_cmdlet(name)));
}

void get_command(Call& call) {
  const std::string name = call.arguments.text("Name");
  for (const CmdletSpec& cmdlet : all_cmdlets()) {
    if (!name.empty() && !matches_wildcard(cmdlet.name, name)) continue;
    Object object;
    object.kind = Kind::kCommand;
    List parameters;
    for (const ParameterSpec& parameter : cmdlet.parameters)
      parameters.emplace_back(parameter.name);
    object.add("Name", cmdlet.name)
        .add("Synopsis", cmdlet.synopsis)
        .add("Parameters", std::move(parameters));
    call.output.push_back(std::move(object));
  }
  if (call.output.empty()) call.fail(fmt::format("'{}': {}", name, unknown_cmdlet(name)));
}

void leave(Call& call) { call.session.wants_exit = true; }

ParameterSpec name_parameter() {
  return {.name = "Name", .doc = "Of the command; * and ? are wildcards.", .position = 0};
}

}  // namespace

std::vector<CmdletSpec> help_cmdlets() {
  return {
      {.name = "Get-Help",
       .aliases = {"help", "man"},
       .synopsis = "Explains a command.",
       .parameters = {name_parameter(),
                      {.name = "Full", .doc = "Accepted: it is always full.", .is_switch = true},
                      {.name = "Examples", .doc = "Accepted.", .is_switch = true}},
       .run = get_help},
      {.name = "Get-Command",
       .aliases = {"gcm"},
       .synopsis = "Lists the commands.",
       .parameters = {name_parameter()},
       .run = get_command},
      {.name = "exit",
       .aliases = {"quit"},
       .synopsis = "Leaves the shell.",
       .parameters = {},
       .run = leave}};
}

}  // namespace relais::shell
