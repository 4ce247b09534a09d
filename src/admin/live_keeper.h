// The main thread's part of relais top: sees when limits do something, and gathers what top shows
// while somebody asks (live_server.h). tick() about once a second.
#pragma once

#include <string>

#include "admin/live_figures.h"
#include "admin/live_server.h"
#include "ring/kernel.h"

namespace relais::admin {

class LiveKeeper {
 public:
  // `kernel`: for its clocks.
  explicit LiveKeeper(ring::Kernel& kernel) : kernel_(kernel) {}

  void begin(int64_t pid, const std::string& data_dir, std::string server, std::string version);
  // `input.now` is set here.
  void tick(LiveInput input);

 private:
  ring::Kernel& kernel_;
  LiveFigures head_;  // with what does not change
  LimitTimes times_;
  LiveServer server_;
};

}  // namespace relais::admin
