// The dialogues of one core that somebody watches, on their way to the threads that write and send
// them: lines become text here and are handed over in batches (kFeedDelay after the first, or
// kFeedBatch octets). A core makes no system call for them and never waits; what the other side
// does not take is dropped and counted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/trace_tap.h"
#include "front/dialogue_sink.h"
#include "ring/loop.h"

namespace relais::admin {

class DialogueFeed final : public front::DialogueSink {
 public:
  // `log`: of the protocol log; null: there is none. `fqdn`: the server's.
  DialogueFeed(ring::Loop& loop, std::shared_ptr<DialogueTray> log, std::string_view fqdn);
  ~DialogueFeed() override;  // hands over what is left
  DialogueFeed(const DialogueFeed&) = delete;
  DialogueFeed& operator=(const DialogueFeed&) = delete;

  Watchers watchers(const front::Client& client, bool verbose) override;
  void on_line(const Watchers& watchers, const front::DialogueLine& line) override;

  // Who traces from now on; each that is new is told.
  void trace(const TraceTaps& taps);
  // The hand-over is due.
  void on_completion(const ring::Completion& completion);

 private:
  struct Tracer {
    std::shared_ptr<TraceTap> tap;
    DialogueBatch batch{};
  };
  // False: there was no room.
  [[nodiscard]] static bool has_room(DialogueBatch& batch);
  void tell_tracers(const Watchers& watchers, const front::DialogueLine& line);
  void hand_over();
  [[nodiscard]] bool at_rest() const;
  void arm();

  ring::Loop& loop_;
  std::shared_ptr<DialogueTray> log_;
  std::string server_;
  DialogueBatch batch_;
  std::vector<Tracer> tracers_;
  std::string json_;
  ring::TimerId timer_;
};

}  // namespace relais::admin
