#include "smtp/header_scan.h"

#include <cstring>
#include <string_view>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {
constexpr std::string_view kName = "received";
}

// Blanks before the colon are obsolete syntax that receivers must take (RFC 5322 4.5.8).
void HeaderScan::octet_of_name(char c) {
  if (column_ < kName.size()) {
    matching_ = to_lower(c) == kName[column_];
  } else if (c == ':') {
    ++received_;
    matching_ = false;
  } else {
    matching_ = is_blank(c);
  }
}

void HeaderScan::scan(std::span<const char> content) {
  size_t i = 0;
  while (!done_ && i < content.size()) {
    if (!matching_ && !last_was_cr_) {
      // Nothing in the rest of this line matters except its end.
      const void* cr = std::memchr(content.data() + i, '\r', content.size() - i);
      const size_t next =
          cr ? static_cast<size_t>(static_cast<const char*>(cr) - content.data()) : content.size();
      i = next;
      if (i == content.size()) break;
    }
    const char c = content[i++];
    if (c == '\n' && last_was_cr_) {
      done_ = column_ == 1;  // only the CR
      column_ = 0;
      matching_ = true;
      last_was_cr_ = false;
      continue;
    }
    if (matching_) octet_of_name(c);
    last_was_cr_ = c == '\r';
    if (column_ < UINT32_MAX) ++column_;
  }
  octets_ += i;
}

}  // namespace relais::smtp
