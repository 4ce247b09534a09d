// What relais top asks: a UNIX socket `live` in the data folder. Whoever connects gets one JSON
// object (live_figures.h) of at most a second ago, and the end. It is served by a thread of its
// own, less urgent than the cores, from what the main thread publishes; the main thread gathers
// only while somebody asks.
//
// Failure: without the socket mail goes on, and that is said once. Limits: one client at a time,
// each for at most kClientTimeout; others wait in the system's backlog.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace relais::admin {

class LiveServer {
 public:
  LiveServer() = default;
  ~LiveServer();
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  // The data folder must be ours alone. Said when it cannot be.
  void start(const std::string& data_dir);
  // Has anybody asked within the last seconds?
  [[nodiscard]] bool wanted() const;
  void publish(std::string json);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string bind_socket();  // what is wrong; empty: nothing
  void serve();
  void answer(int client);

  std::string path_;
  int fd_ = -1;
  int stop_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable published_;
  std::shared_ptr<const std::string> json_;
  Clock::time_point published_at_;
  Clock::time_point asked_at_;
  bool asked_ = false;
  bool stopping_ = false;
  std::jthread thread_;
};

// Asks a server. Unexpected: why there is no answer, for people.
struct LiveAnswer {
  std::string json;     // empty: there is none
  std::string problem;  // why
};
[[nodiscard]] LiveAnswer ask_live(const std::string& data_dir);

}  // namespace relais::admin
