// New-, Set-, Get- and Remove-AcceptedDomain: [[accepted_domain]] of relais.toml.
#include <fmt/format.h>

#include "policy/ascii.h"
#include "shell/cmdlets.h"
#include "shell/keyed_edit.h"
#include "shell/section_object.h"

namespace relais::shell {
namespace {

using config::AcceptedDomainDraft;

constexpr std::string_view kSection = "accepted_domain";

std::string none(std::string_view identity) {
  return fmt::format("there is no accepted domain '{}'. Get-AcceptedDomain lists them.", identity);
}

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

Draft draft_new(const Call& call, const Folder& folder) {
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  Change change;
  change.what = fmt::format("Creating accepted domain \"{}\"", call.arguments.text("DomainName"));
  change.file = kMainFile;
  const config::TomlText::Section section{std::string(kSection), text->count(kSection)};
  if (auto appended = text->append_table(kSection, {}); !appended) {
    return std::unexpected(appended.error());
  }
  const auto written = write_arguments<AcceptedDomainDraft>(
      call, change, config::accepted_domain_parameters(), *text, section, {}, nullptr);
  if (!written) return std::unexpected(written.error());
  change.files[change.file] = text->text();
  return change;
}

void run_new(Call& call) {
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
  if (!carry_out(call, [&](const Folder& folder) { return draft_new(call, folder); })) return;
  if (call.arguments.flag("WhatIf")) return;
  const Folder folder(call.session.folder);
  const auto tables = tables_of(folder, kSection);
  if (const auto index = find_table(tables, "name", domain)) {
    call.output.push_back(object_of(tables[*index], *index == 0));
  }
}

Draft draft_set(const Call& call, const Folder& folder) {
  const std::string identity = call.arguments.text("Identity");
  const auto tables = tables_of(folder, kSection);
  const auto index = find_table(tables, "name", identity);
  if (!index) return std::unexpected(none(identity));
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  Change change;
  change.what = fmt::format("Setting accepted domain \"{}\"", identity);
  change.file = kMainFile;
  const Object object = object_of(tables[*index], *index == 0);
  const auto written = write_arguments<AcceptedDomainDraft>(
      call, change, config::accepted_domain_parameters(), *text, {std::string(kSection), *index},
      tables[*index], &object);
  if (!written) return std::unexpected(written.error());
  if (change.after.empty()) {
    call.warn(fmt::format("nothing has changed: accepted domain '{}' was like that", identity));
    return std::nullopt;
  }
  change.files[change.file] = text->text();
  return change;
}

void run_set(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Setting accepted domain \"{}\"", identity), false)) return;
  carry_out(call, [&](const Folder& folder) { return draft_set(call, folder); });
}

void run_get(Call& call) {
  warn_of_support(call);
  const Folder folder(call.session.folder);
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
    call.fail(none(identity));
  }
}

Draft draft_remove(const Call& call, const Folder& folder) {
  const std::string identity = call.arguments.text("Identity");
  const auto index = find_table(tables_of(folder, kSection), "name", identity);
  if (!index) return std::unexpected(none(identity));
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  const config::TomlText::Section section{std::string(kSection), *index};
  Change change;
  change.what = fmt::format("Removing accepted domain \"{}\"", identity);
  change.file = kMainFile;
  for (const char* key : {"name", "type"}) {
    note_change(change, key, text->value(section, key), std::nullopt);
  }
  text->remove_table(section);
  change.files[change.file] = text->text();
  return change;
}

void run_remove(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Removing accepted domain \"{}\"", identity), true)) return;
  carry_out(call, [&](const Folder& folder) { return draft_remove(call, folder); });
}

CmdletSpec cmdlet(std::string name, std::string synopsis, void (*run)(Call&)) {
  const bool is_new = name.starts_with("New");
  CmdletSpec cmdlet{.name = std::move(name),
                    .synopsis = std::move(synopsis),
                    .parameters = {{.name = is_new ? "Name" : "Identity",
                                    .doc = "The domain, such as contoso.com or *.contoso.com.",
                                    .position = 0,
                                    .is_required = run != run_get && !is_new}},
                    .run = run,
                    .input = is_new ? "" : "Identity"};
  if (run == run_new || run == run_set) {
    for (auto& parameter : parameters_of(config::accepted_domain_parameters())) {
      cmdlet.parameters.push_back(std::move(parameter));
    }
    for (const char* other : {"AddressBookEnabled", "MakeDefault", "MatchSubDomains"}) {
      cmdlet.parameters.push_back(ignored(other));
    }
  }
  if (run != run_get) add_change_parameters(cmdlet);
  return cmdlet;
}

}  // namespace

std::vector<CmdletSpec> accepted_domain_cmdlets() {
  return {cmdlet("New-AcceptedDomain", "Adds a domain that mail is accepted for from every client.",
                 run_new),
          cmdlet("Get-AcceptedDomain", "Shows accepted domains.", run_get),
          cmdlet("Set-AcceptedDomain", "Changes an accepted domain.", run_set),
          cmdlet("Remove-AcceptedDomain", "Removes an accepted domain.", run_remove)};
}

}  // namespace relais::shell
