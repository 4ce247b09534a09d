#include "auth/authenticator.h"

#include <utility>

#include "base/wipe.h"

namespace relais::auth {

Request::~Request() { wipe(password); }

void Request::finish(Outcome outcome, const std::string& account) {
  wipe(password);
  if (answer) std::exchange(answer, nullptr)(outcome, account);
}

}  // namespace relais::auth
