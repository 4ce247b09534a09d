#include "shell/section_object.h"

#include "policy/ascii.h"

namespace relais::shell {

std::vector<config::Table> tables_of(const Folder& folder, std::string_view name) {
  std::vector<config::Table> tables;
  const config::Table main = folder.table(kMainFile);
  const config::Value* value = find_key(main, name);
  const auto* array = value == nullptr ? nullptr : value->as<config::Array>();
  if (array == nullptr) return tables;
  for (const config::Value& element : *array) {
    const auto* table = element.as<config::Table>();
    tables.push_back(table == nullptr ? config::Table{} : *table);
  }
  return tables;
}

std::string text_under(const config::Table& table, std::string_view key) {
  const config::Value* value = find_key(table, key);
  return value == nullptr ? std::string() : to_text(from_toml(*value));
}

std::optional<size_t> find_table(const std::vector<config::Table>& tables, std::string_view key,
                                 std::string_view text) {
  for (size_t i = 0; i < tables.size(); ++i) {
    if (!text.empty() && policy::equal_ignoring_case(text_under(tables[i], key), text)) return i;
  }
  return std::nullopt;
}

}  // namespace relais::shell
