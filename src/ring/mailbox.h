// Messages from other threads to one core: a small locked queue and one wake-up through the core's
// ring. For what is rare (drain, reload, a handed-over connection, a handshake); nothing a message
// passes through every time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "ring/loop.h"

namespace relais::ring {

struct Letter {
  enum class Kind : uint8_t {
    kDrain,       // finish and end
    kPolicy,      // `object`: the new policy
    kConnection,  // `value`: a connected descriptor
    kSession,     // `object`: a session that goes on here
    kReopenLog,
    kAuth,       // `object`: what an authenticator has said
    kHandshake,  // `object`: a step of a handshake that is done
    kPressure,   // `object`: what the states of the resources mean from now on
    kTraces,     // `object`: who traces from now on
  };
  Kind kind = Kind::kDrain;
  int32_t value = 0;
  std::shared_ptr<void> object{};
};

class Mailbox {
 public:
  static Result<std::unique_ptr<Mailbox>> create(Kernel& kernel);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(Letter letter);  // any thread

  // ---- the owning core only
  void arm(Loop& loop);  // completes with Operation::kWake
  [[nodiscard]] std::vector<Letter> take();

 private:
  Mailbox(Kernel& kernel, int fd) : kernel_(kernel), fd_(fd) {}
  Kernel& kernel_;
  int fd_;
  uint64_t counter_ = 0;  // the eventfd's value is read into it
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace relais::ring
