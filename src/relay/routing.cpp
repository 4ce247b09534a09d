#include "relay/routing.h"

#include <tuple>
#include <utility>

#include "policy/ascii.h"

namespace relais::relay {

Routing::Routing(const std::vector<config::SendConnector>& connectors,
                 std::string postmaster_domain)
    : postmaster_domain_(std::move(postmaster_domain)) {
  for (uint32_t route = 0; route < connectors.size(); ++route) {
    for (const auto& space : connectors[route].address_spaces) {
      Candidate candidate{space.cost, connectors[route].name, route};
      if (space.domain == "*") {
        add(suffixes_, "", std::move(candidate));
      } else if (space.domain.starts_with("*.")) {
        add(suffixes_, space.domain.substr(2), std::move(candidate));
      } else {
        add(exact_, space.domain, std::move(candidate));
      }
    }
  }
}

void Routing::add(std::unordered_map<std::string, Candidate>& spaces, const std::string& domain,
                  Candidate candidate) {
  const auto [found, is_new] = spaces.try_emplace(domain, candidate);
  Candidate& best = found->second;
  if (!is_new && std::tie(candidate.cost, candidate.name) < std::tie(best.cost, best.name))
    best = std::move(candidate);
}

uint32_t Routing::route_of(std::string_view domain) const {
  if (domain.empty()) domain = postmaster_domain_;
  if (const auto found = exact_.find(std::string(domain)); found != exact_.end())
    return found->second.route;
  // From the longest parent domain to "*".
  std::string_view rest = domain;
  while (true) {
    const size_t dot = rest.find('.');
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
    if (const auto found = suffixes_.find(std::string(rest)); found != suffixes_.end())
      return found->second.route;
    if (rest.empty()) return kNoRoute;
  }
}

std::string domain_of(std::string_view address) {
  const size_t at = address.rfind('@');
  // In a quoted local part without a domain an @ may be the last thing inside the quotes.
  if (at == std::string_view::npos || address.find('"', at) != std::string_view::npos) return {};
  std::string domain = policy::ascii_lower(address.substr(at + 1));
  while (!domain.empty() && domain.back() == '.') domain.pop_back();
  return domain;
}

}  // namespace relais::relay
