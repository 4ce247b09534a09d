// Recipient domains that no mail can reach (RFC 2606, RFC 6761): .test, .example, .invalid and
// .localhost with everything below; example.com, .net and .org with everything below; and names of
// one label. Case does not matter; an address literal is none of them.
#pragma once

#include <string_view>

#include "policy/ascii.h"

namespace relais::policy {

// `domain` is `parent` or ends in "." and `parent`.
constexpr bool is_at_or_below(std::string_view domain, std::string_view parent) {
  if (domain.size() < parent.size()) return false;
  const size_t start = domain.size() - parent.size();
  return equal_ignoring_case(domain.substr(start), parent) &&
         (start == 0 || domain[start - 1] == '.');
}

constexpr bool is_reserved_top_level(std::string_view domain) {
  return is_at_or_below(domain, "test") || is_at_or_below(domain, "example") ||
         is_at_or_below(domain, "invalid") || is_at_or_below(domain, "localhost");
}

constexpr bool is_reserved_second_level(std::string_view domain) {
  return is_at_or_below(domain, "example.com") || is_at_or_below(domain, "example.net") ||
         is_at_or_below(domain, "example.org");
}

constexpr bool is_single_label(std::string_view domain) {
  return !domain.empty() && domain.front() != '[' && domain.find('.') == std::string_view::npos;
}

}  // namespace relais::policy
