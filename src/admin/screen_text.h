// Text in columns of a terminal: how wide it is there, and cut or filled up to a width. Names are
// UTF-8; what is none, and what would move the cursor, becomes '?'. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relais::admin {

// Columns that a terminal uses for it: 2 for East Asian wide characters and most emoji, 0 for marks
// that combine (Unicode's UAX #11 and general category Mn, coarsely).
[[nodiscard]] size_t screen_width(std::string_view text);
// Exactly `width` columns: cut with a '~' at its end, or filled with spaces.
[[nodiscard]] std::string fit_left(std::string_view text, size_t width);
// The same, text at the right.
[[nodiscard]] std::string fit_right(std::string_view text, size_t width);
// At most `width` columns, without filling.
[[nodiscard]] std::string cut(std::string_view text, size_t width);

}  // namespace relais::admin
