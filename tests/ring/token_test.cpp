#include <gtest/gtest.h>

#include "base/prng.h"
#include "ring/operation.h"

namespace relais::ring {
namespace {

TEST(Token, every_field_survives_the_way_through_the_kernel) {
  Prng prng(1);
  for (int i = 0; i < 10'000; ++i) {
    const Token token{static_cast<Operation>(prng.below(256)),
                      {static_cast<uint32_t>(prng.next()),
                       static_cast<uint32_t>(prng.below(Slab<int>::kGenerationMask + 1))}};
    const Token back = Token::unpack(token.pack());
    EXPECT_EQ(back.operation, token.operation);
    EXPECT_EQ(back.handle, token.handle);
  }
}

TEST(Token, an_empty_one_is_dropped) {
  EXPECT_EQ(Token::unpack(Token{}.pack()).operation, Operation::kNone);
  EXPECT_TRUE(Token::unpack(Token{}.pack()).handle.is_null());
}

TEST(Token, generations_that_wrapped_in_the_slab_wrap_in_the_token_too) {
  const Token token{Operation::kSessionTimer, {1, Slab<int>::kGenerationMask}};
  EXPECT_EQ(Token::unpack(token.pack()).handle.generation, Slab<int>::kGenerationMask);
}

}  // namespace
}  // namespace relais::ring
