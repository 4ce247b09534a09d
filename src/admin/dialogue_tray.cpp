#include "admin/dialogue_tray.h"

#include <chrono>
#include <utility>

namespace relais::admin {

void DialogueTray::put_locked(DialogueBatch& batch) {
  if (octets_ + batch.text.size() > octets_max_) {
    batch.dropped += std::exchange(batch.lines, 0);
    batch.text.clear();
    // The count alone always finds room: in what waits already, where there is something.
    if (!batches_.empty()) {
      batches_.back().dropped += batch.dropped;
      return batch.clear();
    }
  }
  octets_ += batch.text.size();
  batches_.push_back(std::exchange(batch, {}));
}

bool DialogueTray::try_put(DialogueBatch& batch) {
  {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    put_locked(batch);
  }
  filled_.notify_one();
  return true;
}

void DialogueTray::put(DialogueBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    put_locked(batch);
  }
  filled_.notify_one();
}

std::vector<DialogueBatch> DialogueTray::take() {
  const std::lock_guard lock(mutex_);
  octets_ = 0;
  return std::exchange(batches_, {});
}

std::vector<DialogueBatch> DialogueTray::wait(int64_t ms_max) {
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, std::chrono::milliseconds(ms_max),
                   [this] { return woken_ || !batches_.empty(); });
  woken_ = false;
  octets_ = 0;
  return std::exchange(batches_, {});
}

void DialogueTray::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  filled_.notify_one();
}

}  // namespace relais::admin
