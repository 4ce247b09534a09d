// Where the dialogues of sessions go that somebody wants to see, line by line: the protocol log,
// and those who trace. The admin room writes and sends them. A session that nobody watches costs
// one branch an event.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "front/observer.h"

namespace relais::front {

// Exchange's events of a protocol log (exchange-reference.md section 7.4).
enum class DialogueEvent : char {
  kConnect = '+',
  kDisconnect = '-',
  kReply = '>',
  kCommand = '<',
  kNote = '*',
};

// All views are valid for the length of the call. `data` is what may be shown (smtp/redaction.h),
// but in the client's octets: neither bounded nor printable.
struct DialogueLine {
  WallTime time;
  std::string_view connector;  // empty: none served this address
  uint64_t session = 0;        // unique over cores and restarts, ascending on one core
  uint32_t sequence = 0;       // from 0, without a gap
  std::string_view local;
  std::string_view remote;
  DialogueEvent event{};
  std::string_view data;
  std::string_view context;
};

class DialogueSink {
 public:
  // Who watches a session; settled when it begins.
  struct Watchers {
    bool log = false;
    std::vector<uint64_t> tracers;
    [[nodiscard]] bool none() const { return !log && tracers.empty(); }
  };

  virtual ~DialogueSink() = default;
  // `verbose`: the connector's protocol_logging_level.
  [[nodiscard]] virtual Watchers watchers(const Client& client, bool verbose) = 0;
  virtual void on_line(const Watchers& watchers, const DialogueLine& line) = 0;
};

}  // namespace relais::front
