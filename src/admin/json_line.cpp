#include "admin/json_line.h"

#include <fmt/format.h>

#include <iterator>

#include "base/decimal.h"
#include "base/utf8.h"

namespace relais::admin {
namespace {

bool is_plain(char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    const size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else if (static_cast<uint8_t>(c) < 0x80) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else if (length > 0) {
      out.append(text.substr(0, length));
    } else {
      out += "\\ufffd";
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  out += '"';
}

JsonLine::JsonLine(std::string& out) : out_(out) { out_ += '{'; }
JsonLine::~JsonLine() { out_ += "}\n"; }

void JsonLine::key(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  out_.append(1, '"').append(name).append("\":");
}

JsonLine& JsonLine::text(std::string_view name, std::string_view text) {
  key(name);
  append_json_text(out_, text);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, uint64_t number) {
  key(name);
  append_decimal(out_, number);
  return *this;
}

JsonLine& JsonLine::milliseconds(std::string_view name, int64_t nanoseconds) {
  key(name);
  if (nanoseconds < 0) out_ += '-';
  const uint64_t microseconds =
      static_cast<uint64_t>(nanoseconds < 0 ? -nanoseconds : nanoseconds) / 1'000;
  char text[24];
  char* end = put_decimal(text, microseconds / 1'000);
  *end++ = '.';
  out_.append(text, put_digits(end, static_cast<uint32_t>(microseconds % 1'000), 3));
  return *this;
}

JsonLine& JsonLine::texts(std::string_view name, std::span<const std::string_view> values) {
  key(name);
  out_ += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out_ += ',';
    append_json_text(out_, values[i]);
  }
  out_ += ']';
  return *this;
}

}  // namespace relais::admin
