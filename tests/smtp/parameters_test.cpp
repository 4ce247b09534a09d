#include "smtp/parameters.h"

#include <gtest/gtest.h>

#include "smtp/server.h"

namespace relais::smtp {
namespace {

const Reply* check(std::string_view text, MailParameters& out) {
  static const ServerOptions kOptions;
  return check_mail_parameters(text, kOptions, out);
}

TEST(Parameters, AreTakenOneByOne) {
  std::string_view text = "  SIZE=10\tBODY=8BITMIME X-FLAG";
  Parameter parameter;
  ASSERT_TRUE(take_parameter(text, parameter));
  EXPECT_EQ(parameter.keyword, "SIZE");
  EXPECT_EQ(parameter.value, "10");
  ASSERT_TRUE(take_parameter(text, parameter));
  EXPECT_EQ(parameter.keyword, "BODY");
  ASSERT_TRUE(take_parameter(text, parameter));
  EXPECT_EQ(parameter.keyword, "X-FLAG");
  EXPECT_FALSE(parameter.has_value);
  EXPECT_EQ(text, "");
}

TEST(Parameters, GiveSizeAndBody) {
  MailParameters mail;
  EXPECT_EQ(check(" SIZE=18446744073709551615 BODY=8BITMIME", mail), nullptr);
  EXPECT_EQ(mail.size, UINT64_MAX);
  EXPECT_EQ(mail.body, BodyType::k8BitMime);
  EXPECT_EQ(check("", mail), nullptr);
  EXPECT_EQ(mail.size, 0U);
  EXPECT_EQ(mail.body, BodyType::kUnspecified);
}

TEST(Parameters, SaturateASizeThatDoesNotFit) {
  MailParameters mail;
  EXPECT_EQ(check(" SIZE=18446744073709551616", mail), nullptr);
  EXPECT_EQ(mail.size, UINT64_MAX);
  EXPECT_EQ(check(" SIZE=99999999999999999999", mail), nullptr);
  EXPECT_EQ(mail.size, UINT64_MAX);
  EXPECT_EQ(check(" SIZE=100000000000000000000", mail), &replies::kBadArguments) << "21 digits";
}

TEST(Parameters, AreUnknownOrBad) {
  MailParameters mail;
  EXPECT_EQ(check(" FOO", mail), &replies::kUnknownParameter);
  EXPECT_EQ(check(" FOO=bar", mail), &replies::kUnknownParameter);
  EXPECT_EQ(check(" FOO=", mail), &replies::kBadArguments);
  EXPECT_EQ(check(" SIZE=1 size=2", mail), &replies::kBadArguments);
  EXPECT_EQ(check(" BODY=7BIT body=7BIT", mail), &replies::kBadArguments);
  EXPECT_EQ(check_rcpt_parameters(""), nullptr);
  EXPECT_EQ(check_rcpt_parameters(" SIZE=1"), &replies::kUnknownParameter);
}

}  // namespace
}  // namespace relais::smtp
