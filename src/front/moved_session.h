// A session on its way to another core: all that it is between two messages. Data only; closes its
// descriptor if nobody takes it over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "front/serving_policy.h"
#include "front/session.h"
#include "ring/kernel.h"
#include "smtp/server.h"

namespace relais::front {

struct MovedSession : Portable {
  explicit MovedSession(ring::Kernel& the_kernel) : kernel(the_kernel) {}
  ~MovedSession() {
    if (fd >= 0) kernel.close(fd);
  }
  MovedSession(const MovedSession&) = delete;
  MovedSession& operator=(const MovedSession&) = delete;

  ring::Kernel& kernel;
  int fd = -1;
  std::shared_ptr<const ServingPolicy> policy;
  uint32_t connector = 0;
  policy::Principal principal{};
  std::string client;
  smtp::Standing standing;  // with what has come and was not looked at
  bool unwatched_by_milter = false;
};

}  // namespace relais::front
