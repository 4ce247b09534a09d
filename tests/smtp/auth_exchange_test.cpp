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

TEST(auth_exchange, says_what_is_wrong_without_a_word_of_the_client_s) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {{"", 0}, "no two NULs around the user name"},
      {{"\0kate", 5}, "no two NULs around the user name"},
      {{"\0\0s3cret", 8}, "no user name"},
      {{"\0kate\0", 6}, "no password"},
      {{"bob\0kate\0s3cret", 15}, "acts for another user"},
      {{"\0ka\nte\0s3cret", 13}, "a control character in the user name"},
      {{"\0k\xe4te\0s3cret", 12}, "the user name is no UTF-8"},
      {{"\0kate\0s3c\0ret", 13}, "a control character in the password"},
  };
  for (const auto& [message, flaw] : rows) {
    AuthExchange exchange(AuthExchange::Mechanism::kPlain);
    EXPECT_EQ(exchange.begin(encode_base64(message)), Step::kImpossible);
    EXPECT_TRUE(exchange.impossible());
    EXPECT_EQ(exchange.flaw(), flaw);
    EXPECT_TRUE(exchange.credentials().user.empty() && exchange.credentials().password.empty());
  }
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
