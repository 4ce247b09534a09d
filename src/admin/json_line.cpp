#include "admin/json_line.h"

#include <fmt/format.h>

#include <iterator>

namespace relais::admin {
namespace {

// Octets of the UTF-8 sequence at the front of `text` (RFC 3629), or 0 if there is no valid one.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto continues = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool overlong = lead == 0xe0 && at(1) < 0xa0;
    const bool surrogate = lead == 0xed && at(1) > 0x9f;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && at(1) < 0x90;
    const bool beyond = lead == 0xf4 && at(1) > 0x8f;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

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
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}

JsonLine& JsonLine::milliseconds(std::string_view name, int64_t nanoseconds) {
  key(name);
  fmt::format_to(std::back_inserter(out_), "{}.{:03}", nanoseconds / 1'000'000,
                 nanoseconds / 1'000 % 1'000);
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
