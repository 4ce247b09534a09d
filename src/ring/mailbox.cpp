#include "ring/mailbox.h"

namespace relais::ring {

Result<std::unique_ptr<Mailbox>> Mailbox::create(Kernel& kernel) {
  const auto fd = kernel.wake_up_fd();
  if (!fd) return std::unexpected(fd.error());
  return std::unique_ptr<Mailbox>(new Mailbox(kernel, *fd));
}

Mailbox::~Mailbox() { kernel_.close(fd_); }

// Who was first has woken the core, and it takes all that are there by then.
void Mailbox::post(Letter letter) {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = letters_.empty();
    letters_.push_back(std::move(letter));
  }
  if (first) kernel_.wake(fd_);
}

void Mailbox::arm(Loop& loop) {
  loop.read(fd_, std::as_writable_bytes(std::span(&counter_, 1)), 0, {Operation::kWake, {}});
}

std::vector<Letter> Mailbox::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(letters_, {});
}

}  // namespace relais::ring
