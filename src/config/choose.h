// One value of an enumeration by the name that policy gives it, for readers.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string_view>

#include "config/place.h"
#include "policy/ascii.h"

namespace relais::config {

// A value that exists in Exchange and not here.
struct Refused {
  std::string_view name;
  std::string_view why;
  Rule rule = Rule::kNotAllowed;
};

// The value whose name the string is, ignoring case; or nullopt after a report.
template <class Value>
std::optional<Value> choose(std::string_view text, const Place& place,
                            std::span<const Value> values, std::span<const Refused> refused = {}) {
  for (const Value value : values) {
    if (policy::equal_ignoring_case(text, name_of(value))) return value;
  }
  for (const Refused& entry : refused) {
    if (policy::equal_ignoring_case(text, entry.name)) {
      place.wrong(fmt::format("'{}': {}", text, entry.why), entry.rule);
      return std::nullopt;
    }
  }
  place.wrong(fmt::format("'{}' is not known", text));
  return std::nullopt;
}

}  // namespace relais::config
