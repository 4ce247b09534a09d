// What the main thread waits for: signals, and a changed configuration where it is watched.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "main/config_watch.h"

namespace relais {

class Orders {
 public:
  enum class Kind : uint8_t {
    kNone,     // the time has passed
    kStop,     // SIGTERM, SIGINT
    kReload,   // SIGHUP
    kLimits,   // SIGUSR1: relais limit has asked for something
    kChanged,  // of the configuration: changed()
  };

  // Blocks the signals: before any thread is made, so that none of them takes one.
  Orders();
  ~Orders();
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  [[nodiscard]] Kind wait(Duration at_most);
  [[nodiscard]] const std::string& changed() const { return changed_; }
  [[nodiscard]] ConfigWatch& watch() { return watch_; }
  // From now on the first signal ends the process.
  static void obey_at_once();

 private:
  [[nodiscard]] Kind next_signal();

  int signals_ = -1;
  ConfigWatch watch_;
  std::string changed_;
};

}  // namespace relais
