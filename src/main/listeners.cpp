#include "main/listeners.h"

#include <fmt/format.h>

#include <algorithm>

#include "ring/claim.h"

namespace relais {
namespace {

// The endpoints that enabled connectors need, each with the name of the first connector that has
// it.
std::map<Endpoint, std::string> needed(const std::vector<policy::ReceiveConnector>& connectors) {
  std::map<Endpoint, std::string> endpoints;
  for (const auto& connector : connectors) {
    if (!connector.enabled) continue;
    for (const auto& binding : connector.bindings)
      endpoints.try_emplace(binding.endpoint, connector.name);
  }
  return endpoints;
}

std::string cure_for(Error error) {
  switch (error) {
    case Error::kAddressInUse:
      return "another program listens there: stop it, or choose another port in `bindings`";
    case Error::kAddressUnavailable:
      return "write an address of this machine in `bindings`, or 0.0.0.0 for all";
    case Error::kPermission:
      return "ports below 1024 need CAP_NET_BIND_SERVICE (or root)";
    case Error::kNoDescriptors:
      return "raise the limit of open files (`ulimit -n`)";
    default:
      return "check `bindings`";
  }
}

// One of them takes connections that are meant for the other.
bool overlap(const Endpoint& a, const Endpoint& b) {
  if (a.port != b.port || a.address.family() != b.address.family()) return false;
  return a.address == b.address || a.address.is_unspecified() || b.address.is_unspecified();
}

}  // namespace

bool Listeners::prepare(const std::vector<policy::ReceiveConnector>& connectors,
                        std::string& problem) {
  const auto wanted = needed(connectors);
  std::map<Endpoint, std::vector<int>> fresh;
  const auto give_up = [&](const Endpoint& endpoint, const std::string& name, Error error) {
    problem = fmt::format("cannot listen on {} (connector \"{}\"): {}. {}", endpoint.to_string(),
                          name, describe(error), cure_for(error));
    for (const auto& [_, descriptors] : fresh) {
      for (const int fd : descriptors) kernel_.close(fd);
    }
    return false;
  };
  // SO_REUSEPORT would let a second relais of the same user share the port without a word. All are
  // asked for before any is opened: an address and the wildcard beside it would be in each other's
  // way.
  for (const auto& [endpoint, name] : wanted) {
    const bool ours = std::ranges::any_of(
        open_, [&](const auto& entry) { return overlap(entry.first, endpoint); });
    if (ours) continue;
    if (const auto free = ring::claim_in_time(kernel_, endpoint); !free)
      return give_up(endpoint, name, free.error());
  }
  for (const auto& [endpoint, name] : wanted) {
    if (open_.contains(endpoint)) continue;
    for (size_t core = 0; core < cores_; ++core) {
      const auto fd = kernel_.listen(endpoint);
      if (!fd) return give_up(endpoint, name, fd.error());
      fresh[endpoint].push_back(*fd);
    }
  }
  std::erase_if(open_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  open_.merge(fresh);
  return true;
}

std::vector<front::Listener> Listeners::of_core(size_t core) const {
  std::vector<front::Listener> listeners;
  for (const auto& [endpoint, descriptors] : open_)
    listeners.push_back({endpoint, descriptors[core]});
  return listeners;
}

}  // namespace relais
