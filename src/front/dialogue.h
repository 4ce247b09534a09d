// The dialogue of one session on its way to a DialogueSink: numbers the lines, cuts replies into
// lines, withholds secrets. Replies are told when they leave, or before the next command runs:
// commands and replies stand in the order in which they belong together, and one that is delayed
// (tarpit) has the time at which it left. Cannot fail; holds no line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "front/dialogue_sink.h"
#include "policy/permissions.h"
#include "smtp/redaction.h"

namespace relais::front {

class Dialogue {
 public:
  // `client.connector` is borrowed for the dialogue.
  Dialogue(DialogueSink& sink, DialogueSink::Watchers watchers, uint64_t session,
           const Client& client);

  void opened(WallTime now) { tell(now, DialogueEvent::kConnect, {}, {}); }
  // Told when they are others than before.
  void rights(WallTime now, policy::Principal principal, policy::Rights rights);
  void note(WallTime now, std::string_view data, std::string_view context) {
    tell(now, DialogueEvent::kNote, data, context);
  }
  // A line is about to run; `waiting`: all replies that have not left, whole lines.
  void command(WallTime now, std::string_view line, std::string_view waiting);
  // The first octets of what waits leave: `leaving`, whole lines.
  void left(WallTime now, std::string_view leaving);
  void closed(WallTime now, bool by_us) {
    tell(now, DialogueEvent::kDisconnect, {}, by_us ? "Local" : "Remote");
  }

 private:
  void tell(WallTime now, DialogueEvent event, std::string_view data, std::string_view context);
  void tell_replies(WallTime now, std::string_view waiting);

  DialogueSink& sink_;
  DialogueSink::Watchers watchers_;
  uint64_t session_;
  std::string_view connector_;
  std::string local_;
  std::string remote_;
  smtp::Redaction redaction_;
  size_t told_ = 0;  // octets of what waits to be sent
  uint32_t sequence_ = 0;
  bool rights_told_ = false;
  policy::Principal principal_{};
};

// "Tarpit for '0.00:00:05'": Exchange's way to write a wait; with milliseconds where there are any.
[[nodiscard]] std::string tarpit_text(Duration wait);

}  // namespace relais::front
