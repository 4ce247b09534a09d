// Which Send connector takes a recipient: the most specific address space that covers the domain,
// then the lowest cost, then the lowest name (exchange-reference.md 7.6). Pure. Domains are ASCII
// and compared without case.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/model.h"

namespace relais::relay {

inline constexpr uint32_t kNoRoute = UINT32_MAX;

class Routing {
 public:
  // `postmaster_domain`: whose <Postmaster> without a domain is (config::postmaster_domain); empty:
  // nobody's, and only "*" takes it.
  Routing(const std::vector<config::SendConnector>& connectors, std::string postmaster_domain);
  // Index of the Send connector, or kNoRoute. An empty domain is that of <Postmaster>.
  [[nodiscard]] uint32_t route_of(std::string_view domain) const;

 private:
  struct Candidate {
    uint32_t cost;
    std::string name;
    uint32_t route;
  };
  void add(std::unordered_map<std::string, Candidate>& spaces, const std::string& domain,
           Candidate candidate);

  std::string postmaster_domain_;
  std::unordered_map<std::string, Candidate> exact_;  // "contoso.com"
  std::unordered_map<std::string, Candidate>
      suffixes_;  // "contoso.com" of "*.contoso.com"; "" of "*"
};

// The domain of an address as the envelope has it: behind the last @ outside quotes, lower case;
// empty when there is none.
[[nodiscard]] std::string domain_of(std::string_view address);

}  // namespace relais::relay
