// Parameters that stand for keys of a section, written into the text of its file. The same for
// Receive connectors, Send connectors and accepted domains.
#pragma once

#include <expected>
#include <string>

#include "shell/change.h"
#include "shell/rows.h"
#include "shell/toml_value.h"

namespace relais::shell {

// The list as it is now, for @{Add=...}: that of the file, or the object's property.
[[nodiscard]] List current_list(const config::Value* written, const Value* property);

// Writes every argument that has a row. `present`: the section's keys as they are; `object`: it as
// an object, for lists that the file does not have; nullptr: it is new. Unexpected: what to say.
template <class Owner>
std::expected<void, std::string> write_arguments(const Call& call, Change& change,
                                                 std::span<const config::Parameter<Owner>> rows,
                                                 config::FileEdit& text,
                                                 const config::FileEdit::Section& section,
                                                 const config::Table& present,
                                                 const Object* object) {
  // In the order of the rows, which is the order of the documentation.
  for (const auto& row : rows) {
    if (!is_parameter(row)) continue;
    const std::string name = name_of(row);
    const Argument* argument = call.arguments.find(name);
    if (argument == nullptr) continue;
    const Value* given = call.arguments.value(name);
    if (given == nullptr) return std::unexpected("-" + name + " takes a value, not { }");
    Value value = *given;
    if (const auto* pairs = value.as<Pairs>()) {
      if (!row.is_list) return std::unexpected("-" + name + " is no list to add to");
      const Value* property = object == nullptr ? nullptr : object->find(name);
      std::vector<std::string> not_there;
      auto list =
          add_and_remove(current_list(find_key(present, row.key), property), *pairs, not_there);
      if (!list) return std::unexpected(list.error());
      for (const std::string& missing : not_there) {
        call.warn("'" + missing + "' is not in " + name + ", so it is not removed from it");
      }
      value = std::move(*list);
    }
    const Written written = to_toml(value, form_of(row), words_of(row.allowed));
    const auto before = text.value(section, row.key);
    write_key(text, section, row.key, written, form_of(row));
    note_change(change, row.key, before, text.value(section, row.key));
  }
  return {};
}

}  // namespace relais::shell
