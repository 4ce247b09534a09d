// The way back of an authenticator's answer to the core that asked: through its mailbox, as long as
// the core is there.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "auth/authenticator.h"
#include "base/slab.h"
#include "ring/mailbox.h"

namespace relais::front {

// What the mailbox brings with Letter::Kind::kAuth.
struct AuthAnswer {
  Handle session;
  auth::Outcome outcome = auth::Outcome::kUnavailable;
  std::string user = {};  // as the authenticator knows it, where that is another name
};

class AuthReturn : public std::enable_shared_from_this<AuthReturn> {
 public:
  // Null: answers are lost.
  explicit AuthReturn(ring::Mailbox* mailbox) : mailbox_(mailbox) {}
  // For any thread, now or later.
  [[nodiscard]] std::function<void(auth::Outcome, const std::string&)> answer_to(Handle session);
  // From here on answers are lost.
  void close();

 private:
  std::mutex mutex_;
  ring::Mailbox* mailbox_;
};

}  // namespace relais::front
