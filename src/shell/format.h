// Objects as text, in PowerShell's looks. Pure. Nothing is cut to the width of a window: what a
// script reads must not depend on it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shell/value.h"

namespace relais::shell {

// The properties that the patterns name, in the order of the patterns; all when there is none. What
// nobody has is an empty property, unless the pattern has a wildcard.
[[nodiscard]] Objects select_properties(const Objects& objects,
                                        const std::vector<std::string>& patterns);

// "Name : value" lines, names padded to the longest, an empty line around each object.
[[nodiscard]] std::string format_list(const Objects& objects);
// A header, dashes, a row an object; columns as wide as what is in them.
[[nodiscard]] std::string format_table(const Objects& objects);
// What an object looks like when nobody has asked for a form.
[[nodiscard]] std::string format_default(const Objects& objects);
// An object, or an array of several.
[[nodiscard]] std::string format_json(const Objects& objects, bool compress);

// One value, compact.
[[nodiscard]] std::string to_json(const Value& value);

}  // namespace relais::shell
