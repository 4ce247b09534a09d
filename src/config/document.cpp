#include "config/document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace relais::config {
namespace {

constexpr uint32_t kDotsMax = 1000;  // in a row without a quote, an equals sign or a line end

Value convert(const toml::node& node);

Array convert_array(const toml::array& array) {
  Array values;
  values.reserve(array.size());
  for (const auto& element : array) values.push_back(convert(element));
  return values;
}

// The library sorts a table by key; the lines bring back the order of the file.
Table convert_table(const toml::table& table) {
  Table entries;
  entries.reserve(table.size());
  for (const auto& [key, node] : table) {
    entries.push_back({std::string(key.str()), key.source().begin.line, convert(node)});
  }
  std::ranges::stable_sort(entries, {}, &Entry::line);
  return entries;
}

std::string text_of(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

Value convert(const toml::node& node) {
  Value value;
  value.line = node.source().begin.line;
  switch (node.type()) {
    case toml::node_type::boolean:
      value.data = node.as_boolean()->get();
      break;
    case toml::node_type::integer:
      value.data = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      value.data = node.as_floating_point()->get();
      break;
    case toml::node_type::string:
      value.data = node.as_string()->get();
      break;
    case toml::node_type::array:
      value.data = convert_array(*node.as_array());
      break;
    case toml::node_type::table:
      value.data = convert_table(*node.as_table());
      break;
    default:
      value.data = DateOrTime{text_of(node)};
      break;
  }
  return value;
}

}  // namespace

std::expected<Table, DocumentError> parse_document(std::string_view text) {
  // The library takes a dotted key apart by recursion, and would run out of stack.
  uint32_t line = 1;
  uint32_t dots = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    dots = c == '\n' || c == '=' || c == '"' || c == '\'' ? 0 : dots + (c == '.' ? 1 : 0);
    if (dots > kDotsMax) return std::unexpected(DocumentError{line, "a key with so many parts"});
  }
  try {
    return convert_table(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        DocumentError{error.source().begin.line, std::string(error.description())});
  }
}

std::expected<Table, DocumentError> read_document(const std::string& path) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  // A FIFO or a device would block us or never end.
  if (!failed && std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return std::unexpected(DocumentError{0, "is no regular file"});
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return std::unexpected(
        DocumentError{0, fmt::format("cannot be read: {}", std::strerror(errno))});
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return std::unexpected(DocumentError{0, "cannot be read to its end"});
  return parse_document(text);
}

std::string describe(const Value& value) {
  struct Visitor {
    std::string operator()(bool found) const { return found ? "true" : "false"; }
    std::string operator()(int64_t found) const {
      return fmt::format("a whole number ({})", found);
    }
    std::string operator()(double found) const { return fmt::format("a number ({})", found); }
    std::string operator()(const std::string& found) const {
      return fmt::format("a string ('{}')", found);
    }
    std::string operator()(const Array& found) const {
      return fmt::format("a list of {}", found.size());
    }
    std::string operator()(const Table&) const { return "a table"; }
    std::string operator()(const DateOrTime& found) const {
      return fmt::format("a date or time ({})", found.text);
    }
  };
  return std::visit(Visitor{}, value.data);
}

}  // namespace relais::config
