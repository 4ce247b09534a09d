// Threads that serve what waits, in turn by flow (fair_queue.h): for work that takes longer than a
// core may be busy. They are less urgent than the cores, whose CPUs they share.
//
// push() never blocks for longer than a short lock. Limits: size_max items, flow_max of one flow;
// beyond them push() says no.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/fair_queue.h"

namespace relais {

// Names the calling thread, and makes it less urgent than the cores.
void yield_to_cores(const char* name);

template <class T>
class FairThreads {
 public:
  struct Options {
    const char* name = "";
    uint32_t threads = 1;
    size_t size_max = SIZE_MAX;
    uint32_t flow_max = UINT32_MAX;
  };
  // Both are called from the threads; `idle` every second in which nothing waits, if it is there.
  FairThreads(const Options& options, std::function<void(T)> serve, std::function<void()> idle = {})
      : options_(options), serve_(std::move(serve)), idle_(std::move(idle)) {
    for (uint32_t i = 0; i < options_.threads; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  ~FairThreads() { (void)stop(); }
  FairThreads(const FairThreads&) = delete;
  FairThreads& operator=(const FairThreads&) = delete;

  // Any thread. False: too many wait, and it is not served.
  [[nodiscard]] bool push(uint64_t flow, T item) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= options_.size_max || waiting_.length(flow) >= options_.flow_max)
        return false;
      waiting_.push(flow, 1, 1, std::move(item));
    }
    wakes_.notify_one();
    return true;
  }

  [[nodiscard]] size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  // Ends the threads. What waits still is the caller's.
  [[nodiscard]] std::vector<T> stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
    std::vector<T> left;
    while (!waiting_.empty()) left.push_back(waiting_.pop());
    return left;
  }

 private:
  void work(const std::stop_token& stop) {
    constexpr auto kLook = std::chrono::seconds(1);
    yield_to_cores(options_.name);
    const auto some_wait = [this] { return !waiting_.empty(); };
    while (true) {
      std::unique_lock lock(mutex_);
      const bool some = idle_ != nullptr ? wakes_.wait_for(lock, stop, kLook, some_wait)
                                         : wakes_.wait(lock, stop, some_wait);
      if (stop.stop_requested()) return;
      if (some) {
        T next = waiting_.pop();
        lock.unlock();
        serve_(std::move(next));
      } else {
        lock.unlock();
        idle_();
      }
    }
  }

  const Options options_;
  const std::function<void(T)> serve_;
  const std::function<void()> idle_;
  mutable std::mutex mutex_;  // of the queue
  std::condition_variable_any wakes_;
  FairQueue<T> waiting_;
  std::vector<std::jthread> threads_;  // last: they end first
};

}  // namespace relais
