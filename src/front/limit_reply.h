// What a client is told when a limit refuses it, and what the log is told. Exchange's own limits
// answer with Exchange's texts (exchange-reference.md section 4), all others with
//
//   451 4.7.1 connector="erp" limit=messages/min 600/600 retry in 3s (id 1f3a9c02)
//
// so that the client's log names the rule, its level, when to come back, and an id that is in ours.
#pragma once

#include <string>
#include <string_view>

#include "policy/limit_set.h"
#include "smtp/reply.h"

namespace relais::front {

// "messages/min per source": the measure in its time, and the key unless it is the connector.
[[nodiscard]] std::string describe(const policy::Limit& limit);

struct LimitRefusal {
  // `verdict` refuses. `ends`: the reply is the last one of the session, or instead of its
  // greeting.
  LimitRefusal(const policy::LimitVerdict& verdict, std::string_view connector, std::string_view id,
               bool ends);
  LimitRefusal(const LimitRefusal&) = delete;
  LimitRefusal& operator=(const LimitRefusal&) = delete;

  std::string text;    // of the reply
  smtp::Reply reply;   // points to it
  std::string reason;  // for the log: "limit messages/source: 600/600, retry in 3 s (id 1f3a9c02)"
};

// Exchange's words for too many connections; the server's own maximum answers the same.
inline constexpr std::string_view kTooManyConnectionsText =
    "The maximum number of concurrent connections has exceeded a limit, closing transmission "
    "channel";

}  // namespace relais::front
