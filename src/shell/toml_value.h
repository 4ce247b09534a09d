// Values of the shell as values of a configuration file, and back. Pure. What cannot be a value of
// the wanted form becomes what the user wrote, as a string: the reader of the file then refuses it
// with the sentence that it has for the file.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/file_edit.h"
#include "shell/value.h"

namespace relais::shell {

enum class Form : uint8_t { kText, kTruth, kCount, kOctets, kDuration, kList };

// How a value stands in the file; nothing at all for $null.
struct Written {
  std::optional<std::string> value;   // in TOML's notation
  std::vector<std::string> elements;  // of Form::kList, in TOML's notation
};

// `words`: the values that are known; one that differs in case is written as it is known, and a
// list of them may be one text with commas.
[[nodiscard]] Written to_toml(const Value& value, Form form, const std::vector<std::string>& words);

[[nodiscard]] Value from_toml(const config::Value& value);
// The value under a key of a file, or nullptr.
[[nodiscard]] const config::Value* find_key(const config::Table& table, std::string_view key);

// @{Add=...; Remove=...} on a list. Unexpected: what to say.
[[nodiscard]] std::expected<Value, std::string> add_and_remove(List current, const Pairs& changes,
                                                               std::vector<std::string>& not_there);

// Puts it into the file's text.
void write_key(config::FileEdit& text, const config::FileEdit::Section& section,
               std::string_view key, const Written& written, Form form);

}  // namespace relais::shell
