#include "ring/way_back.h"

#include <utility>

namespace relais::ring {

void WayBack::post(Letter letter) {
  const std::lock_guard lock(mutex_);
  if (mailbox_ != nullptr) mailbox_->post(std::move(letter));
}

void WayBack::close() {
  const std::lock_guard lock(mutex_);
  mailbox_ = nullptr;
}

}  // namespace relais::ring
