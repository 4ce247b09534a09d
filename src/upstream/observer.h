// What the upstream room tells about its work. Views are valid for the length of the call.
#pragma once

#include <string_view>

#include "base/clock.h"

namespace relais::upstream {

class Observer {
 public:
  virtual ~Observer() = default;
  // An upstream is left alone until `next_attempt` because of `why`, or is used again.
  virtual void on_upstream(std::string_view /*host*/, bool /*usable*/, std::string_view /*why*/,
                           WallTime /*next_attempt*/) {}
};

}  // namespace relais::upstream
