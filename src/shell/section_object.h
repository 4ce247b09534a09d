// A table of relais.toml ([[send_connector]], [[accepted_domain]]) as an object of the shell.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "shell/change.h"
#include "shell/rows.h"
#include "shell/toml_value.h"

namespace relais::shell {

// The tables under a name of relais.toml, as they are written; index for index those of TomlText.
[[nodiscard]] std::vector<config::Table> tables_of(const Folder& folder, std::string_view name);
// Where `key` of a table is `text`, ignoring case; nullopt: nowhere.
[[nodiscard]] std::optional<size_t> find_table(const std::vector<config::Table>& tables,
                                               std::string_view key, std::string_view text);
[[nodiscard]] std::string text_under(const config::Table& table, std::string_view key);

// Every row as a property: what the file says in the words of the file, else the default.
template <class Owner>
void add_properties(Object& object, std::span<const config::Parameter<Owner>> rows,
                    const config::Table& table, const Owner& owner) {
  for (const auto& row : rows) {
    if (!is_parameter(row)) continue;
    if (auto value = member_value(row, owner)) {
      object.add(name_of(row), std::move(*value));
    } else if (const auto* written = find_key(table, row.key)) {
      object.add(name_of(row), from_toml(*written));
    } else if (const auto words = words_of(row.default_text); words.size() == 1) {
      object.add(name_of(row), words.front());
    } else {
      object.add(name_of(row), row.is_list ? Value(List{}) : Value());
    }
  }
}

}  // namespace relais::shell
