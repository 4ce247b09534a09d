// Where content has lines that begin with a dot.
#pragma once

#include <cstring>
#include <string_view>

namespace relais::smtp {

// The first dot behind the front of `text` that begins a line; text.size(): there is none.
// `behind_cr`: what came before ends with CR.
[[nodiscard]] inline size_t next_dotted_line(std::string_view text, bool behind_cr) {
  if (behind_cr && text.starts_with("\n.")) return 1;
  constexpr std::string_view kDotted = "\r\n.";
  const void* found = memmem(text.data(), text.size(), kDotted.data(), kDotted.size());
  return found == nullptr ? text.size()
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data()) + 2;
}

}  // namespace relais::smtp
