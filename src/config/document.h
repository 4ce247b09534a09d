// A TOML file as a plain tree with line numbers. The only part of this program that knows the TOML
// library.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace relais::config {

struct Entry;
struct Value;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;  // in the order of the file

// What TOML has and we never take.
struct DateOrTime {
  std::string text;
};

struct Value {
  uint32_t line = 0;
  std::variant<bool, int64_t, double, std::string, Array, Table, DateOrTime> data;

  // The value as that type, or nullptr.
  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data);
  }
};

struct Entry {
  std::string key;
  uint32_t line = 0;
  Value value;
};

// Why a file could not become a tree. Line 0: the file as a whole.
struct DocumentError {
  uint32_t line = 0;
  std::string what;
};

[[nodiscard]] std::expected<Table, DocumentError> parse_document(std::string_view text);
[[nodiscard]] std::expected<Table, DocumentError> read_document(const std::string& path);

// What a person would call it: "a string ('abc')", "a whole number (42)", "a list of 3", "a table".
[[nodiscard]] std::string describe(const Value& value);

}  // namespace relais::config
