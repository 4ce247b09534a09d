#include "config/file_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace relais::config {
namespace {

std::vector<const Entry*> by_key(const Table& table) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : table) entries.push_back(&entry);
  std::ranges::sort(entries, {}, &Entry::key);
  return entries;
}

bool is_same(const Value& a, const Value& b);

struct Same {
  bool operator()(double a, double b) const { return a == b || (std::isnan(a) && std::isnan(b)); }
  bool operator()(const DateOrTime& a, const DateOrTime& b) const { return a.text == b.text; }
  bool operator()(const Array& a, const Array& b) const {
    return std::ranges::equal(a, b, [](const Value& x, const Value& y) { return is_same(x, y); });
  }
  bool operator()(const Table& a, const Table& b) const { return config::is_same(a, b); }
  template <class T>
  bool operator()(const T& a, const T& b) const {
    return a == b;
  }
  template <class T, class U>
  bool operator()(const T&, const U&) const {
    return false;
  }
};

bool is_same(const Value& a, const Value& b) { return std::visit(Same(), a.data, b.data); }

Entry* find_entry(Table& table, std::string_view key) {
  const auto found = std::ranges::find(table, key, &Entry::key);
  return found == table.end() ? nullptr : &*found;
}

std::string written_as_list(std::string_view name) {
  return fmt::format("{} is written as one list; write its entries as [[{}]] tables first", name,
                     name);
}

}  // namespace

bool is_same(const Table& a, const Table& b) {
  return std::ranges::equal(by_key(a), by_key(b), [](const Entry* x, const Entry* y) {
    return x->key == y->key && is_same(x->value, y->value);
  });
}

FileEdit::FileEdit(std::string text, Table before)
    : text_(std::move(text)), before_(std::move(before)), wanted_(before_) {}

std::expected<FileEdit, DocumentError> FileEdit::of(std::string text) {
  auto table = parse_document(text);
  if (!table) return std::unexpected(std::move(table.error()));
  return FileEdit(std::move(text), std::move(*table));
}

Table* FileEdit::find(const Section& section) {
  if (section.name.empty()) return &wanted_;
  Entry* entry = find_entry(wanted_, section.name);
  if (entry == nullptr) return nullptr;
  if (auto* table = std::get_if<Table>(&entry->value.data)) {
    return section.index == 0 ? table : nullptr;
  }
  auto* tables = std::get_if<Array>(&entry->value.data);
  if (tables == nullptr || section.index >= tables->size()) return nullptr;
  return std::get_if<Table>(&(*tables)[section.index].data);
}

size_t FileEdit::count(std::string_view section) const {
  const auto found = std::ranges::find(wanted_, section, &Entry::key);
  const auto* tables = found == wanted_.end() ? nullptr : found->value.as<Array>();
  return tables == nullptr ? 0 : tables->size();
}

void FileEdit::object(uint32_t line, std::string what) {
  if (!objection_) objection_ = DocumentError{line, std::move(what)};
}

void FileEdit::note_form(const Section& section, std::string_view key) {
  const Entry* named = section.name.empty() ? nullptr : find_entry(wanted_, section.name);
  if (named != nullptr) {
    const auto* tables = named->value.as<Array>();
    if (tables != nullptr && text_.count(section.name) != tables->size()) {
      return object(named->line, written_as_list(section.name));
    }
    if (tables == nullptr && text_.count(section.name) != 1) {
      return object(named->line,
                    fmt::format("{} is written in another form than [{}]; write it so first",
                                section.name, section.name));
    }
  }
  Table* table = key.empty() ? nullptr : find(section);
  const Entry* entry = table == nullptr ? nullptr : find_entry(*table, key);
  if (entry != nullptr && !text_.value(section, key)) {
    object(entry->line,
           fmt::format("{} is not written in the form {} = ...; write it so first", key, key));
  }
}

void FileEdit::want(const Section& section, std::string_view key, std::string_view value) {
  note_form(section, key);
  auto parsed = parse_document(fmt::format("x = {}", value));
  if (!parsed || parsed->size() != 1) {
    is_impossible_ = true;
    return object(
        0, fmt::format("{}: {}", key, parsed ? std::string("no value") : parsed.error().what));
  }
  Table* table = find(section);
  if (table == nullptr) {
    wanted_.push_back({section.name, 0, Value{0, Table()}});
    table = find(section);
  }
  if (table == nullptr) {  // the name stands for something else
    is_impossible_ = true;
    return object(0, fmt::format("{} is no table", section.name));
  }
  Value& wanted = parsed->front().value;
  if (Entry* entry = find_entry(*table, key)) {
    entry->value = std::move(wanted);
  } else {
    table->push_back({std::string(key), 0, std::move(wanted)});
  }
}

void FileEdit::set(const Section& section, std::string_view key, std::string_view value) {
  want(section, key, value);
  text_.set(section, key, value);
}

void FileEdit::set_list(const Section& section, std::string_view key,
                        const std::vector<std::string>& elements) {
  want(section, key, toml_list(elements));
  text_.set_list(section, key, elements);
}

void FileEdit::remove(const Section& section, std::string_view key) {
  note_form(section, key);
  if (Table* table = find(section)) {
    std::erase_if(*table, [&](const Entry& entry) { return entry.key == key; });
  }
  text_.remove(section, key);
}

void FileEdit::append_table(std::string_view name, const Keys& keys) {
  const Section section{std::string(name), count(name)};
  note_form(section, {});
  if (find_entry(wanted_, name) == nullptr) {
    wanted_.push_back({section.name, 0, Value{0, Array()}});
  }
  if (auto* tables = std::get_if<Array>(&find_entry(wanted_, name)->value.data)) {
    tables->push_back(Value{0, Table()});
  } else {
    is_impossible_ = true;
    object(find_entry(wanted_, name)->line,
           fmt::format("{} is one table; write it as [[{}]] first", name, name));
  }
  for (const auto& [key, value] : keys) want(section, key, value);
  // What it refuses is missing from the text then, and so not taken as the result.
  if (auto appended = text_.append_table(name, keys); !appended) object(0, appended.error());
}

void FileEdit::remove_table(const Section& section) {
  note_form(section, {});
  Entry* entry = find_entry(wanted_, section.name);
  auto* tables = entry == nullptr ? nullptr : std::get_if<Array>(&entry->value.data);
  if (tables == nullptr || section.index >= tables->size()) {
    is_impossible_ = true;
    return object(0, fmt::format("there is no [[{}]] of this number", section.name));
  }
  tables->erase(tables->begin() + static_cast<ptrdiff_t>(section.index));
  if (tables->empty()) {
    std::erase_if(wanted_, [&](const Entry& other) { return other.key == section.name; });
  }
  text_.remove_table(section);
}

bool FileEdit::is_changed() const { return is_impossible_ || !is_same(before_, wanted_); }

std::expected<std::string, DocumentError> FileEdit::result() const {
  const auto made = parse_document(text_.text());
  if (!is_impossible_ && made && is_same(*made, wanted_)) return text_.text();
  if (objection_) return std::unexpected(*objection_);
  return std::unexpected(DocumentError{
      0, "the file is written in a form that this change cannot be made in; make it by hand"});
}

}  // namespace relais::config
