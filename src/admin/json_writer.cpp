#include "admin/json_writer.h"

#include "admin/json_line.h"

namespace relais::admin {

void JsonWriter::begin(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  if (key.empty()) return;
  append_json_text(out_, key);
  out_ += ':';
}

JsonWriter& JsonWriter::object(std::string_view key) {
  begin(key);
  out_ += '{';
  open_ += '}';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::array(std::string_view key) {
  begin(key);
  out_ += '[';
  open_ += ']';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end() {
  out_ += open_.back();
  open_.pop_back();
  first_ = false;
  if (open_.empty()) out_ += '\n';
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view key, std::string_view value) {
  begin(key);
  append_json_text(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(std::string_view key, uint64_t value) {
  begin(key);
  out_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::boolean(std::string_view key, bool value) {
  begin(key);
  out_.append(value ? "true" : "false");
  return *this;
}

}  // namespace relais::admin
