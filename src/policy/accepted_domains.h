// The domains that we accept mail for from anyone: exact names and "*.contoso.com" (any depth below
// contoso.com, not contoso.com itself). Case does not matter. Immutable once compiled; lookups take no lock and
// do not allocate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace relais::policy {

enum class DomainType : uint8_t { kAuthoritative, kInternalRelay, kExternalRelay };

struct AcceptedDomain {
  std::string name;  // "contoso.com" or "*.contoso.com", lower case
  DomainType type = DomainType::kAuthoritative;
};

class AcceptedDomains {
 public:
  AcceptedDomains() = default;
  explicit AcceptedDomains(std::vector<AcceptedDomain> domains);
  // The most specific entry that covers the domain, or nullptr.
  [[nodiscard]] const AcceptedDomain* find(std::string_view domain) const;
  [[nodiscard]] const std::vector<AcceptedDomain>& all() const { return domains_; }

 private:
  // ... (the author fills this in: transparent hash, case-insensitive)
  std::vector<AcceptedDomain> domains_;
};

}  // namespace relais::policy
