// An edit that is held against what was meant by it. Each step is done twice: on the file's text,
// and on the tree that config's own reader makes of it. The text counts only when the reader makes
// exactly the wanted tree of it, so an edit is never lost and never touches more than was asked,
// however the file is written. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/edit.h"

namespace relais::config {

class FileEdit {
 public:
  using Section = TomlText::Section;
  using Keys = TomlText::Keys;

  // Unexpected: the text is no TOML.
  [[nodiscard]] static std::expected<FileEdit, DocumentError> of(std::string text);

  // The steps are those of TomlText.
  void set(const Section& section, std::string_view key, std::string_view value);
  void set_list(const Section& section, std::string_view key,
                const std::vector<std::string>& elements);
  void remove(const Section& section, std::string_view key);
  void append_table(std::string_view name, const Keys& keys);
  void remove_table(const Section& section);

  // As it is written, or nullopt.
  [[nodiscard]] std::optional<std::string> value(const Section& section,
                                                 std::string_view key) const {
    return text_.value(section, key);
  }
  [[nodiscard]] size_t count(std::string_view section) const;
  // Whether what was asked for differs from what the file says.
  [[nodiscard]] bool is_changed() const;
  // The text after all steps. Unexpected: it does not say what was meant, and what has to be
  // rewritten by hand first.
  [[nodiscard]] std::expected<std::string, DocumentError> result() const;

 private:
  FileEdit(std::string text, Table before);

  Table* find(const Section& section);
  // Looks at the file before the step: can it be done in the form that this is written in?
  void note_form(const Section& section, std::string_view key);
  void want(const Section& section, std::string_view key, std::string_view value);
  void object(uint32_t line, std::string what);

  TomlText text_;
  Table before_;
  Table wanted_;
  std::optional<DocumentError> objection_;  // the first; counts only when the result is not meant
  bool is_impossible_ = false;              // a value that is none
};

// Without a look at lines and at the order of keys.
[[nodiscard]] bool is_same(const Table& a, const Table& b);

}  // namespace relais::config
