#include "config/toml_scan.h"

#include <algorithm>

namespace relais::config {
namespace {

// Blanks, line ends and comments inside brackets.
size_t skip_filling(std::string_view text, size_t at) {
  while (at < text.size()) {
    if (text[at] == '#') {
      at = end_of_line(text, at);
    } else if (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
      ++at;
    } else {
      break;
    }
  }
  return at;
}

size_t behind_brackets(std::string_view text, size_t at) {
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '#') {
      at = end_of_line(text, at);
    } else if (c == '"' || c == '\'') {
      at = behind_toml_string(text, at);
    } else {
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && --depth == 0) return at + 1;
      ++at;
    }
  }
  return text.size();
}

}  // namespace

size_t skip_toml_blanks(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

size_t end_of_line(std::string_view text, size_t at) {
  const size_t end = std::min(text.find('\n', at), text.size());
  return end > at && end < text.size() && text[end - 1] == '\r' ? end - 1 : end;
}

size_t behind_line(std::string_view text, size_t at) {
  const size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

size_t behind_toml_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string triple(3, quote);
  if (text.substr(at).starts_with(triple)) {
    size_t end = at + 3;
    while (end < text.size() && !text.substr(end).starts_with(triple)) {
      end += quote == '"' && text[end] == '\\' ? 2 : 1;
    }
    end = std::min(end + 3, text.size());
    // Up to two more quotes belong to the text: """a"""""
    while (end < text.size() && text[end] == quote) ++end;
    return end;
  }
  size_t end = at + 1;
  while (end < text.size() && text[end] != quote && text[end] != '\n') {
    end += quote == '"' && text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

size_t behind_toml_value(std::string_view text, size_t at) {
  if (at >= text.size()) return at;
  if (text[at] == '"' || text[at] == '\'') return behind_toml_string(text, at);
  if (text[at] == '[' || text[at] == '{') return behind_brackets(text, at);
  size_t end = at;
  while (end < text.size() && std::string_view(",]}#\r\n").find(text[end]) == text.npos) ++end;
  while (end > at && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  return end;
}

std::string take_toml_key(std::string_view text, size_t& at) {
  std::string key;
  while (at < text.size()) {
    at = skip_toml_blanks(text, at);
    if (at >= text.size() || text[at] == '=' || text[at] == ']' || text[at] == '\n') break;
    if (text[at] == '"' || text[at] == '\'') {
      const size_t end = behind_toml_string(text, at);
      key += text.substr(at + 1, end - at - 2);
      at = end;
    } else {
      key += text[at++];
    }
  }
  return key;
}

TomlList scan_toml_list(std::string_view text, size_t at) {
  TomlList list;
  ++at;
  while (true) {
    at = skip_filling(text, at);
    if (at >= text.size() || text[at] == ']') break;
    if (text[at] == ',') {
      ++at;
      continue;
    }
    const size_t end = behind_toml_value(text, at);
    if (end == at) break;  // not TOML; nothing here loops
    list.elements.push_back({at, end});
    at = end;
  }
  list.close = at;
  return list;
}

}  // namespace relais::config
