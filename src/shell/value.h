// What flows through a pipeline: objects, ordered lists of named values, each value with the type
// that decides how it is printed, compared and sorted. Pure; nothing here fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace relais::shell {

struct Value;
using List = std::vector<Value>;
using Pairs = std::vector<std::pair<std::string, Value>>;  // @{Add = ...; Remove = ...}

struct Octets {
  uint64_t count = 0;
  friend bool operator==(const Octets&, const Octets&) = default;
};

struct Value {
  std::variant<std::monostate, bool, int64_t, std::string, Octets, Duration, List, Pairs> data;

  Value() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Value>) Value(T&& value)
      : data(std::forward<T>(value)) {}  // NOLINT: a value is its datum

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data);
  }
  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data); }
};

// A list as it is, one value as a list of one, null as an empty list.
[[nodiscard]] List to_list(const Value& value);
// As PowerShell shows it: True, 36 MB (37,748,736 bytes), 00:10:00, {a, b}; null is empty.
// `elements_max`: of a list; the rest is "...".
[[nodiscard]] std::string to_text(const Value& value, size_t elements_max = SIZE_MAX);
// What counts as true in a condition: all but null, false, 0, "" and {}.
[[nodiscard]] bool is_true(const Value& value);

// -1, 0, 1, or nullopt when the two cannot be brought to the type of the left one. Case does not
// matter.
[[nodiscard]] std::optional<int> compare(const Value& left, const Value& right);

// What has a default view of its own.
enum class Kind : uint8_t {
  kPlain,  // a table of up to four properties, else a list
  kList,
  kReceiveConnector,
  kSendConnector,
  kAcceptedDomain,
  kPermission,
  kCommand,
  kScalar,  // one value, which has no name
};

struct Object {
  Kind kind = Kind::kPlain;
  Pairs properties;

  Object& add(std::string name, Value value) {
    properties.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  // Case does not matter. nullptr: there is none.
  [[nodiscard]] const Value* find(std::string_view name) const;
};
using Objects = std::vector<Object>;

// "*" and "?" and [a-z], the whole text, case does not matter.
[[nodiscard]] bool matches_wildcard(std::string_view text, std::string_view pattern);
[[nodiscard]] bool has_wildcard(std::string_view text);

}  // namespace relais::shell
