#include "smtp/from_domains.h"

#include <gtest/gtest.h>

namespace relais::smtp {
namespace {

std::string domains_of(std::string_view values) {
  // The colon of a second field stands in the cases.
  const auto domains = from_domains(values.empty() ? "" : ':' + std::string(values));
  if (!domains) return "?";
  std::string text;
  for (const std::string& domain : *domains) text += (text.empty() ? "" : " ") + domain;
  return text;
}

TEST(FromDomains, NoFieldShowsNobody) { EXPECT_EQ(domains_of(""), ""); }

TEST(FromDomains, AreThoseOfTheAddresses) {
  const std::pair<const char*, const char*> cases[] = {
      {" chris@contoso.com\r\n", "contoso.com"},
      {"chris@contoso.com.\r\n", "contoso.com"},
      {" <chris@contoso.com>\r\n", "contoso.com"},
      {" Chris Green <chris@contoso.com>\r\n", "contoso.com"},
      {" \"Green, Chris <a@b.c>\" <chris@contoso.com>\r\n", "contoso.com"},
      {" chris@contoso.com (Chris \\) <a@b.c>)\r\n", "contoso.com"},
      {" Chris\r\n\t<chris\r\n @contoso.com>\r\n", "contoso.com"},
      {" chris @ contoso . com\r\n", "contoso.com"},
      {" \"a@b\"@contoso.com\r\n", "contoso.com"},
      {" a@contoso.com, Kate <kate@fabrikam.com>,\r\n", "contoso.com fabrikam.com"},
      {" Team: a@contoso.com, b@fabrikam.com;\r\n", "contoso.com fabrikam.com"},
      {" =?UTF-8?Q?Zo=C3=AB?= <zoe@contoso.com>\r\n", "contoso.com"},
      {" Zo\xc3\xab <zoe@contoso.com>\r\n", "contoso.com"},
      {" a@contoso.com\r\n b@fabrikam.com\r\n", "?"},  // one field of two words
      {" a@contoso.com\r\n:b@fabrikam.com\r\n", "contoso.com fabrikam.com"},  // two fields
  };
  for (const auto& [value, expected] : cases) EXPECT_EQ(domains_of(value), expected) << value;
}

TEST(FromDomains, OfWhatTwoReadersMightReadInTwoWaysThereAreNone) {
  for (const char* value : {"\r\n",
                            ":a@b.c\r\n",
                            "Team: a@b.c\r\n",
                            "a@b.c\r\nd@e.f\r\n",
                            " ,\r\n",
                            " Chris\r\n",
                            " <>\r\n",
                            " <chris>\r\n",
                            " chris@\r\n",
                            " @contoso.com\r\n",
                            " a@contoso.com@fabrikam.com\r\n",
                            " <a@b.c> <d@e.f>\r\n",
                            " <a@b.c> d@e.f\r\n",
                            " <a@b.c> \"x\"\r\n",
                            " <@x.y:a@b.c>\r\n",
                            " <a@b.c\r\n",
                            " a@b.c>\r\n",
                            " \"a@b.c\r\n",
                            " (a@b.c\r\n",
                            " a@b.c)\r\n",
                            " chris a@b.c\r\n",
                            " a@[192.0.2.1]\r\n",
                            " a@b.c\\\r\n",
                            " a@b.c; d@e.f\r\n",
                            " x: y: a@b.c;\r\n",
                            " a@zo\xc3\xab.com\r\n",
                            " <<a@b.c>>\r\n",
                            " Nobody:;\r\n",
                            " <a@b.c>: d@e.f\r\n"}) {
    EXPECT_EQ(domains_of(value), "?") << value;
  }
}

}  // namespace
}  // namespace relais::smtp
