// How a core's queue, log and deliveries stand, as it says about once a second (usage.h). A value.
#pragma once

#include <cstdint>

namespace relais::admin {

struct CoreFigures {
  // Since the process started.
  uint64_t delivered = 0;  // recipients
  uint64_t deferred = 0;
  uint64_t failed = 0;
  uint64_t flushes = 0;
  uint64_t failed_flushes = 0;
  uint64_t sessions_moved = 0;       // to other cores
  uint64_t kernel_tls_sessions = 0;  // whose TLS the kernel has taken over
  // Now.
  uint64_t waiting = 0;      // messages that no delivery works on
  uint64_t in_work = 0;      // messages
  uint64_t connections = 0;  // to next hops
  uint64_t spooled = 0;      // messages in the log or on their way in
  uint64_t segments = 0;     // files of the log
  // Octets: spool::Spool::Room.
  uint64_t spool_live = 0;
  uint64_t spool_budget = 0;
  uint64_t spool_idle = 0;

  void add(const CoreFigures& other) {
    delivered += other.delivered;
    deferred += other.deferred;
    failed += other.failed;
    flushes += other.flushes;
    failed_flushes += other.failed_flushes;
    sessions_moved += other.sessions_moved;
    kernel_tls_sessions += other.kernel_tls_sessions;
    waiting += other.waiting;
    in_work += other.in_work;
    connections += other.connections;
    spooled += other.spooled;
    segments += other.segments;
    spool_live += other.spool_live;
    spool_budget += other.spool_budget;
    spool_idle += other.spool_idle;
  }
  // Something is going on that changes these figures without a client's doing.
  [[nodiscard]] bool busy() const {
    return waiting != 0 || in_work != 0 || connections != 0 || spooled != 0;
  }

  friend bool operator==(const CoreFigures&, const CoreFigures&) = default;
};

}  // namespace relais::admin
