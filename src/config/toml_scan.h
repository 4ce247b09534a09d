// Finds the ends of TOML's lexemes in a text that is known to be valid; for edit.cpp alone. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace relais::config {

[[nodiscard]] size_t skip_toml_blanks(std::string_view text, size_t at);    // spaces and tabs
[[nodiscard]] size_t end_of_line(std::string_view text, size_t at);         // at the line end
[[nodiscard]] size_t behind_line(std::string_view text, size_t at);         // behind the line end
[[nodiscard]] size_t behind_toml_string(std::string_view text, size_t at);  // stands at a quote
// Stands at the first character of a value; behind its last.
[[nodiscard]] size_t behind_toml_value(std::string_view text, size_t at);
// A key of one or several parts, quoted or not, up to '=' or ']'; the parts joined with dots.
[[nodiscard]] std::string take_toml_key(std::string_view text, size_t& at);

// The elements of a list that begins at `at` with '['.
struct TomlElement {
  size_t begin = 0;
  size_t end = 0;
};
struct TomlList {
  std::vector<TomlElement> elements;
  size_t close = 0;  // where the ']' stands
};
[[nodiscard]] TomlList scan_toml_list(std::string_view text, size_t at);

}  // namespace relais::config
