#include "smtp/path.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::smtp {
namespace {

// Accepted and refused addresses are dialogues (paths-accepted, paths-refused); here are the parts.
TEST(Path, IsTakenApart) {
  struct Case {
    std::string_view text, address, local, domain, rest;
  };
  static constexpr Case kCases[] = {
      {"<a@contoso.com>", "a@contoso.com", "a", "contoso.com", ""},
      {" <a@contoso.com> SIZE=1", "a@contoso.com", "a", "contoso.com", " SIZE=1"},
      {"a@contoso.com SIZE=1", "a@contoso.com", "a", "contoso.com", " SIZE=1"},
      {"<a@contoso.com.>", "a@contoso.com.", "a", "contoso.com", ""},
      {"<\"x@y\"@contoso.com>", "\"x@y\"@contoso.com", "\"x@y\"", "contoso.com", ""},
      {"<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]", ""},
      {"<a%b@contoso.com>", "a%b@contoso.com", "a%b", "contoso.com", ""},
      {"<POSTMASTER>", "POSTMASTER", "POSTMASTER", "", ""},
  };
  for (const Case& c : kCases) {
    std::string_view rest = c.text;
    Path path;
    ASSERT_TRUE(take_path(rest, PathRole::kForward, path)) << c.text;
    EXPECT_EQ(path.address, c.address);
    EXPECT_EQ(path.local, c.local);
    EXPECT_EQ(path.domain, c.domain);
    EXPECT_EQ(rest, c.rest);
  }
}

TEST(Path, NullIsForSendersOnly) {
  std::string_view text = "<> SIZE=1";
  Path path;
  ASSERT_TRUE(take_path(text, PathRole::kReverse, path));
  EXPECT_TRUE(path.is_null());
  EXPECT_EQ(text, " SIZE=1");
  text = "<>";
  EXPECT_FALSE(take_path(text, PathRole::kForward, path));
}

TEST(Path, HasLimitsThatAreMet) {
  const auto accepted = [](size_t local, size_t domain) {
    std::string name;
    while (name.size() + 64 < domain) name += std::string(63, 'd') + ".";
    name += std::string(domain - name.size(), 'e');
    const std::string address = std::string(local, 'l') + "@" + name;
    std::string_view text = address;
    Path path;
    return take_path(text, PathRole::kForward, path);
  };
  EXPECT_TRUE(accepted(1, 1));
  EXPECT_TRUE(accepted(kLocalMax, kDomainMax));
  EXPECT_FALSE(accepted(kLocalMax + 1, 10));
  EXPECT_FALSE(accepted(1, kDomainMax + 1));
  EXPECT_EQ(kLocalMax + 1 + kDomainMax, kAddressMax);
}

TEST(Path, RefusesEveryOctetThatIsNotPrintable) {
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    if (c >= ' ' && c <= '~') continue;
    for (const char* form :
         {"<a#b@contoso.com>", "<a@con#toso.com>", "<\"a#b\"@contoso.com>", "<\"a\\#b\"@x.com>",
          "<a@contoso.com#>", "a#b@contoso.com", "<#a@contoso.com>"}) {
      std::string text = form;
      text[text.find('#')] = c;
      std::string_view rest = text;
      Path path;
      const bool taken = take_path(rest, PathRole::kForward, path);
      // Whether UTF-8 may come at all is the server's question; it is told that it came.
      EXPECT_TRUE(!taken || (octet >= 0x80 && path.utf8)) << form << " octet " << octet;
    }
  }
}

TEST(Domain, IsADomainOrALiteral) {
  for (const std::string_view good :
       {"contoso.com", "a", "xn--bcher-kva.example", "my_host", "1.2", "192.0.2.1", "[192.0.2.1]",
        "[IPv6:2001:db8::1]", "[ipv6:::1]", "[IPv6:::ffff:192.0.2.1]"}) {
    EXPECT_TRUE(is_domain_or_literal(good)) << good;
  }
  for (const std::string_view bad :
       {"", ".", "contoso.com.", ".contoso.com", "con toso.com", "contoso..com", "-a.com", "a-.com",
        "[", "[]", "[192.0.2.1", "[192.0.2.256]", "[192.0.2.1]x", "[::1]", "[IPv6:192.0.2.1]",
        "[IPv6:]", "a[192.0.2.1]", "caf\xc3\xa9.fr"}) {
    EXPECT_FALSE(is_domain_or_literal(bad)) << bad;
  }
}

}  // namespace
}  // namespace relais::smtp
