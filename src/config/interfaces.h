// The addresses of this machine's network interfaces.
#pragma once

#include <vector>

#include "base/ip.h"

namespace relais::config {

// Empty when the system does not tell.
[[nodiscard]] std::vector<IpAddress> interface_addresses();

}  // namespace relais::config
