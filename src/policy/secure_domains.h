// Domain security (Exchange's DomainSecureEnabled and TLSReceiveDomainSecureList): which listed
// domain a name belongs to, for names in certificates and for domains of senders. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais::policy {

// The most specific of `domains` (lower case) that is `name` or a parent of it; empty: none. A
// wildcard in front of the name ("*.contoso.com") stands for what is behind it.
[[nodiscard]] std::string_view secure_domain_of(const std::vector<std::string>& domains,
                                                std::string_view name);

}  // namespace relais::policy
