#include "auth/authenticator.h"

#include <utility>

#include "base/wipe.h"

namespace relais::auth {

Request::~Request() { wipe(password); }

void Request::finish(Outcome outcome) {
  wipe(password);
  if (answer) std::exchange(answer, nullptr)(outcome);
}

}  // namespace relais::auth
