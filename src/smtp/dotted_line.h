// Where content has lines that begin with a dot.
#pragma once

#include <cstddef>
#include <string_view>

namespace relais::smtp {

// The first dot behind the front of `text` that begins a line; text.size(): there is none.
// `behind_cr`: what came before ends with CR.
[[nodiscard]] size_t next_dotted_line(std::string_view text, bool behind_cr);

}  // namespace relais::smtp
