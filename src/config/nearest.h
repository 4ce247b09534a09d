// "Did you mean ...?" for misspelt names.
#pragma once

#include <string_view>
#include <vector>

namespace relais::config {

// The name that looks most like `word`, or empty when none is near. Case and underscores do not
// count, so that Exchange's "RemoteIPRanges" finds "remote_ip_ranges".
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& names);

}  // namespace relais::config
