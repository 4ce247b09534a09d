// Between the cores and one thread that writes or sends what they say: whole lines, in batches.
// Bounded: what does not fit is dropped and counted. A core never waits here, not even for the
// lock.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace relais::admin {

// Lines that end in LF, and how many there are.
struct DialogueBatch {
  std::string text;
  uint64_t lines = 0;
  uint64_t dropped = 0;  // that are not in `text`

  [[nodiscard]] bool empty() const { return lines == 0 && dropped == 0; }
  void clear() {
    text.clear();
    lines = dropped = 0;
  }
};

class DialogueTray {
 public:
  explicit DialogueTray(size_t octets_max) : octets_max_(octets_max) {}

  // A core: hands the batch over and leaves it empty. False: the lock is not free, later then.
  [[nodiscard]] bool try_put(DialogueBatch& batch);
  // The same, and waits for the lock: the last ones of a core that ends.
  void put(DialogueBatch& batch);

  // The other thread: everything, oldest first.
  [[nodiscard]] std::vector<DialogueBatch> take();
  // The same, once there is something or wake() was called, or after `ms_max`.
  [[nodiscard]] std::vector<DialogueBatch> wait(int64_t ms_max);
  // Any thread. One wait() ends, now or when it comes.
  void wake();

 private:
  void put_locked(DialogueBatch& batch);

  const size_t octets_max_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<DialogueBatch> batches_;
  size_t octets_ = 0;
  bool woken_ = false;
};

}  // namespace relais::admin
