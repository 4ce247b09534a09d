#include "policy/accepted_domains.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/prng.h"
#include "policy/ascii.h"

namespace relais::policy {
namespace {

std::string found(const AcceptedDomains& domains, std::string_view name) {
  const AcceptedDomain* entry = domains.find(name);
  return entry != nullptr ? entry->name : "none";
}

TEST(AcceptedDomains, AnExactNameCoversItselfOnly) {
  const AcceptedDomains domains({{"contoso.com", DomainType::kAuthoritative}});
  EXPECT_EQ(found(domains, "contoso.com"), "contoso.com");
  EXPECT_EQ(found(domains, "mail.contoso.com"), "none");
  EXPECT_EQ(found(domains, "xcontoso.com"), "none");
  EXPECT_EQ(found(domains, "com"), "none");
  EXPECT_EQ(found(domains, "contoso.co"), "none");
  EXPECT_EQ(found(domains, "contoso.com.evil.example"), "none");
  EXPECT_EQ(found(domains, ""), "none");
  EXPECT_EQ(found(domains, "."), "none");
}

TEST(AcceptedDomains, AWildcardCoversEveryDepthBelowAndNotTheNameItself) {
  const AcceptedDomains domains({{"*.contoso.com", DomainType::kInternalRelay}});
  EXPECT_EQ(found(domains, "a.contoso.com"), "*.contoso.com");
  EXPECT_EQ(found(domains, "a.b.c.contoso.com"), "*.contoso.com");
  EXPECT_EQ(found(domains, "contoso.com"), "none");
  EXPECT_EQ(found(domains, ".contoso.com"), "none");
  EXPECT_EQ(found(domains, "a.contoso.com."), "none");
  EXPECT_EQ(found(domains, "acontoso.com"), "none");
}

TEST(AcceptedDomains, TheMostSpecificEntryWins) {
  const AcceptedDomains domains({{"*.com", DomainType::kExternalRelay},
                                 {"*.contoso.com", DomainType::kInternalRelay},
                                 {"mail.contoso.com", DomainType::kAuthoritative},
                                 {"contoso.com", DomainType::kAuthoritative}});
  EXPECT_EQ(found(domains, "mail.contoso.com"), "mail.contoso.com");
  EXPECT_EQ(found(domains, "x.mail.contoso.com"), "*.contoso.com");
  EXPECT_EQ(found(domains, "contoso.com"), "contoso.com");
  EXPECT_EQ(found(domains, "fabrikam.com"), "*.com");
  EXPECT_EQ(domains.find("mail.contoso.com")->type, DomainType::kAuthoritative);
}

TEST(AcceptedDomains, CaseDoesNotMatterOnEitherSide) {
  const AcceptedDomains domains({{"CONTOSO.com", DomainType::kAuthoritative},
                                 {"*.Fabrikam.COM", DomainType::kAuthoritative}});
  EXPECT_EQ(found(domains, "ConToso.COM"), "contoso.com");
  EXPECT_EQ(found(domains, "a.FABRIKAM.com"), "*.fabrikam.com");
}

TEST(AcceptedDomains, TheFirstOfTwoEqualEntriesCounts) {
  const AcceptedDomains domains(
      {{"contoso.com", DomainType::kInternalRelay}, {"Contoso.com", DomainType::kAuthoritative}});
  EXPECT_EQ(domains.find("contoso.com")->type, DomainType::kInternalRelay);
}

TEST(AcceptedDomains, NoneFindsNone) {
  EXPECT_EQ(AcceptedDomains().find("contoso.com"), nullptr);
  EXPECT_EQ(AcceptedDomains(std::vector<AcceptedDomain>()).find("contoso.com"), nullptr);
}

const AcceptedDomain* find_slowly(const std::vector<AcceptedDomain>& domains,
                                  std::string_view name) {
  const AcceptedDomain* best = nullptr;
  for (const auto& entry : domains) {
    if (equal_ignoring_case(entry.name, name)) return &entry;
    const std::string_view tail = std::string_view(entry.name).substr(1);  // ".contoso.com"
    const bool below = entry.name[0] == '*' && name.size() > tail.size() &&
                       equal_ignoring_case(name.substr(name.size() - tail.size()), tail);
    if (below && (best == nullptr || entry.name.size() > best->name.size())) best = &entry;
  }
  return best;
}

TEST(AcceptedDomains, AgreesWithALinearSearchOnRandomNames) {
  Prng prng(7);
  const auto random_name = [&] {
    std::string name;
    for (uint64_t labels = prng.between(1, 4); labels > 0; --labels) {
      name += static_cast<char>('a' + prng.below(3));
      if (labels > 1) name += '.';
    }
    return name;
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<AcceptedDomain> list;
    for (uint64_t i = prng.below(40); i > 0; --i) {
      std::string name = (prng.one_in(2) ? "*." : "") + random_name();
      const bool known = std::ranges::any_of(list, [&](auto& e) { return e.name == name; });
      if (!known) list.push_back({std::move(name), DomainType::kAuthoritative});
    }
    const AcceptedDomains domains(list);
    for (int i = 0; i < 200; ++i) {
      const std::string name = random_name();
      const AcceptedDomain* expected = find_slowly(list, name);
      EXPECT_EQ(found(domains, name), expected != nullptr ? expected->name : "none") << name;
    }
  }
}

TEST(AcceptedDomains, AStarCoversWhatNothingElseDoes) {
  const AcceptedDomains domains({{"*", DomainType::kInternalRelay},
                                 {"contoso.com", DomainType::kAuthoritative},
                                 {"*.contoso.com", DomainType::kExternalRelay},
                                 {"*", DomainType::kAuthoritative}});
  EXPECT_EQ(domains.find("contoso.com")->type, DomainType::kAuthoritative);
  EXPECT_EQ(domains.find("a.contoso.com")->type, DomainType::kExternalRelay);
  for (const char* other : {"fabrikam.com", "com", "x", "[10.0.0.1]", "contoso.com.evil.org"}) {
    ASSERT_NE(domains.find(other), nullptr) << other;
    EXPECT_EQ(domains.find(other)->type, DomainType::kInternalRelay) << other;
  }
  EXPECT_EQ(domains.find(""), nullptr);
  EXPECT_EQ(AcceptedDomains({{"*.com", DomainType::kAuthoritative}}).find("fabrikam.de"), nullptr);
}

}  // namespace
}  // namespace relais::policy
