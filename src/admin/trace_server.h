// What `relais trace` asks: a UNIX socket `trace` in the data folder, for the server's own user
// (mode 600: dialogues tell who writes to whom). Whoever connects sends one line,
//   {"remote":"10.0.0.0/8","connector":"..."}     without connector: any
// and gets lines of JSON until it goes:
//   {"problem":"..."}                             and the end
//   {"trace":"begins"}                            every core shows it what begins from now on
//   {"time":...,"event":...}                      dialogue_line.h
//   {"dropped":12}                                so many lines before the next were not taken
//   {"trace":"ends"}                              the server stops
// It is served by a thread of its own, less urgent than the cores. Cores know of no tracer until
// there is one.
//
// Failure: without the socket mail goes on, and that is said once. Limits: kTracersMax at a time;
// for one that does not read kOutMax and TraceTap::kTrayMax octets wait, the rest is dropped.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "admin/trace_tap.h"

namespace relais::admin {

inline constexpr std::string_view kTraceSocket = "trace";  // in the data folder

// A TraceTap for a request. Null: `problem` says why, for people.
[[nodiscard]] std::shared_ptr<TraceTap> tap_for(std::string_view request,
                                                const std::vector<std::string>& connectors,
                                                std::string& problem);

class TraceServer {
 public:
  static constexpr size_t kTracersMax = 16;
  static constexpr size_t kConnectionsMax = 2 * kTracersMax;  // with those that have not asked
  static constexpr size_t kOutMax = 256 * 1024;
  // Gives all cores the list of who traces.
  using Publish = std::function<void(std::shared_ptr<TraceTaps>)>;

  TraceServer() = default;
  ~TraceServer() { stop(); }
  TraceServer(const TraceServer&) = delete;
  TraceServer& operator=(const TraceServer&) = delete;

  // `publish` is called on the server's thread, until stop() has returned.
  void start(const std::string& data_dir, size_t cores, Publish publish);
  // Those of the configuration in force.
  void connectors(std::vector<std::string> names);
  void stop();

 private:
  struct Tracer {
    int fd = -1;
    std::string request{};
    std::shared_ptr<TraceTap> tap{};  // null: it has not asked yet, or in vain
    bool begun = false;
    bool over = false;  // nothing follows what is in `out`
    bool gone = false;
    std::string out{};
    [[nodiscard]] bool traces() const { return tap != nullptr; }
  };

  void serve();
  void accept_one();
  void read(Tracer& tracer);
  void begin(Tracer& tracer);
  void fill(Tracer& tracer);
  void send(Tracer& tracer);
  void drop_gone();
  void publish() const;

  std::string path_;
  int fd_ = -1;
  int stop_ = -1;
  size_t cores_ = 0;
  Publish publish_;
  std::mutex mutex_;
  std::vector<std::string> connectors_;
  std::thread thread_;

  // ---- the thread's
  std::vector<Tracer> tracers_;
  uint64_t next_id_ = 1;
};

}  // namespace relais::admin
