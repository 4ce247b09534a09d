#include "config/interfaces.h"

#include <ifaddrs.h>

#include <memory>

namespace relais::config {

std::vector<IpAddress> interface_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (const auto endpoint = Endpoint::from_sockaddr(entry->ifa_addr)) {
      addresses.push_back(endpoint->address);
    }
  }
  return addresses;
}

}  // namespace relais::config
