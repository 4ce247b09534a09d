#include "policy/secure_domains.h"

#include "policy/ascii.h"

namespace relais::policy {

std::string_view secure_domain_of(const std::vector<std::string>& domains, std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  std::string_view best;
  for (const std::string& domain : domains) {
    if (domain.size() > name.size() || domain.size() <= best.size()) continue;
    const std::string_view tail = name.substr(name.size() - domain.size());
    const bool is_label = tail.size() == name.size() || name[name.size() - tail.size() - 1] == '.';
    if (is_label && equal_ignoring_case(tail, domain)) best = domain;
  }
  return best;
}

}  // namespace relais::policy
