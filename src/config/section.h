// Reads one section by its rows: known keys, types, ranges, required keys. The checks that are the
// same for every parameter stand here once.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/drafts.h"
#include "config/nearest.h"
#include "config/parameter.h"
#include "config/values.h"

namespace relais::config {

template <class Owner>
std::string print_number(const Parameter<Owner>& row, uint64_t number) {
  if (std::holds_alternative<Duration Owner::*>(row.target)) {
    return print_duration({static_cast<int64_t>(number)});
  }
  if (row.may_be_unlimited && number == UINT32_MAX) return "unlimited";
  return row.unit == Unit::kOctets ? print_size(number) : std::to_string(number);
}

// Completes "Write ...".
template <class Owner>
std::string allowed_text(const Parameter<Owner>& row) {
  if (!row.allowed.empty()) return std::string(row.allowed);
  if (std::holds_alternative<bool Owner::*>(row.target)) return "true or false";
  if (std::holds_alternative<std::string Owner::*>(row.target)) return "a string";
  const std::string from_to =
      fmt::format("from {} to {}", print_number(row, row.min), print_number(row, row.max));
  if (std::holds_alternative<Duration Owner::*>(row.target)) {
    return fmt::format("a duration {}, such as \"90s\", \"5m\" or \"00:05:00\"", from_to);
  }
  if (row.unit == Unit::kOctets) {
    return fmt::format("a size {}, in octets or as in \"64KB\" or \"36MB\"", from_to);
  }
  return fmt::format("a whole number {}{}", from_to,
                     row.may_be_unlimited ? ", or \"unlimited\"" : "");
}

// The value of a number, size or duration, or nullopt after a report.
template <class Owner>
std::optional<uint64_t> read_number(const Parameter<Owner>& row, const Value& value,
                                    const Place& place) {
  const bool is_duration = std::holds_alternative<Duration Owner::*>(row.target);
  std::optional<uint64_t> number;
  std::string shown;
  if (const auto* text = value.as<std::string>()) {
    if (row.may_be_unlimited && *text == "unlimited") return UINT32_MAX;
    if (is_duration) {
      const auto duration = parse_duration(*text);
      if (duration) number = static_cast<uint64_t>(duration->ns);
    } else if (row.unit == Unit::kOctets) {
      number = parse_size(*text);
    }
    if (!number && (is_duration || row.unit == Unit::kOctets)) {
      place.wrong(fmt::format("'{}' is no {}", *text, is_duration ? "duration" : "size"));
      return std::nullopt;
    }
    shown = fmt::format("'{}'", *text);
  } else if (const auto* whole = value.as<int64_t>(); whole != nullptr && !is_duration) {
    shown = std::to_string(*whole);
    // A negative number becomes a huge one and fails the range check under its own name.
    number = static_cast<uint64_t>(*whole);
  }
  if (!number) {
    place.wrong_type(value);
    return std::nullopt;
  }
  if (*number < row.min || *number > row.max) {
    place.wrong(shown + " is out of range", Rule::kOutOfRange);
    return std::nullopt;
  }
  return number;
}

template <class Owner>
void read_value(const Parameter<Owner>& row, const Value& value, const Place& place, Owner& owner) {
  std::visit(
      [&](auto target) {
        using T = decltype(target);
        if constexpr (std::is_same_v<T, Reader<Owner>>) {
          target(value, place, owner);
        } else {
          using Member = std::remove_reference_t<decltype(owner.*target)>;
          if constexpr (std::is_same_v<Member, bool> || std::is_same_v<Member, std::string>) {
            const auto* found = value.as<Member>();
            if (found != nullptr) {
              owner.*target = *found;
            } else {
              place.wrong_type(value);
            }
          } else if (const auto number = read_number(row, value, place)) {
            if constexpr (std::is_same_v<Member, Duration>) {
              owner.*target = Duration{static_cast<int64_t>(*number)};
            } else {
              owner.*target = static_cast<Member>(*number);
            }
          }
        }
      },
      row.target);
}

template <class Owner>
std::vector<std::string_view> keys_of(std::span<const Parameter<Owner>> rows) {
  std::vector<std::string_view> keys;
  for (const auto& row : rows) keys.push_back(row.key);
  return keys;
}

void report_unknown_key(const Place& place, const std::string& key,
                        const std::vector<std::string_view>& known);

// `place` stands at the section; returns where its keys stood.
template <class Owner>
KeyLines read_section(std::span<const Parameter<Owner>> rows, const Table& table,
                      const Place& place, Owner& owner) {
  KeyLines lines{place.line(), {}};
  for (const Entry& entry : table) {
    const auto row = std::ranges::find(rows, entry.key, &Parameter<Owner>::key);
    if (row == rows.end()) {
      report_unknown_key(place.key(entry.key, entry.line), entry.key, keys_of(rows));
      continue;
    }
    lines.lines.emplace_back(row->key, entry.line);
    read_value(*row, entry.value, place.key(entry.key, entry.line, allowed_text(*row)), owner);
  }
  for (const auto& row : rows) {
    if (row.required && !lines.has(row.key)) {
      place.key(row.key, place.line(), allowed_text(row)).wrong("is missing", Rule::kMissing);
    }
  }
  return lines;
}

// One [table]; returns where its keys stood.
template <class Owner>
KeyLines read_table(std::span<const Parameter<Owner>> rows, const Value& value, const Place& place,
                    Owner& owner) {
  if (const auto* table = value.as<Table>()) {
    return read_section(rows, *table, place.at_line(value.line), owner);
  }
  place.wrong_type(value);
  return {place.line(), {}};
}

// Every [[table]] of a list.
template <class Owner>
std::vector<Owner> read_tables(std::span<const Parameter<Owner>> rows, const Value& value,
                               const Place& place) {
  std::vector<Owner> owners;
  const auto* array = value.as<Array>();
  if (array == nullptr) {
    place.wrong_type(value);
    return owners;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const Value& element = (*array)[i];
    Owner& owner = owners.emplace_back();
    owner.lines = read_table(rows, element, place.element(i, element.line), owner);
  }
  return owners;
}

}  // namespace relais::config
