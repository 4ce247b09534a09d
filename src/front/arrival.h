// A connection on a binding that expects PROXY headers, from accept until its header is complete:
// only then it is known who the client is, and with it the connector that a session needs. Data
// only; Front moves it (arrivals.cpp). It ends as a session, or closed without a word.
//
// Invariants: at most one receive under way; it becomes a session only after that has completed, so
// that the session may arm its own; what came behind the header goes with it.
#pragma once

#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "front/session.h"
#include "ring/timer_wheel.h"
#include "smtp/proxy_header.h"

namespace relais::front {

// Enough for a segment that was lost and sent again (the specification asks for 3 s).
constexpr Duration kHeaderTimeout = seconds(5);

struct Arrival {
  Arrival(int descriptor, const Endpoint& local_end, const Endpoint& other_end, Instant now,
          Duration held_for)
      : fd(descriptor), local(local_end), peer(other_end), accepted(now), wait(held_for) {}

  int fd;
  Endpoint local;
  Endpoint peer;
  Instant accepted;
  Duration wait;  // before the greeting, from accept on
  smtp::ProxyHeader header;
  std::vector<Lent> input;  // what came behind the header
  ring::TimerId timer;

  bool receiving = false;
  bool parked = false;     // it waits for receive buffers
  bool peer_done = false;  // end of input, or a reset
  bool closing = false;    // the receive is being cancelled, then the descriptor is closed
};

}  // namespace relais::front
