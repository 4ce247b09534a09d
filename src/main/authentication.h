// Who knows passwords, for the life of the process: made at the start and again when [auth] has
// changed.
#pragma once

#include <memory>

#include "auth/authenticator.h"
#include "config/model.h"

namespace relais {

class Authentication {
 public:
  // Null: [auth] names nobody. A password file was found to be good a moment ago (config::load);
  // if it is not any more, this says so and keeps what was there before.
  [[nodiscard]] std::shared_ptr<auth::Authenticator> load(const config::AuthSettings& settings,
                                                          size_t cores);

 private:
  config::AuthSettings settings_;
  std::shared_ptr<auth::Authenticator> authenticator_;
};

}  // namespace relais
