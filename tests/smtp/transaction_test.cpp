#include "smtp/transaction.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace relais::smtp {
namespace {

Path parse(std::string_view text, PathRole role) {
  Path path;
  EXPECT_TRUE(take_path(text, role, path)) << text;
  return path;
}

TEST(Transaction, KeepsItsOwnCopies) {
  Transaction transaction;
  EXPECT_FALSE(transaction.has_sender());
  {
    const std::string sender = "<a@contoso.com>", first = "<b@Fabrikam.com.>",
                      second = "<postmaster>";
    transaction.set_sender(parse(sender, PathRole::kReverse));
    transaction.add_recipient(parse(first, PathRole::kForward));
    transaction.add_recipient(parse(second, PathRole::kForward));
  }
  EXPECT_EQ(transaction.sender(), "a@contoso.com");
  ASSERT_EQ(transaction.recipient_count(), 2U);
  EXPECT_EQ(transaction.recipient(0), "b@Fabrikam.com.");
  EXPECT_EQ(transaction.recipient_domain(0), "Fabrikam.com");
  EXPECT_EQ(transaction.recipient(1), "postmaster");
  EXPECT_EQ(transaction.recipient_domain(1), "");
}

TEST(Transaction, ForgetsEverythingAtOnce) {
  Transaction transaction;
  transaction.set_sender(parse("<>", PathRole::kReverse));
  EXPECT_TRUE(transaction.has_sender());
  EXPECT_EQ(transaction.sender(), "");
  transaction.add_recipient(parse("<b@contoso.com>", PathRole::kForward));
  transaction.declared_size = 5;
  transaction.body = BodyType::k7Bit;
  transaction.clear();
  EXPECT_FALSE(transaction.has_sender());
  EXPECT_EQ(transaction.recipient_count(), 0U);
  EXPECT_EQ(transaction.declared_size, 0U);
  EXPECT_EQ(transaction.body, BodyType::kUnspecified);
}

}  // namespace
}  // namespace relais::smtp
