#include "policy/address_book.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/prng.h"

namespace relais::policy {
namespace {

using Added = AddressBook::Added;

TEST(AddressBook, FindsNamesWhateverTheCaseOfTheAddress) {
  AddressBook book;
  EXPECT_EQ(book.find("chris@contoso.com"), "");
  EXPECT_EQ(book.add("Chris@Contoso.com", "Chris Green"), Added::kNew);
  EXPECT_EQ(book.add("zoe@contoso.com", "Zo\xc3\xab"), Added::kNew);
  book.freeze();
  EXPECT_EQ(book.find("chris@contoso.com"), "Chris Green");
  EXPECT_EQ(book.find("CHRIS@CONTOSO.COM"), "Chris Green");
  EXPECT_EQ(book.find("zoe@contoso.com"), "Zo\xc3\xab");
  EXPECT_EQ(book.find("chris@contoso.co"), "");
  EXPECT_EQ(book.find("chris@contoso.com "), "");
  EXPECT_EQ(book.find(""), "");
  EXPECT_EQ(book.size(), 2U);
}

TEST(AddressBook, KeepsTheFirstNameOfAnAddress) {
  AddressBook book;
  EXPECT_EQ(book.add("chris@contoso.com", "Chris"), Added::kNew);
  EXPECT_EQ(book.add("CHRIS@contoso.com", "Christine"), Added::kAgain);
  EXPECT_EQ(book.find("chris@contoso.com"), "Chris");
  EXPECT_EQ(book.size(), 1U);
}

TEST(AddressBook, TakesTheLongestAddressAndName) {
  AddressBook book;
  const std::string address(AddressBook::kAddressMax, 'a'), name(AddressBook::kDisplayNameMax, 'n');
  EXPECT_EQ(book.add(address, name), Added::kNew);
  EXPECT_EQ(book.find(address), name);
}

TEST(AddressBook, DoesAsAMapWithRandomEntriesAndSaysItsMemory) {
  Prng prng(1);
  std::map<std::string, std::string> map;
  AddressBook book;
  size_t text = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string address =
        std::to_string(prng.below(40'000)) + "@" + std::to_string(prng.below(3)) + ".contoso.com";
    const std::string name = "Name " + std::to_string(i);
    const bool is_new = map.try_emplace(address, name).second;
    ASSERT_EQ(book.add(address, name), is_new ? Added::kNew : Added::kAgain);
    if (is_new) text += address.size() + name.size();
  }
  book.freeze();
  ASSERT_EQ(book.size(), map.size());
  for (const auto& [address, name] : map) ASSERT_EQ(book.find(address), name);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(book.find(std::to_string(i) + "@x.contoso.com"), "");
  EXPECT_LE(book.memory_octets(), text + map.size() * 15);
}

}  // namespace
}  // namespace relais::policy
