#include "shell/main_table.h"

namespace relais::shell {

std::expected<FoundTable, std::string> find_table_to_change(const Folder& folder,
                                                            const MainTable& kind,
                                                            std::string_view identity) {
  auto tables = tables_of(folder, kind.section);
  const auto index = find_table(tables, "name", identity);
  if (!index) return std::unexpected(there_is_none(kind, identity));
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  return FoundTable{std::move(tables[*index]), *index, std::move(*text)};
}

Draft draft_remove_table(const Call& call, const Folder& folder, const MainTable& kind) {
  const std::string identity = call.arguments.text("Identity");
  auto found = find_table_to_change(folder, kind, identity);
  if (!found) return std::unexpected(found.error());
  const config::FileEdit::Section section{std::string(kind.section), found->index};
  Change change;
  change.what = fmt::format("Removing {} \"{}\"", kind.noun, identity);
  change.file = kMainFile;
  for (const config::Entry& entry : found->table) {
    note_change(change, entry.key, found->text.value(section, entry.key), std::nullopt);
  }
  found->text.remove_table(section);
  change.gone =
      fmt::format("[[{}]] {} of {}", kind.section, text_under(found->table, "name"), kMainFile);
  if (auto taken = folder.take(change, found->text); !taken) return std::unexpected(taken.error());
  return change;
}

}  // namespace relais::shell
