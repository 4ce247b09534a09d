// The domains that we accept mail for from anyone: exact names and "*.contoso.com" (any depth below
// contoso.com, not contoso.com itself), and "*", every domain that no other entry covers. Case does
// not matter. Immutable once compiled; a lookup reads the name once from its end, takes no lock and
// does not allocate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::policy {

enum class DomainType : uint8_t { kAuthoritative, kInternalRelay, kExternalRelay };

// "Authoritative", "InternalRelay", "ExternalRelay".
[[nodiscard]] std::string_view name_of(DomainType type);

struct AcceptedDomain {
  std::string name;  // "contoso.com", "*.contoso.com" or "*", lower case
  DomainType type = DomainType::kAuthoritative;
};

class AcceptedDomains {
 public:
  AcceptedDomains() = default;
  // Of two entries with one name the first counts.
  explicit AcceptedDomains(std::vector<AcceptedDomain> domains);
  // The most specific entry that covers the domain, or nullptr. Valid as long as this object.
  [[nodiscard]] const AcceptedDomain* find(std::string_view domain) const;
  [[nodiscard]] const std::vector<AcceptedDomain>& all() const { return domains_; }

 private:
  // Open addressing over the names; the hash runs from the last character to the first, so that one
  // pass over a domain meets the hash of every parent domain on its way.
  struct Slot {
    uint32_t hash = 0;
    uint32_t domain = UINT32_MAX;  // in domains_; UINT32_MAX: free
  };
  [[nodiscard]] const AcceptedDomain* lookup(uint32_t hash, std::string_view name,
                                             bool wildcard) const;

  std::vector<AcceptedDomain> domains_;
  uint32_t catch_all_ = UINT32_MAX;  // the first "*" in domains_
  std::vector<Slot> slots_;  // a power of two, at most half full; empty when there are no domains
};

}  // namespace relais::policy
