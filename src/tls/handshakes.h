// Threads for handshakes: a signature takes as long as some messages, and many hellos come at once,
// so a core gives the long steps away (Stream::long_step_ahead). A step takes the stream with it:
// nobody else can touch it until it is back.
//
// Steps are served in turn by flow, so a flood of one client makes no other wait long; nothing is
// computed for those that were abandoned. Limit: one step a stream at a time, so what waits is
// bounded by the callers' streams.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/fair_threads.h"
#include "tls/stream.h"

namespace relais::tls {

// What has come from the peer, and what the stream makes of it. From submit() to `done` the caller
// may say `abandoned`, and nothing else.
struct Step {
  std::unique_ptr<Stream> stream;  // in its handshake
  std::vector<char> input;         // fed to it: must stay until the stream needs input
  Event event{};                   // kNeedInput, kOpened or kFailed; kNeedInput if abandoned
  std::atomic<bool> abandoned = false;
  // Called once, from one of the threads.
  std::function<void(std::shared_ptr<Step>)> done;
};

class Handshakes {
 public:
  struct Figures {
    uint64_t steps = 0;  // done, or abandoned
    size_t waiting = 0;
  };

  explicit Handshakes(uint32_t threads);
  // Any thread. Steps that wait when this ends are dropped: `done` is not called.
  void submit(uint64_t flow, std::shared_ptr<Step> step);
  [[nodiscard]] Figures figures() const { return {steps_, threads_.waiting()}; }

 private:
  void serve(std::shared_ptr<Step> step);

  std::atomic<uint64_t> steps_ = 0;
  FairThreads<std::shared_ptr<Step>> threads_;  // last: they end first
};

// On whichever thread: feeds the input and goes as far as it leads.
void take(Step& step);

}  // namespace relais::tls
