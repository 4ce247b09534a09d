#include "config/edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/document.h"
#include "config/toml_scan.h"

namespace relais::config {
namespace {

bool is_blank(std::string_view text, size_t begin, size_t end) {
  return skip_toml_blanks(text, begin) >= end;
}

size_t begin_of_line(std::string_view text, size_t at) {
  return at == 0 ? 0 : text.rfind('\n', at - 1) + 1;  // npos + 1 is 0
}

// An element as toml_string writes it, so that 'a' and "a" are the same.
std::string in_our_notation(std::string element) {
  const bool may_differ =
      element.find_first_of("'\\") != std::string::npos || element.starts_with("\"\"\"");
  if (!may_differ) return element;
  const auto table = parse_document(fmt::format("x = {}", element));
  const auto* text = table && table->size() == 1 ? table->front().value.as<std::string>() : nullptr;
  return text == nullptr ? element : toml_string(*text);
}

// Where the edited list differs from the written one, element by element.
struct ListChange {
  std::vector<size_t> gone;        // indices of written elements
  std::vector<std::string> added;  // at the end
};

// nullopt: the order of what stays has changed, so the list has to be written anew.
std::optional<ListChange> change_of(const std::vector<std::string>& before,
                                    const std::vector<std::string>& after) {
  ListChange change;
  size_t next = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (next < after.size() && after[next] == before[i]) {
      ++next;
    } else if (std::find(after.begin() + static_cast<ptrdiff_t>(next), after.end(), before[i]) ==
               after.end()) {
      change.gone.push_back(i);
    } else {
      return std::nullopt;
    }
  }
  change.added.assign(after.begin() + static_cast<ptrdiff_t>(next), after.end());
  return change;
}

}  // namespace

std::string toml_string(std::string_view text) {
  const bool has_control =
      std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  const bool needs_escape = text.find_first_of("\"\\") != std::string_view::npos;
  std::string out;
  if (!has_control && needs_escape && text.find('\'') == std::string_view::npos) {
    out += '\'';
    out += text;
    return out += '\'';
  }
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if ((c >= 0 && c < ' ') || c == 127) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string toml_list(const std::vector<std::string>& elements) {
  std::string out(1, '[');
  for (const std::string& element : elements) {
    if (out.size() > 1) out += ", ";
    out += element;
  }
  return out += ']';
}

TomlText::TomlText(std::string text) : text_(std::move(text)) {
  if (text_.starts_with("\xEF\xBB\xBF")) start_ = 3;
  line_end_ = text_.find("\r\n") != std::string::npos ? "\r\n" : "\n";
  scan();
}

void TomlText::scan() {
  items_.clear();
  for (size_t at = start_; at < text_.size();) {
    Item item;
    item.begin = at;
    at = skip_toml_blanks(text_, at);
    if (at >= text_.size()) break;
    if (text_[at] == '\n' || text_[at] == '\r' || text_[at] == '#') {
      at = behind_line(text_, at);
      continue;
    }
    if (text_[at] == '[') {
      item.is_header = true;
      item.is_array = text_.compare(at, 2, "[[") == 0;
      at += item.is_array ? 2 : 1;
      item.name = take_toml_key(text_, at);
    } else {
      item.name = take_toml_key(text_, at);
      if (at < text_.size() && text_[at] == '=') at = skip_toml_blanks(text_, at + 1);
      item.value_begin = at;
      at = item.value_end = behind_toml_value(text_, at);
    }
    at = item.end = behind_line(text_, at);
    items_.push_back(std::move(item));
  }
}

size_t TomlText::count(std::string_view section) const {
  return static_cast<size_t>(std::ranges::count_if(
      items_, [&](const Item& item) { return item.is_header && item.name == section; }));
}

std::optional<TomlText::Span> TomlText::find(const Section& section) const {
  size_t first = 0;
  if (!section.name.empty()) {
    size_t index = 0;
    while (first < items_.size()) {
      const Item& item = items_[first++];
      if (item.is_header && item.name == section.name && index++ == section.index) break;
      if (first == items_.size()) return std::nullopt;
    }
    if (items_.empty()) return std::nullopt;
  }
  size_t last = first;
  while (last < items_.size() && !items_[last].is_header) ++last;
  return Span{first, last};
}

const TomlText::Item* TomlText::find(const Section& section, std::string_view key) const {
  const auto span = find(section);
  if (!span) return nullptr;
  for (size_t i = span->first; i < span->last; ++i) {
    if (items_[i].name == key) return &items_[i];
  }
  return nullptr;
}

std::optional<std::string> TomlText::value(const Section& section, std::string_view key) const {
  const Item* item = find(section, key);
  if (item == nullptr) return std::nullopt;
  return text_.substr(item->value_begin, item->value_end - item->value_begin);
}

void TomlText::replace(size_t begin, size_t end, std::string_view with) {
  text_.replace(begin, end - begin, with);
  scan();
}

// Behind the last key of the section, or its header. At the top of a file without keys: behind the
// comment that the file begins with.
size_t TomlText::place_for_key(const Span& span) const {
  if (span.last > 0) return items_[span.last - 1].end;
  size_t at = start_;
  while (at < text_.size() && text_[skip_toml_blanks(text_, at)] == '#') {
    at = behind_line(text_, at);
  }
  return at;
}

void TomlText::set(const Section& section, std::string_view key, std::string_view value) {
  if (const Item* item = find(section, key)) {
    replace(item->value_begin, item->value_end, value);
    return;
  }
  const std::string line = fmt::format("{} = {}{}", key, value, line_end_);
  const auto span = find(section);
  if (!span) {
    append(fmt::format("[{}]{}{}", section.name, line_end_, line));
    return;
  }
  const size_t at = place_for_key(*span);
  const bool unended = at > start_ && text_[at - 1] != '\n';  // the last line of the file
  std::string block = unended ? line_end_ : std::string();
  block += line;
  // A comment or a header that follows the first key of a file stands apart from it.
  if (span->last == span->first && section.name.empty() && at < text_.size() &&
      !is_blank(text_, at, end_of_line(text_, at))) {
    block += line_end_;
  }
  replace(at, at, block);
}

void TomlText::set_list(const Section& section, std::string_view key,
                        const std::vector<std::string>& elements) {
  const Item* item = find(section, key);
  const bool is_multi_line = item != nullptr && text_[item->value_begin] == '[' &&
                             !elements.empty() &&
                             std::string_view(text_)
                                     .substr(item->value_begin, item->value_end - item->value_begin)
                                     .find('\n') != std::string_view::npos;
  if (!is_multi_line) return set(section, key, toml_list(elements));
  const TomlList written = scan_toml_list(text_, item->value_begin);
  std::vector<std::string> before;
  std::vector<size_t> lines;  // where the line of each begins
  for (const auto& element : written.elements) {
    before.push_back(in_our_notation(text_.substr(element.begin, element.end - element.begin)));
    lines.push_back(begin_of_line(text_, element.begin));
  }
  const auto change = change_of(before, elements);
  const bool one_a_line = !lines.empty() && lines.front() > item->value_begin &&
                          std::ranges::adjacent_find(lines) == lines.end() &&
                          begin_of_line(text_, written.close) > written.elements.back().end;
  if (!change || !one_a_line || change->gone.size() == before.size()) {
    return set(section, key, toml_list(elements));
  }
  // From the end, so that the offsets in front stay good.
  std::string block;
  const size_t indent_end = written.elements.front().begin;
  const std::string indent = text_.substr(lines.front(), indent_end - lines.front());
  for (const std::string& element : change->added) {
    block += fmt::format("{}{},{}", indent, element, line_end_);
  }
  const size_t last_end = written.elements.back().end;
  text_.insert(behind_line(text_, last_end), block);
  const bool needs_comma = text_[skip_toml_blanks(text_, last_end)] != ',';
  if (needs_comma && !change->added.empty()) text_.insert(last_end, 1, ',');
  for (size_t i = change->gone.size(); i-- > 0;) {
    const size_t begin = lines[change->gone[i]];
    text_.erase(begin, behind_line(text_, written.elements[change->gone[i]].end) - begin);
  }
  scan();
}

bool TomlText::remove(const Section& section, std::string_view key) {
  const Item* item = find(section, key);
  if (item == nullptr) return false;
  replace(item->begin, item->end, {});
  return true;
}

void TomlText::append(std::string_view block) {
  if (!text_.empty() && text_.back() != '\n') text_ += line_end_;
  const bool apart = text_.empty() || text_.ends_with("\n\n") || text_.ends_with("\n\r\n");
  if (!apart) text_ += line_end_;
  text_ += block;
  scan();
}

std::expected<void, std::string> TomlText::append_table(std::string_view name, const Keys& keys) {
  if (find(Section{}, name) != nullptr) {
    return std::unexpected(
        fmt::format("{} is written as a list of the form {} = [...]; write its entries as [[{}]] "
                    "tables first",
                    name, name, name));
  }
  std::string block = fmt::format("[[{}]]{}", name, line_end_);
  for (const auto& [key, value] : keys) {
    block += fmt::format("{} = {}{}", key, value, line_end_);
  }
  append(block);
  return {};
}

bool TomlText::remove_table(const Section& section) {
  const auto span = find(section);
  if (!span || section.name.empty()) return false;
  const std::string below = fmt::format("{}.", section.name);  // [name.sub] belongs to it
  size_t last = span->last;
  while (last < items_.size() && items_[last].is_header && items_[last].name.starts_with(below)) {
    ++last;
    while (last < items_.size() && !items_[last].is_header) ++last;
  }
  size_t begin = items_[span->first - 1].begin;
  size_t end = items_[last - 1].end;
  // One of the empty lines that stood around it goes with it.
  const size_t before = begin == 0 ? 0 : begin_of_line(text_, begin - 1);
  if (begin > 0 && is_blank(text_, before, end_of_line(text_, before))) {
    begin = before;
  } else if (end < text_.size() && is_blank(text_, end, end_of_line(text_, end))) {
    end = behind_line(text_, end);
  }
  replace(begin, end, {});
  return true;
}

}  // namespace relais::config
