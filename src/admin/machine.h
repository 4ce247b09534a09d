// What the machine has left: memory from /proc and our control group (version 1 or 2), disk from
// the file system. Reads a few small files each time; a figure that cannot be read is empty. The
// nearest limit counts: of a control group and those around it, or the machine's memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace relais::admin {

struct MemoryUse {
  std::optional<uint64_t> private_percent;  // anonymous memory of this process, swap included
  std::optional<uint64_t> system_percent;   // what is in use and cannot simply be dropped
};
// `root`: in front of /proc and /sys, for tests.
[[nodiscard]] MemoryUse read_memory(const std::string& root = {});

struct DiskUse {
  uint64_t size = 0;  // octets that we could have: what is used, and what is free for us
  uint64_t used = 0;
};
// Of the file system that `folder` lies on.
[[nodiscard]] std::optional<DiskUse> read_disk(const std::string& folder);

// Rounded down; 0 of nothing, never above 100.
[[nodiscard]] uint64_t percent_of(uint64_t part, uint64_t whole);

}  // namespace relais::admin
