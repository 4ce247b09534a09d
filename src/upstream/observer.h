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
  // TLS with it has failed, and need not be: its mail goes in the clear until then.
  virtual void on_upstream_in_clear(std::string_view /*host*/, std::string_view /*why*/,
                                    WallTime /*until*/) {}
  // It broke the protocol, as `what` says, and lost a connection by it.
  virtual void on_upstream_violation(std::string_view /*host*/, std::string_view /*what*/) {}
};

}  // namespace relais::upstream
