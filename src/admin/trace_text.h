// What `relais trace` prints for people: the server's lines (trace_server.h) one by one. Pure.
#pragma once

#include <string>
#include <string_view>

namespace relais::admin {

struct TraceLine {
  enum class Kind {
    kLine,     // of a dialogue
    kEnd,      // of a dialogue, the last of its session
    kDropped,  // lines are missing here
    kBegins,   // what begins from now on is shown
    kEnds,     // the server stops
    kProblem,  // `text` says it; nothing follows
    kUnknown,  // no line of such a server
  };
  Kind kind = Kind::kUnknown;
  std::string text;  // without line end
};

// "10:20:30.123 08DE5A0C8F4B0001 < MAIL FROM:<chris@contoso.com>"; the line of a connection names
// client, binding and connector.
[[nodiscard]] TraceLine read_trace_line(std::string_view json);

}  // namespace relais::admin
