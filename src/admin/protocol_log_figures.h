// What the protocol log has done since the start of the process.
#pragma once

#include <cstdint>

namespace relais::admin {

struct ProtocolLogFigures {
  uint64_t lines = 0;    // written
  uint64_t dropped = 0;  // lines
};

}  // namespace relais::admin
