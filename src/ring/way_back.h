// The way back to the core that has asked other threads for something: through its mailbox, as long
// as the core is there. Shared by the core and by whoever answers.
#pragma once

#include <mutex>

#include "ring/mailbox.h"

namespace relais::ring {

class WayBack {
 public:
  // Null: what is posted is lost.
  explicit WayBack(Mailbox* mailbox) : mailbox_(mailbox) {}
  // Any thread, now or later.
  void post(Letter letter);
  // From here on what is posted is lost.
  void close();

 private:
  std::mutex mutex_;
  Mailbox* mailbox_;
};

}  // namespace relais::ring
