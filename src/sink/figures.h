// What the threads of a sink have counted, for the progress line and the summary. Each figure has
// one writer, its thread; anybody may read.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace relais::sink {

class Figure {
 public:
  void add(uint64_t more) { value_.store(read() + more, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

struct Figures {
  Figure sessions;      // begun
  Figure ended;         // of those
  Figure turned_away;   // 421, reset, or refused at once: no session
  Figure messages;      // answered 2xx
  Figure octets;        // of their content
  Figure recipients;    // of them
  Figure refused;       // messages answered 4xx or 5xx behind their content
  Figure cut;           // sessions that the sink closed without a word, as it was told
  Figure unmarked;      // messages without a mark
  Figure damaged;       // with another body than their mark says
  Figure duplicates;    // messages x recipients that had come before
  Figure not_compared;  // beyond what duplicates are looked for among
  Figure tls_failures;  // handshakes
  std::atomic<int64_t> first_ns = 0;  // Instant of the first session; 0: none
  std::atomic<int64_t> last_ns = 0;   // Instant of the last message
};

// The sum of all threads, as plain numbers.
struct Totals {
  uint64_t sessions = 0, open = 0, turned_away = 0, messages = 0, octets = 0, recipients = 0,
           refused = 0, cut = 0, unmarked = 0, damaged = 0, duplicates = 0, not_compared = 0,
           tls_failures = 0;
  Duration time{};  // from the first session to the last message

  int64_t first_ns = 0, last_ns = 0;
  void add(const Figures& figures);
};

}  // namespace relais::sink
