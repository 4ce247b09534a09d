// Changes of one [[table]] of relais.toml, which accepted domains and Send connectors have in
// common. Each gives the draft of a change (change.h).
#pragma once

#include <fmt/format.h>

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "shell/keyed_edit.h"
#include "shell/section_object.h"

namespace relais::shell {

struct MainTable {
  std::string_view section;  // "accepted_domain"
  std::string_view noun;     // "accepted domain"
  std::string_view plural;   // "AcceptedDomain lists them" of Get-
};

[[nodiscard]] inline std::string there_is_none(const MainTable& kind, std::string_view identity) {
  return fmt::format("there is no {} '{}'. Get-{} lists them.", kind.noun, identity, kind.plural);
}

template <class Owner>
Draft draft_new_table(const Call& call, const Folder& folder, const MainTable& kind,
                      std::string_view name, std::span<const config::Parameter<Owner>> rows) {
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  Change change;
  change.what = fmt::format("Creating {} \"{}\"", kind.noun, name);
  change.file = kMainFile;
  const config::FileEdit::Section section{std::string(kind.section), text->count(kind.section)};
  text->append_table(kind.section, {});
  const auto written = write_arguments<Owner>(call, change, rows, *text, section, {}, nullptr);
  if (!written) return std::unexpected(written.error());
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

// The one that -Identity names, and the file's text. Unexpected: what to say.
struct FoundTable {
  config::Table table;
  size_t index;
  config::FileEdit text;
};
[[nodiscard]] std::expected<FoundTable, std::string> find_table_to_change(
    const Folder& folder, const MainTable& kind, std::string_view identity);

// `object_of(table, index)`: what Get- shows of it.
template <class Owner, class ObjectOf>
Draft draft_set_table(const Call& call, const Folder& folder, const MainTable& kind,
                      std::span<const config::Parameter<Owner>> rows, ObjectOf object_of) {
  const std::string identity = call.arguments.text("Identity");
  auto found = find_table_to_change(folder, kind, identity);
  if (!found) return std::unexpected(found.error());
  Change change;
  change.what = fmt::format("Setting {} \"{}\"", kind.noun, identity);
  change.file = kMainFile;
  const Object object = object_of(found->table, found->index);
  const auto written =
      write_arguments<Owner>(call, change, rows, found->text,
                             {std::string(kind.section), found->index}, found->table, &object);
  if (!written) return std::unexpected(written.error());
  if (!found->text.is_changed()) {
    call.warn(fmt::format("nothing has changed: {} '{}' was like that", kind.noun, identity));
    return std::nullopt;
  }
  if (auto taken = folder.take(change, found->text); !taken) return std::unexpected(taken.error());
  return change;
}

[[nodiscard]] Draft draft_remove_table(const Call& call, const Folder& folder,
                                       const MainTable& kind);

}  // namespace relais::shell
