#include "tls/name_table.h"

#include <gtest/gtest.h>

namespace relais::tls::test {
namespace {

TEST(NameTable, MatchesAsRfc6125Says) {
  NameTable table;
  EXPECT_TRUE(table.add("relay.contoso.com", 0));
  EXPECT_TRUE(table.add("*.contoso.com", 1));
  EXPECT_TRUE(table.add("contoso.com", 2));
  EXPECT_FALSE(table.add("contoso.com", 3)) << "the earlier wins";
  EXPECT_FALSE(table.add("*.com", 4)) << "no whole top level";
  struct Row {
    std::string_view name;
    int index;
  };
  for (const Row& row :
       {Row{"relay.contoso.com", 0}, Row{"RELAY.Contoso.COM", 0}, Row{"relay.contoso.com.", 0},
        Row{"mx.contoso.com", 1}, Row{"a.mx.contoso.com", -1}, Row{"contoso.com", 2},
        Row{".contoso.com", -1}, Row{"*.contoso.com", -1}, Row{"fabrikam.com", -1}, Row{"", -1},
        Row{".", -1}, Row{"com", -1}, Row{"mx contoso.com", -1}, Row{"mx\0.contoso.com", -1}}) {
    const auto found = table.find(row.name);
    EXPECT_EQ(found ? static_cast<int>(*found) : -1, row.index) << row.name;
  }
}

TEST(HostName, IsLettersDigitsAndALeadingWildcard) {
  for (const char* good : {"a", "a-b.c_d.e", "*.a.b", "1.2"}) EXPECT_TRUE(is_host_name(good));
  for (const char* bad : {"", "*.", "*", "a*.b", "a.*.b", "a b", "a\nb", "\xc3\xa4.de", "a/b"}) {
    EXPECT_FALSE(is_host_name(bad)) << bad;
  }
  EXPECT_FALSE(is_host_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace relais::tls::test
