#include "base/guid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "base/prng.h"

namespace relais {
namespace {

std::string text_of(const Guid& guid) {
  const auto text = guid.text();
  return std::string(view(text));
}

TEST(Guid, prints_its_digits_in_groups) {
  const Guid guid{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(text_of(guid), "01234567-89ab-cdef-fedc-ba9876543210");
}

// In `form`, x is any digit of base 16 and v one of the RFC's variant. std::regex takes seconds to
// compile.
bool has_form(std::string_view text, std::string_view form) {
  return std::ranges::equal(text, form, [](char c, char expected) {
    if (expected == 'x') return std::string_view("0123456789abcdef").contains(c);
    if (expected == 'v') return std::string_view("89ab").contains(c);
    return c == expected;
  });
}

TEST(Guid, has_version_8_and_the_rfc_variant) {
  Prng prng(1);
  for (int i = 0; i < 1000; ++i) {
    const auto core = static_cast<uint16_t>(prng.next());
    const std::string text = text_of(make_guid(prng.next(), core, prng.next()));
    EXPECT_TRUE(has_form(text, "xxxxxxxx-xxxx-8xxx-vxxx-xxxxxxxxxxxx")) << text;
  }
}

TEST(Guid, differs_for_every_number_core_and_start) {
  std::set<Guid> seen;
  size_t made = 0;
  for (const uint64_t salt : {uint64_t{0x1122334455667788}, uint64_t{0x1122334455677788}}) {
    for (uint16_t core = 0; core < 64; ++core) {
      for (uint64_t number = 0; number < 200; ++number, ++made)
        seen.insert(make_guid(salt, core, number));
      // Far away from the small ones, as after years.
      for (uint64_t number = 1ULL << 40; number < (1ULL << 40) + 50; ++number, ++made)
        seen.insert(make_guid(salt, core, number));
    }
  }
  EXPECT_EQ(seen.size(), made);
}

TEST(Guid, neighbours_do_not_look_alike) {
  const Guid a = make_guid(1, 0, 1000);
  const Guid b = make_guid(1, 0, 1001);
  EXPECT_GT(__builtin_popcountll(a.low ^ b.low), 8);
}

}  // namespace
}  // namespace relais
