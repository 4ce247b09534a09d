// Add-, Get- and Remove-ADPermission: single rights on a Receive connector.
#include <fmt/format.h>

#include <algorithm>

#include "shell/cmdlets.h"
#include "shell/receive_connector.h"
#include "shell/toml_value.h"

namespace relais::shell {
namespace {

using policy::AccessEntry;
using policy::Principal;
using policy::ReceiveConnector;
using policy::Right;

// One [[permission]] of a file.
struct Entry {
  size_t index = 0;
  std::string user;
  std::vector<std::string> rights;
  bool deny = false;
};

std::vector<Entry> entries_of(const config::Table& table) {
  std::vector<Entry> entries;
  const config::Value* value = find_key(table, "permission");
  const auto* tables = value == nullptr ? nullptr : value->as<config::Array>();
  if (tables == nullptr) return entries;
  for (size_t i = 0; i < tables->size(); ++i) {
    const auto* keys = (*tables)[i].as<config::Table>();
    if (keys == nullptr) continue;
    Entry& entry = entries.emplace_back();
    entry.index = i;
    if (const auto* user = find_key(*keys, "user")) entry.user = to_text(from_toml(*user));
    if (const auto* deny = find_key(*keys, "deny")) entry.deny = is_true(from_toml(*deny));
    if (const auto* rights = find_key(*keys, "extended_rights")) {
      for (const Value& right : to_list(from_toml(*rights))) {
        entry.rights.push_back(to_text(right));
      }
    }
  }
  return entries;
}

Object permission_object(const config::Model& model, const ReceiveConnector& connector,
                         const AccessEntry& entry) {
  Object object;
  object.kind = Kind::kPermission;
  object.add("Identity", identity_of(model, connector.name))
      .add("User", std::string(name_of(entry.user)))
      .add("Deny", entry.deny)
      .add("IsInherited", false)
      .add("AccessRights", List{std::string("ExtendedRight")})
      .add("ExtendedRights", List{std::string(name_of(entry.right))})
      .add("PermissionGroup", entry.group ? Value(std::string(name_of(*entry.group))) : Value());
  return object;
}

// What a command asks for. Rights as they were typed: config's reader says what is wrong with them.
struct Wanted {
  const ReceiveConnector* connector = nullptr;
  std::string file;
  std::string user;
  std::optional<Principal> principal;
  std::vector<std::string> rights;
  bool deny = false;
};

std::string no_principal(std::string_view user) {
  return fmt::format("'{}' is no principal that a session can have here", user);
}

std::expected<Wanted, std::string> wanted_of(const Call& call, const Folder& folder) {
  Wanted wanted;
  const std::string identity = call.arguments.text("Identity");
  wanted.connector = find_receive_connector(folder.model(), identity);
  if (wanted.connector == nullptr) {
    return std::unexpected(no_receive_connector(folder.model(), identity));
  }
  wanted.file = folder.name_in(wanted.connector->source);
  wanted.user = call.arguments.text("User");
  wanted.principal = policy::principal_from_name(wanted.user);
  if (wanted.principal) wanted.user = name_of(*wanted.principal);
  wanted.deny = call.arguments.flag("Deny");
  for (const std::string& right : call.arguments.texts("ExtendedRights")) {
    const auto known = policy::right_from_name(right);
    wanted.rights.push_back(known ? std::string(name_of(*known)) : right);
  }
  return wanted;
}

// The entry in force that already says what is wanted, or nullptr.
const AccessEntry* find_entry(const std::vector<AccessEntry>& entries, const Wanted& wanted,
                              const std::string& right) {
  const auto found = std::ranges::find_if(entries, [&](const AccessEntry& entry) {
    return wanted.principal == entry.user && entry.deny == wanted.deny &&
           name_of(entry.right) == right;
  });
  return found == entries.end() ? nullptr : &*found;
}

std::string origin(const AccessEntry& entry) {
  return entry.group ? fmt::format("from the permission group {}", name_of(*entry.group))
                     : std::string("as a single entry");
}

std::vector<std::string> quoted(const std::vector<std::string>& rights) {
  std::vector<std::string> elements;
  for (const std::string& right : rights) elements.push_back(config::toml_string(right));
  return elements;
}

bool is_entry_of(const Entry& entry, const Wanted& wanted) {
  return entry.deny == wanted.deny && wanted.principal &&
         policy::principal_from_name(entry.user) == wanted.principal;
}

Draft draft_add(const Call& call, const Folder& folder, std::vector<std::string>& added) {
  const auto wanted = wanted_of(call, folder);
  if (!wanted) return std::unexpected(wanted.error());
  const auto in_force = wanted->connector->access_entries();
  for (const std::string& right : wanted->rights) {
    if (const auto* entry = find_entry(in_force, *wanted, right)) {
      call.warn(fmt::format("{} has {}{} already, {}", wanted->user,
                            wanted->deny ? "a denial of " : "", right, origin(*entry)));
    } else if (std::ranges::find(added, right) == added.end()) {
      added.push_back(right);
    }
  }
  if (added.empty() && !wanted->rights.empty()) return std::nullopt;
  auto text = folder.edit(wanted->file);
  if (!text) return std::unexpected(text.error());
  Change change;
  change.what =
      fmt::format("{} rights on Receive connector \"{}\"", wanted->deny ? "Denying" : "Adding",
                  identity_of(folder.model(), wanted->connector->name));
  change.file = wanted->file;
  const auto entries = entries_of(folder.table(wanted->file));
  const auto same = std::ranges::find_if(
      entries, [&](const Entry& entry) { return is_entry_of(entry, *wanted); });
  if (same != entries.end()) {
    auto rights = same->rights;
    rights.insert(rights.end(), added.begin(), added.end());
    const config::FileEdit::Section section{"permission", same->index};
    const auto before = text->value(section, "extended_rights");
    text->set_list(section, "extended_rights", quoted(rights));
    note_change(change, "permission.extended_rights", before,
                text->value(section, "extended_rights"));
  } else {
    config::FileEdit::Keys keys{{"user", config::toml_string(wanted->user)},
                                {"extended_rights", config::toml_list(quoted(added))}};
    if (wanted->deny) keys.emplace_back("deny", "true");
    text->append_table("permission", keys);
    note_change(change, "permission.user", std::nullopt, keys[0].second);
    note_change(change, "permission.extended_rights", std::nullopt, keys[1].second);
    if (wanted->deny) note_change(change, "permission.deny", std::nullopt, "true");
  }
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

void add_permission(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(call, fmt::format("Adding rights on \"{}\"", identity), false)) return;
  std::vector<std::string> added;
  const bool good =
      carry_out(call, [&](const Folder& folder) { return draft_add(call, folder, added); });
  if (!good || call.arguments.flag("WhatIf")) return;
  const Folder folder(call.session.folder);
  const auto wanted = wanted_of(call, folder);
  if (!wanted) return;
  const auto in_force = wanted->connector->access_entries();
  for (const std::string& right : added) {
    if (const auto* entry = find_entry(in_force, *wanted, right)) {
      call.output.push_back(permission_object(folder.model(), *wanted->connector, *entry));
    }
  }
}

void get_permission(Call& call) {
  warn_of_support(call);
  const Folder folder(call.session.folder);
  if (!can_show(call, folder)) return;
  const auto wanted = wanted_of(call, folder);
  if (!wanted) return call.fail(wanted.error());
  const bool filtered = call.arguments.find("User") != nullptr;
  if (filtered && !wanted->principal) return call.fail(no_principal(wanted->user));
  for (const AccessEntry& entry : wanted->connector->access_entries()) {
    if (filtered && entry.user != wanted->principal) continue;
    call.output.push_back(permission_object(folder.model(), *wanted->connector, entry));
  }
}

// The right that cannot be taken away, and why; empty: all can.
std::string what_stays(const Wanted& wanted, const std::vector<Entry>& entries,
                       const std::vector<AccessEntry>& in_force) {
  for (const std::string& right : wanted.rights) {
    const bool single = std::ranges::any_of(entries, [&](const Entry& entry) {
      return is_entry_of(entry, wanted) &&
             std::ranges::any_of(entry.rights, [&](const std::string& written) {
               return policy::right_from_name(written) == policy::right_from_name(right);
             });
    });
    if (single) continue;
    const auto* entry = find_entry(in_force, wanted, right);
    if (entry == nullptr) {
      return fmt::format("'{}' has no {}entry for {} on '{}'", wanted.user,
                         wanted.deny ? "deny " : "", right, wanted.connector->name);
    }
    return fmt::format(
        "{} of {} comes {}, so no single entry can be removed. Use a deny entry "
        "(Add-ADPermission ... -Deny), or take the group away",
        right, wanted.user, origin(*entry));
  }
  return {};
}

// "[[permission]] NT AUTHORITY\\ANONYMOUS LOGON ms-Exch-Bypass-Anti-Spam", for -WhatIf.
std::string what_goes(const Entry& entry, const std::vector<std::string>& kept) {
  std::string text = kept.empty() ? "" : "from ";
  text += fmt::format("[[permission]] {}{}", entry.deny ? "deny " : "", entry.user);
  std::string_view sign = kept.empty() ? " " : ": ";
  for (const std::string& right : entry.rights) {
    if (std::ranges::find(kept, right) != kept.end()) continue;
    text += sign;
    text += right;
    sign = ", ";
  }
  return text;
}

Draft draft_remove(const Call& call, const Folder& folder) {
  const auto wanted = wanted_of(call, folder);
  if (!wanted) return std::unexpected(wanted.error());
  if (!wanted->principal) return std::unexpected(no_principal(wanted->user));
  const auto entries = entries_of(folder.table(wanted->file));
  const std::string stays = what_stays(*wanted, entries, wanted->connector->access_entries());
  if (!stays.empty()) return std::unexpected(stays);
  auto text = folder.edit(wanted->file);
  if (!text) return std::unexpected(text.error());
  Change change;
  change.what = fmt::format("Removing rights on Receive connector \"{}\"",
                            identity_of(folder.model(), wanted->connector->name));
  change.file = wanted->file;
  // From the end, so that the indices in front stay good.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!is_entry_of(*entry, *wanted)) continue;
    std::vector<std::string> kept;
    for (const std::string& right : entry->rights) {
      const auto known = policy::right_from_name(right);
      const bool goes = std::ranges::any_of(wanted->rights, [&](const std::string& gone) {
        return policy::right_from_name(gone) == known;
      });
      if (!goes) kept.push_back(right);
    }
    if (kept.size() == entry->rights.size()) continue;
    change.gone += change.gone.empty() ? "" : ", and ";
    change.gone += what_goes(*entry, kept);
    const config::FileEdit::Section section{"permission", entry->index};
    const auto before = text->value(section, "extended_rights");
    if (kept.empty()) {
      text->remove_table(section);
      note_change(change, "permission.user", config::toml_string(entry->user), std::nullopt);
      note_change(change, "permission.extended_rights", before, std::nullopt);
    } else {
      text->set_list(section, "extended_rights", quoted(kept));
      note_change(change, "permission.extended_rights", before,
                  text->value(section, "extended_rights"));
    }
  }
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

void remove_permission(Call& call) {
  warn_of_support(call);
  const std::string identity = call.arguments.text("Identity");
  if (!is_confirmed(
          call,
          fmt::format("Removing {} of \"{}\" on \"{}\"", call.arguments.text("ExtendedRights"),
                      call.arguments.text("User"), identity),
          true)) {
    return;
  }
  carry_out(call, [&](const Folder& folder) { return draft_remove(call, folder); });
}

std::vector<std::string> right_names() {
  std::vector<std::string> names;
  for (const Right right : policy::all_rights()) names.emplace_back(name_of(right));
  return names;
}

std::vector<std::string> principal_names() {
  std::vector<std::string> names;
  for (const Principal principal : policy::all_principals()) {
    names.emplace_back(name_of(principal));
  }
  return names;
}

CmdletSpec changing(std::string name, std::string synopsis, void (*run)(Call&)) {
  CmdletSpec cmdlet{
      .name = std::move(name),
      .synopsis = std::move(synopsis),
      .parameters = {{.name = "Identity",
                      .doc = "The connector: Name, or Server\\Name; or what the pipeline brings.",
                      .position = 0,
                      .is_required = true},
                     {.name = "User",
                      .doc = "Whom the entry is for, such as \"NT AUTHORITY\\ANONYMOUS LOGON\".",
                      .values = principal_names(),
                      .is_required = true},
                     {.name = "ExtendedRights",
                      .doc = "The rights, such as ms-Exch-SMTP-Accept-Any-Recipient.",
                      .values = right_names(),
                      .is_required = true},
                     {.name = "Deny",
                      .doc = "An entry that takes the rights away; a denial beats every grant.",
                      .is_switch = true}},
      .run = run,
      .input = "Identity"};
  for (const char* other : {"AccessRights", "ChildObjectTypes", "InheritanceType",
                            "InheritedObjectType", "Properties"}) {
    cmdlet.parameters.push_back(ignored(other));
  }
  add_change_parameters(cmdlet);
  return cmdlet;
}

}  // namespace

std::vector<CmdletSpec> permission_cmdlets() {
  return {changing("Add-ADPermission", "Gives or denies single rights on a Receive connector.",
                   add_permission),
          {.name = "Get-ADPermission",
           .synopsis = "Shows who may do what on a Receive connector, one right an object.",
           .parameters = {{.name = "Identity",
                           .doc = "The connector: Name, or Server\\Name.",
                           .position = 0,
                           .is_required = true},
                          {.name = "User",
                           .doc = "Only the entries for this principal.",
                           .values = principal_names()},
                          ignored("DomainController")},
           .run = get_permission,
           .input = "Identity"},
          changing("Remove-ADPermission",
                   "Removes single rights that Add-ADPermission has written.", remove_permission)};
}

}  // namespace relais::shell
