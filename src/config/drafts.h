// What a section becomes while it is read: the value of the model plus what later checks and
// messages need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"

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

struct AcceptedDomainDraft : policy::AcceptedDomain {
  KeyLines lines;
};

struct SendDraft : SendConnector {
  KeyLines lines;
};

struct PermissionDraft : policy::Ace {
  KeyLines lines;
};

// Where one of remote_ranges was written.
struct RangeOrigin {
  uint32_t line = 0;
  uint32_t index = 0;  // in the list of the file, of which wrong entries have been left out
};

struct ReceiveDraft : policy::ReceiveConnector {
  KeyLines lines;
  std::vector<RangeOrigin> range_origins;  // of each of remote_ranges
};

struct ModelDraft {
  ServerSettings server;
  SpoolSettings spool;
  RetrySettings retry;
  KeyLines spool_lines;
  KeyLines retry_lines;
  std::vector<AcceptedDomainDraft> accepted_domains;
  std::vector<SendDraft> send_connectors;
};

}  // namespace relais::config
