#include "smtp/xclient.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::smtp {
namespace {

std::string shown(std::string_view arguments) {
  const auto got = parse_xclient(arguments);
  if (!got) return "bad";
  std::string text = got->address ? got->address->to_string() : got->address_unknown ? "?" : "-";
  if (got->port) text += ":" + std::to_string(*got->port);
  if (!got->login.empty()) text += " " + got->login;
  return text;
}

TEST(Xclient, SaysWhoseSessionItIs) {
  EXPECT_EQ(shown("ADDR=192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(shown("  addr=192.0.2.7\tport=1025  "), "192.0.2.7:1025");
  EXPECT_EQ(shown("ADDR=IPV6:2001:db8::1 PORT=25"), "2001:db8::1:25");
  EXPECT_EQ(shown("ADDR=2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(shown("ADDR=IPv6:::ffff:192.0.2.7"), "192.0.2.7");  // as policy sees it
  EXPECT_EQ(shown("ADDR=[UNAVAILABLE]"), "?");
  EXPECT_EQ(shown("ADDR=[tempunavail] PORT=[UNAVAILABLE]"), "?");
  EXPECT_EQ(shown("LOGIN=chris+40contoso.com"), "- chris@contoso.com");
  EXPECT_EQ(shown("LOGIN=k+C3+A4the"), "- k\xc3\xa4the");
  EXPECT_EQ(shown("LOGIN=[UNAVAILABLE]"), "-");
  EXPECT_EQ(shown("NAME=spike.example HELO=spike PROTO=smtp"), "-");
}

TEST(Xclient, RefusesWhatIsNotQuiteThat) {
  for (const std::string_view bad : {"",
                                     "  ",
                                     "ADDR",
                                     "ADDR=",
                                     "=192.0.2.7",
                                     "ADDR=192.0.2",
                                     "ADDR=192.0.2.7x",
                                     "ADDR=192.0.2.7:25",
                                     "ADDR=IPV6:",
                                     "ADDR=IPV4:192.0.2.7",
                                     "ADDR=192.0.2.7 ADDR=192.0.2.8",
                                     "PORT=",
                                     "PORT=x",
                                     "PORT=65536",
                                     "PORT=+2B1",
                                     "PORT=1 2",
                                     "DESTADDR=192.0.2.1",
                                     "LOGIN=a+00b",
                                     "LOGIN=a+0Ab",
                                     "LOGIN=a+4",
                                     "LOGIN=k+E4the",
                                     "LOGIN=a+C2+85",
                                     "LOGIN=a=b",
                                     "LOGIN=\xc3\xa4",
                                     "PROTO=LMTP",
                                     "NAME=a+7F",
                                     "ADDR = 192.0.2.7"}) {
    EXPECT_EQ(shown(bad), "bad") << bad;
  }
  EXPECT_EQ(shown("LOGIN=" + std::string(256, 'a')), "bad");
}

}  // namespace
}  // namespace relais::smtp
