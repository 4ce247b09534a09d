#include "policy/secure_domains.h"

#include <gtest/gtest.h>

namespace relais::policy {
namespace {

TEST(SecureDomains, HoldWhatIsBelowThem) {
  const std::vector<std::string> domains{"partner.com", "eu.partner.com", "other.org"};
  EXPECT_EQ(secure_domain_of(domains, "partner.com"), "partner.com");
  EXPECT_EQ(secure_domain_of(domains, "MX1.Partner.COM"), "partner.com");
  EXPECT_EQ(secure_domain_of(domains, "mx.eu.partner.com"), "eu.partner.com");
  EXPECT_EQ(secure_domain_of(domains, "*.partner.com"), "partner.com");
  for (const char* none : {"notpartner.com", "partner.com.evil.org", "com", "", ".", "*.com",
                           "artner.com", "partner.co", "*.*.org"})
    EXPECT_EQ(secure_domain_of(domains, none), "") << none;
  EXPECT_EQ(secure_domain_of({}, "partner.com"), "");
}

}  // namespace
}  // namespace relais::policy
