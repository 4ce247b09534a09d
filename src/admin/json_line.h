// Builds one line of JSON (RFC 8259), appended to a string. Our own because it is written for every
// message: no tree, no allocation. Octets that are not ASCII are passed on when the value is valid
// UTF-8 and replaced by U+FFFD when not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace relais::admin {

// A string in quotes.
void append_json_text(std::string& out, std::string_view text);

class JsonLine {
 public:
  // Opens the object; the destructor closes it and ends the line.
  explicit JsonLine(std::string& out);
  ~JsonLine();
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  JsonLine& text(std::string_view key, std::string_view value);
  JsonLine& number(std::string_view key, uint64_t value);
  JsonLine& milliseconds(std::string_view key, int64_t nanoseconds);  // with three decimals
  JsonLine& texts(std::string_view key, std::span<const std::string_view> values);

 private:
  void key(std::string_view name);
  std::string& out_;
  bool first_ = true;
};

}  // namespace relais::admin
