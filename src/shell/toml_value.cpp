#include "shell/toml_value.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/address_range.h"
#include "policy/ascii.h"

namespace relais::shell {
namespace {

using policy::equal_ignoring_case;

constexpr size_t kDigitsMax = 18;  // of a whole number in TOML

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.size() <= kDigitsMax &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// 007 is no number in TOML.
std::string without_zeros(std::string_view digits) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return fmt::format("{}{}", negative && digits != "0" ? "-" : "", digits);
}

std::string known_word(const std::string& text, const std::vector<std::string>& words) {
  const auto found = std::ranges::find_if(
      words, [&](const std::string& word) { return equal_ignoring_case(word, text); });
  return found == words.end() ? text : *found;
}

std::string trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

// "Tls, BasicAuth": Exchange takes flags so.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string> list_elements(const Value& value, const std::vector<std::string>& words) {
  std::vector<std::string> elements;
  for (const Value& element : to_list(value)) {
    const std::string text = to_text(element);
    if (words.empty()) {
      elements.push_back(config::toml_string(text));
      continue;
    }
    for (const std::string& part : split(text)) {
      elements.push_back(config::toml_string(known_word(part, words)));
    }
  }
  return elements;
}

std::string truth(const Value& value, const std::string& text) {
  if (const auto* given = value.as<bool>()) return *given ? "true" : "false";
  if (equal_ignoring_case(text, "true") || text == "1") return "true";
  if (equal_ignoring_case(text, "false") || text == "0") return "false";
  return config::toml_string(text);
}

std::string number(const std::string& text) {
  if (is_whole_number(text)) return without_zeros(text);
  return config::toml_string(equal_ignoring_case(text, "unlimited") ? "unlimited" : text);
}

// Also what Exchange prints: 36 MB (37,748,736 bytes).
std::string octets(const std::string& text) {
  std::string plain = text.substr(0, text.find('('));
  std::erase(plain, ' ');
  return number(plain);
}

// As ranges where both are ranges, so that 10.0.0.0/24 removes 10.0.0.5/24.
bool is_same(const std::string& a, const std::string& b) {
  if (equal_ignoring_case(a, b)) return true;
  const auto left = policy::AddressRange::parse_or_reason(a);
  const auto right = policy::AddressRange::parse_or_reason(b);
  return left && right && *left == *right;
}

}  // namespace

Written to_toml(const Value& value, Form form, const std::vector<std::string>& words) {
  if (value.is_null()) return {};
  if (form == Form::kList) {
    auto elements = list_elements(value, words);
    std::string list = config::toml_list(elements);
    return {std::move(list), std::move(elements)};
  }
  if (value.as<List>() != nullptr) {
    return {config::toml_list(list_elements(value, {})), {}};  // refused by the reader
  }
  const std::string text = to_text(value);
  switch (form) {
    case Form::kTruth:
      return {truth(value, text), {}};
    case Form::kCount:
      return {number(text), {}};
    case Form::kOctets:
      return {octets(text), {}};
    case Form::kDuration:
      return {config::toml_string(text == "0" ? "0s" : text), {}};
    default:
      return {config::toml_string(known_word(text, words)), {}};
  }
}

Value from_toml(const config::Value& value) {
  if (const auto* found = value.as<bool>()) return *found;
  if (const auto* found = value.as<int64_t>()) return *found;
  if (const auto* found = value.as<std::string>()) return *found;
  if (const auto* found = value.as<config::Array>()) {
    List list;
    for (const auto& element : *found) list.push_back(from_toml(element));
    return list;
  }
  return {};
}

const config::Value* find_key(const config::Table& table, std::string_view key) {
  const auto found = std::ranges::find(table, key, &config::Entry::key);
  return found == table.end() ? nullptr : &found->value;
}

std::expected<Value, std::string> add_and_remove(List current, const Pairs& changes,
                                                 std::vector<std::string>& not_there) {
  for (const auto& [name, value] : changes) {
    const bool removes = equal_ignoring_case(name, "Remove");
    if (!removes && !equal_ignoring_case(name, "Add")) {
      return std::unexpected(fmt::format("@{{{}=...}}: write @{{Add=...; Remove=...}}", name));
    }
    for (const Value& element : to_list(value)) {
      const std::string text = to_text(element);
      if (!removes) {
        current.emplace_back(text);
      } else if (std::erase_if(current,
                               [&](const Value& v) { return is_same(to_text(v), text); }) == 0) {
        not_there.push_back(text);
      }
    }
  }
  return Value(std::move(current));
}

void write_key(config::FileEdit& text, const config::FileEdit::Section& section,
               std::string_view key, const Written& written, Form form) {
  if (!written.value) {
    text.remove(section, key);
  } else if (form == Form::kList) {
    text.set_list(section, key, written.elements);
  } else {
    text.set(section, key, *written.value);
  }
}

}  // namespace relais::shell
