// New-, Set-, Get- and Remove-AcceptedDomain: [[accepted_domain]] of relais.toml.
#include <fmt/format.h>

#include "policy/ascii.h"
#include "shell/cmdlets.h"
#include "shell/main_table.h"

namespace relais::shell {
namespace {

using config::AcceptedDomainDraft;

constexpr std::string_view kSection = "accepted_domain";

constexpr MainTable kKind{kSection, "accepted domain", "AcceptedDomain"};

Object object_of(const config::Table& table, bool is_first) {
  Object object;
  object.kind = Kind::kAcceptedDomain;
  const std::string name = text_under(table, "name");
  object.add("Name", name);
  AcceptedDomainDraft draft;
  add_properties(object, config::accepted_domain_parameters(), table, draft);
  object.add("Default", is_first).add("Identity", name);
  return object;
}

void new_accepted_domain(Call& call) {
  const std::string name = call.arguments.text("Name");
  if (call.arguments.find("DomainName") == nullptr) {
    call.arguments.set(**find_parameter(call.spec, "DomainName"), name);
  } else if (!name.empty() &&
             !policy::equal_ignoring_case(name, call.arguments.text("DomainName"))) {
    call.warn(
        fmt::format("-Name has no effect here: an accepted domain is known by its DomainName, "
                    "{}",
                    call.arguments.text("DomainName")));
  }
  warn_of_support(call);
  const std::string domain = call.arguments.text("DomainName");
  if (!is_confirmed(call, fmt::format("Creating accepted domain \"{}\"", domain), false)) return;
  if (!carry_out(call, [&](const Folder& folder) {
        return draft_new_table(call, folder, kKind, domain, config::accepted_domain_parameters());
      }))
    return;
  if (call.arguments.flag("WhatIf")) return;
  const Folder folder(call.session.folder);
  const auto tables = tables_of(folder, kSection);
  if (const auto index = find_table(tables, "name", domain)) {
    call.output.push_back(object_of(tables[*index], *index == 0));
  }
}

void set_accepted_domain(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Setting accepted domain \"{}\"", identity), false)) return;
  carry_out(call, [&](const Folder& folder) {
    return draft_set_table(
        call, folder, kKind, config::accepted_domain_parameters(),
        [](const config::Table& table, size_t index) { return object_of(table, index == 0); });
  });
}

void get_accepted_domain(Call& call) {
  warn_of_support(call);
  const Folder folder(call.session.folder);
  if (!can_show(call, folder)) return;
  const auto tables = tables_of(folder, kSection);
  const std::string identity = call.arguments.text("Identity");
  for (size_t i = 0; i < tables.size(); ++i) {
    const std::string name = text_under(tables[i], "name");
    const bool wanted =
        identity.empty() || policy::equal_ignoring_case(name, identity) ||
        (!identity.starts_with("*.") && has_wildcard(identity) && matches_wildcard(name, identity));
    if (wanted) call.output.push_back(object_of(tables[i], i == 0));
  }
  if (call.output.empty() && !identity.empty() && !has_wildcard(identity)) {
    call.fail(there_is_none(kKind, identity));
  }
}

void remove_accepted_domain(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Removing accepted domain \"{}\"", identity), true)) return;
  carry_out(call, [&](const Folder& folder) { return draft_remove_table(call, folder, kKind); });
}

CmdletSpec cmdlet(std::string name, std::string synopsis, void (*run)(Call&)) {
  const bool is_new = name.starts_with("New");
  CmdletSpec cmdlet{.name = std::move(name),
                    .synopsis = std::move(synopsis),
                    .parameters = {{.name = is_new ? "Name" : "Identity",
                                    .doc = "The domain, such as contoso.com or *.contoso.com.",
                                    .position = 0,
                                    .is_required = run != get_accepted_domain && !is_new}},
                    .run = run,
                    .input = is_new ? "" : "Identity"};
  if (run == new_accepted_domain || run == set_accepted_domain) {
    for (auto& parameter : parameters_of(config::accepted_domain_parameters())) {
      cmdlet.parameters.push_back(std::move(parameter));
    }
    for (const char* other : {"AddressBookEnabled", "MakeDefault", "MatchSubDomains"}) {
      cmdlet.parameters.push_back(ignored(other));
    }
  }
  if (run != get_accepted_domain) add_change_parameters(cmdlet);
  return cmdlet;
}

}  // namespace

std::vector<CmdletSpec> accepted_domain_cmdlets() {
  return {cmdlet("New-AcceptedDomain", "Adds a domain that mail is accepted for from every client.",
                 new_accepted_domain),
          cmdlet("Get-AcceptedDomain", "Shows accepted domains.", get_accepted_domain),
          cmdlet("Set-AcceptedDomain", "Changes an accepted domain.", set_accepted_domain),
          cmdlet("Remove-AcceptedDomain", "Removes an accepted domain.", remove_accepted_domain)};
}

}  // namespace relais::shell
