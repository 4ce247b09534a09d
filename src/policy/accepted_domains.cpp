#include "policy/accepted_domains.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "policy/ascii.h"

namespace relais::policy {
namespace {

constexpr uint32_t kHashSeed = 2166136261U;  // FNV-1a

// FNV-1a spreads poorly in its low bits for short names; the fold at the end of a step repairs
// that.
constexpr uint32_t hash_step(uint32_t hash, char c) {
  hash = (hash ^ static_cast<unsigned char>(ascii_lower(c))) * 16777619U;
  return hash ^ hash >> 15;
}

constexpr bool is_wildcard(std::string_view name) { return name.starts_with("*."); }

// What is hashed and compared of an entry: "contoso.com" for both of its forms.
constexpr std::string_view base_of(std::string_view name) {
  return is_wildcard(name) ? name.substr(2) : name;
}

constexpr uint32_t hash_from_the_end(std::string_view name) {
  uint32_t hash = kHashSeed;
  for (size_t i = name.size(); i > 0; --i) hash = hash_step(hash, name[i - 1]);
  return hash;
}

}  // namespace

std::string_view name_of(DomainType type) {
  switch (type) {
    case DomainType::kAuthoritative:
      return "Authoritative";
    case DomainType::kInternalRelay:
      return "InternalRelay";
    case DomainType::kExternalRelay:
      return "ExternalRelay";
  }
  return "";
}

AcceptedDomains::AcceptedDomains(std::vector<AcceptedDomain> domains)
    : domains_(std::move(domains)) {
  if (domains_.empty()) return;
  slots_.resize(std::bit_ceil(domains_.size() * 2));
  const size_t mask = slots_.size() - 1;
  for (uint32_t i = 0; i < domains_.size(); ++i) {
    if (domains_[i].name == "*") {
      catch_all_ = std::min(catch_all_, i);
      continue;
    }
    domains_[i].name = ascii_lower(domains_[i].name);
    const std::string_view base = base_of(domains_[i].name);
    const uint32_t hash = hash_from_the_end(base);
    if (lookup(hash, base, is_wildcard(domains_[i].name)) != nullptr) continue;
    size_t at = hash & mask;
    while (slots_[at].domain != UINT32_MAX) at = (at + 1) & mask;
    slots_[at] = {hash, i};
  }
}

const AcceptedDomain* AcceptedDomains::lookup(uint32_t hash, std::string_view name,
                                              bool wildcard) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at].domain != UINT32_MAX; at = (at + 1) & mask) {
    if (slots_[at].hash != hash) continue;
    const AcceptedDomain& entry = domains_[slots_[at].domain];
    if (is_wildcard(entry.name) == wildcard && equal_ignoring_case(base_of(entry.name), name)) {
      return &entry;
    }
  }
  return nullptr;
}

const AcceptedDomain* AcceptedDomains::find(std::string_view domain) const {
  if (slots_.empty() || domain.empty()) return nullptr;
  const AcceptedDomain* best = nullptr;
  uint32_t hash = kHashSeed;
  for (size_t i = domain.size(); i > 0; --i) {
    // A dot with something before it ends a parent domain; the later one found is the longer one.
    if (domain[i - 1] == '.' && i > 1) {
      if (const auto* entry = lookup(hash, domain.substr(i), true)) best = entry;
    }
    hash = hash_step(hash, domain[i - 1]);
  }
  const AcceptedDomain* exact = lookup(hash, domain, false);
  if (exact != nullptr) return exact;
  if (best != nullptr) return best;
  return catch_all_ < domains_.size() ? &domains_[catch_all_] : nullptr;
}

}  // namespace relais::policy
