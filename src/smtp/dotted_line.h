// Where content has lines that begin with a dot.
#pragma once

#include <cstddef>
#include <string_view>

namespace relais::smtp {

// The first dot behind the front of `text` that begins a line; text.size(): there is none.
// `behind_cr`: what came before ends with CR.
[[nodiscard]] inline size_t next_dotted_line(std::string_view text, bool behind_cr) {
  if (behind_cr && text.starts_with("\n.")) return 1;
  // Not memmem(), which looks at each octet of a text: find() goes from CR to CR with memchr().
  const size_t found = text.find("\r\n.");
  return found == std::string_view::npos ? text.size() : found + 2;
}

}  // namespace relais::smtp
