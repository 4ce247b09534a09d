#include "shell/main_table.h"

namespace relais::shell {

Draft draft_remove_table(const Call& call, const Folder& folder, const MainTable& kind) {
  const std::string identity = call.arguments.text("Identity");
  const auto tables = tables_of(folder, kind.section);
  const auto index = find_table(tables, "name", identity);
  if (!index) return std::unexpected(there_is_none(kind, identity));
  auto text = folder.edit(kMainFile);
  if (!text) return std::unexpected(text.error());
  const config::FileEdit::Section section{std::string(kind.section), *index};
  Change change;
  change.what = fmt::format("Removing {} \"{}\"", kind.noun, identity);
  change.file = kMainFile;
  for (const config::Entry& entry : tables[*index]) {
    note_change(change, entry.key, text->value(section, entry.key), std::nullopt);
  }
  text->remove_table(section);
  change.gone =
      fmt::format("[[{}]] {} of {}", kind.section, text_under(tables[*index], "name"), kMainFile);
  if (auto taken = folder.take(change, *text); !taken) return std::unexpected(taken.error());
  return change;
}

}  // namespace relais::shell
