// What the process uses, read from the system: the figures that Prometheus knows of every program.
// A figure that cannot be read is left out.
#pragma once

#include <cstdint>
#include <optional>

namespace relais::admin {

struct ProcessFigures {
  double cpu_seconds = 0;  // user and system, all threads
  std::optional<uint64_t> resident_octets;
  std::optional<uint64_t> virtual_octets;
  std::optional<uint64_t> open_descriptors;
  std::optional<uint64_t> descriptors_max;
  double start_seconds = 0;  // since 1970; 0: not known
};

[[nodiscard]] ProcessFigures read_process_figures();
// When this process started. To be asked once: two answers differ by a few microseconds, and a
// start that moves looks like a restart.
[[nodiscard]] double read_process_start();

}  // namespace relais::admin
