// Tells the main thread that a file of the configuration has changed (inotify): relais.toml, a
// connector's file, the address book. Editors write beside a file and rename, or touch several, so
// changes are one when nothing more happens for kQuiet, or after kAtMost.
// What it does not see: the target of a link that changes in another folder.
// Failure: what the system refuses is said once, and the rest is watched.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais {

class ConfigWatch {
 public:
  static constexpr Duration kQuiet = milliseconds(500);
  static constexpr Duration kAtMost = seconds(5);

  ConfigWatch() = default;
  ~ConfigWatch() { stop(); }
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;

  // `address_book`: a file; empty: none. Once more: with another address book.
  void start(const std::string& folder, const std::string& address_book);
  void stop();

  // To be polled for reading; -1: nothing is watched.
  [[nodiscard]] int fd() const { return fd_; }
  // Takes what has happened. Also about once a second: folders may have been replaced.
  void look(Instant now);
  // The file that has changed, once, when it is time to act.
  [[nodiscard]] std::optional<std::string> take_change(Instant now);
  // Everything is about to be read anyway.
  void forget();
  // Until take_change() may have something; nothing: nothing has changed.
  [[nodiscard]] std::optional<Duration> time_left(Instant now) const;

 private:
  struct Watched {
    std::string folder;
    std::vector<std::string> files;  // by name
    bool any_toml = false;           // and all *.toml that do not begin with a dot
    int id = -1;
    bool broken = false;  // said so already
    [[nodiscard]] bool is_ours(std::string_view name) const;
  };
  void on_event(int id, std::string_view name);
  void on_change(std::string file);
  void read_events();
  void watch_again();

  int fd_ = -1;
  std::vector<Watched> folders_;
  std::string changed_;  // empty: nothing
  Instant first_;
  Instant last_;
  Instant now_;
};

}  // namespace relais
