#include "front/auth_return.h"

#include <utility>

namespace relais::front {

std::function<void(auth::Outcome, const std::string&)> AuthReturn::answer_to(Handle session) {
  return [self = shared_from_this(), session](auth::Outcome outcome, const std::string& user) {
    const std::lock_guard lock(self->mutex_);
    if (self->mailbox_ == nullptr) return;
    auto answer = std::make_shared<AuthAnswer>(AuthAnswer{session, outcome, user});
    self->mailbox_->post({.kind = ring::Letter::Kind::kAuth, .object = std::move(answer)});
  };
}

void AuthReturn::close() {
  const std::lock_guard lock(mutex_);
  mailbox_ = nullptr;
}

}  // namespace relais::front
