// Builds one JSON document (RFC 8259) with objects and arrays inside each other, for what a person
// asked for once; json_line.h is for the log. The key is left empty inside an array.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::admin {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& object(std::string_view key = {});
  JsonWriter& array(std::string_view key = {});
  JsonWriter& end();  // of the innermost
  JsonWriter& text(std::string_view key, std::string_view value);
  JsonWriter& number(std::string_view key, uint64_t value);
  JsonWriter& boolean(std::string_view key, bool value);

 private:
  void begin(std::string_view key);
  std::string& out_;
  std::string open_;  // '}' or ']' for each that is open
  bool first_ = true;
};

}  // namespace relais::admin
