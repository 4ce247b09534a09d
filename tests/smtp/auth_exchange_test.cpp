// Base64 and the two mechanisms, sans server. The dialogues (tests/dialogues/auth-*) show them from
// outside.
#include "smtp/auth_exchange.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "smtp/base64.h"

namespace relais::smtp {
namespace {

using Step = AuthExchange::Step;

TEST(base64, is_what_rfc_4648_shows) {
  const std::pair<std::string_view, std::string_view> rows[] = {{"", ""},
                                                                {"f", "Zg=="},
                                                                {"fo", "Zm8="},
                                                                {"foo", "Zm9v"},
                                                                {"foob", "Zm9vYg=="},
                                                                {"fooba", "Zm9vYmE="},
                                                                {"foobar", "Zm9vYmFy"},
                                                                {"\xff\xef", "/+8="}};
  for (const auto& [octets, text] : rows) {
    EXPECT_EQ(encode_base64(octets), text);
    EXPECT_EQ(decode_base64(text), octets);
  }
}

TEST(base64, what_is_not_exactly_it_is_refused) {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "=", "==", "====", "Zg==Zg==", "Z===", "Zh==", "Zm9=", "Zm 9",
        "Zm9v\n", "Zm9v\r\n", "Zm-v", "Zm_v", "Z\xc3\xa4==", "=Zg="})
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

TEST(base64, any_octets_come_back) {
  Prng random(7);
  for (size_t length = 0; length < 200; ++length) {
    std::string octets(length, '\0');
    for (char& c : octets) c = static_cast<char>(random.next());
    EXPECT_EQ(decode_base64(encode_base64(octets)), octets);
  }
}

TEST(auth_exchange, plain_asks_with_an_empty_challenge) {
  AuthExchange exchange(AuthExchange::Mechanism::kPlain);
  EXPECT_EQ(exchange.begin(std::nullopt), Step::kChallenge);
  EXPECT_EQ(exchange.challenge(), "");
  EXPECT_EQ(exchange.take(encode_base64(std::string_view("\0kate\0s3cret", 12))), Step::kComplete);
  EXPECT_EQ(exchange.credentials().user, "kate");
  EXPECT_EQ(exchange.credentials().password, "s3cret");
}

TEST(auth_exchange, login_asks_for_the_name_then_for_the_password) {
  AuthExchange exchange(AuthExchange::Mechanism::kLogin);
  EXPECT_EQ(exchange.begin(std::nullopt), Step::kChallenge);
  EXPECT_EQ(decode_base64(exchange.challenge()), "Username:");
  EXPECT_EQ(exchange.take(encode_base64("k\xc3\xa4te")), Step::kChallenge);
  EXPECT_EQ(decode_base64(exchange.challenge()), "Password:");
  EXPECT_EQ(exchange.take(encode_base64("s3cret")), Step::kComplete);
  EXPECT_EQ(exchange.credentials().user, "k\xc3\xa4te");
}

TEST(auth_exchange, a_password_is_wiped_when_it_moves) {
  Credentials first("kate", "secret");
  Credentials second(std::move(first));
  EXPECT_EQ(second.password, "secret");
  EXPECT_TRUE(first.password.empty());  // NOLINT: that it is empty is the point
  first = std::move(second);
  EXPECT_TRUE(second.password.empty());  // NOLINT
}

}  // namespace
}  // namespace relais::smtp
