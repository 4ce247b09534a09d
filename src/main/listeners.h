// The listening sockets of all cores: one a binding and core, made before anything else starts, so
// that a binding that cannot be had is said at once, by name, and nothing is half started. On a
// reload what stays is kept.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "front/front.h"
#include "policy/connector.h"
#include "ring/kernel.h"

namespace relais {

class Listeners {
 public:
  Listeners(ring::Kernel& kernel, size_t cores) : kernel_(kernel), cores_(cores) {}

  // Opens what the connectors need and is not there yet. False: nothing has changed, `problem`
  // names binding and connector.
  [[nodiscard]] bool prepare(const std::vector<policy::ReceiveConnector>& connectors,
                             std::string& problem);
  // Of one core, after prepare(): exactly what the connectors need. The descriptors go over to the
  // caller; those of endpoints that are no longer needed are closed by whoever has them.
  [[nodiscard]] std::vector<front::Listener> of_core(size_t core) const;

 private:
  ring::Kernel& kernel_;
  size_t cores_;
  std::map<Endpoint, std::vector<int>> open_;  // by endpoint, one descriptor a core
};

}  // namespace relais
