#include "smtp/parameters.h"

#include <gtest/gtest.h>

#include "smtp/server.h"

namespace relais::smtp {
namespace {

const Reply* check(std::string_view text, MailParameters& out) {
  static const ServerOptions kOptions;
  return check_mail_parameters(text, kOptions, out);
}

const Reply* check_rcpt(std::string_view text) {
  static const ServerOptions kOptions;
  RecipientDsn dsn;
  return check_rcpt_parameters(text, kOptions, dsn);
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
  EXPECT_EQ(check_rcpt(""), nullptr);
  EXPECT_EQ(check_rcpt(" SIZE=1"), &replies::kUnknownParameter);
}

TEST(Parameters, OfWhatIsNotOfferedAreUnknown) {
  ServerOptions options;
  options.dsn = options.smtp_utf8 = options.eight_bit_mime = false;
  MailParameters mail;
  RecipientDsn dsn;
  for (const char* text : {" RET=FULL", " ENVID=1", " SMTPUTF8", " BODY=8BITMIME"})
    EXPECT_EQ(check_mail_parameters(text, options, mail), &replies::kUnknownParameter) << text;
  EXPECT_EQ(check_rcpt_parameters(" NOTIFY=NEVER", options, dsn), &replies::kUnknownParameter);
  options = {};
  options.chunking = false;
  EXPECT_EQ(check_mail_parameters(" BODY=BINARYMIME", options, mail), &replies::kBadArguments);
  options.chunking = true;
  EXPECT_EQ(check_mail_parameters(" BODY=binarymime", options, mail), nullptr);
  EXPECT_EQ(mail.body, BodyType::kBinaryMime);
}

TEST(Parameters, AskForNotifications) {
  MailParameters mail;
  EXPECT_EQ(check(" RET=hdrs ENVID=QQ+2B314 SMTPUTF8", mail), nullptr);
  EXPECT_EQ(mail.ret, DsnReturn::kHeaders);
  EXPECT_EQ(mail.envid, "QQ+2B314");
  EXPECT_TRUE(mail.utf8);
  for (const char* bad :
       {" RET=BODY", " RET", " RET=FULL RET=FULL", " ENVID", " ENVID=a+2", " ENVID=+0D",
        " ENVID=+0a", " ENVID=+2b", " ENVID=+7F", " ENVID=+80", " SMTPUTF8=yes"})
    EXPECT_EQ(check(bad, mail), &replies::kBadArguments) << bad;
  EXPECT_EQ(check(" ENVID=" + std::string(100, 'x'), mail), nullptr);
  EXPECT_EQ(check(" ENVID=" + std::string(101, 'x'), mail), &replies::kBadArguments);
  static const ServerOptions kOptions;
  RecipientDsn dsn;
  EXPECT_EQ(check_rcpt_parameters(" NOTIFY=success,DELAY ORCPT=rfc822;a+2Bb@x.org", kOptions, dsn),
            nullptr);
  EXPECT_EQ(dsn.notify, dsn_notify::kSuccess | dsn_notify::kDelay);
  EXPECT_EQ(dsn.orcpt, "rfc822;a+2Bb@x.org");
  EXPECT_EQ(check_rcpt(" NOTIFY=NEVER ORCPT=utf-8;k\xc3\xa4the@x.org"), nullptr);
  for (const char* bad :
       {" NOTIFY", " NOTIFY=", " NOTIFY=NEVER,DELAY", " NOTIFY=DELAY,DELAY", " NOTIFY=DELAY,",
        " NOTIFY=,DELAY", " NOTIFY=ALWAYS", " ORCPT=a@x.org", " ORCPT=;a@x.org", " ORCPT=rfc822;",
        " ORCPT=rfc822;a+0Ab@x.org", " ORCPT=rfc822;a+00b@x.org", " ORCPT=rfc822;a+b@x.org",
        " ORCPT=r c;a@x.org", " ORCPT=rfc822;k\xc3\xa4the@x.org", " ORCPT=rfc 822;a@x.org"}) {
    EXPECT_EQ(check_rcpt(bad), &replies::kBadArguments) << bad;
  }
}

}  // namespace
}  // namespace relais::smtp
