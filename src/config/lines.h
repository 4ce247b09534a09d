// Where in a file something was written, for messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::config {

// Where the keys of one section stood.
struct KeyLines {
  uint32_t section_line = 0;
  std::vector<std::pair<std::string_view, uint32_t>> lines;  // by the row's key

  [[nodiscard]] bool has(std::string_view key) const {
    for (const auto& [name, line] : lines) {
      if (name == key) return true;
    }
    return false;
  }
  // The section's own line when the key is not there.
  [[nodiscard]] uint32_t of(std::string_view key) const {
    for (const auto& [name, line] : lines) {
      if (name == key) return line;
    }
    return section_line;
  }
};

// One of remote_ranges.
struct RangeOrigin {
  uint32_t line = 0;
  uint32_t index = 0;  // in the list of the file, of which wrong entries have been left out
  std::string text;    // as it was written; empty when the usage's preset made it
};

// One connector's file.
struct ConnectorLines {
  KeyLines keys;
  std::vector<RangeOrigin> ranges;    // of each of remote_ranges
  std::vector<uint32_t> permissions;  // of each of permissions
  std::vector<uint32_t> limits;       // of each of limits
};

}  // namespace relais::config
