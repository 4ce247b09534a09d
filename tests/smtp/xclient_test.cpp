#include "smtp/xclient.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::smtp {
namespace {

std::string shown(std::string_view arguments) {
  const auto got = parse_xclient(arguments);
  if (!got) return "bad";
  std::string text = got->address ? got->address->to_string() : "-";
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
  EXPECT_EQ(shown("ADDR=[UNAVAILABLE]"), "-");
  EXPECT_EQ(shown("ADDR=[tempunavail] PORT=[UNAVAILABLE]"), "-");
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

std::string said(std::string_view offered, const NamedClient& client) {
  return xclient_command(xclient_attributes(offered), client);
}

TEST(Xclient, SaysWhatIsOffered) {
  const NamedClient client{.remote = *Endpoint::parse("192.0.2.7:1500"),
                           .local = *Endpoint::parse("10.0.0.5:25"),
                           .hello = "web 1",
                           .login = "k\xc3\xa4the+a=b"};
  EXPECT_EQ(said(" NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT", client),
            "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=1500 PROTO=ESMTP HELO=web+201 "
            "LOGIN=k+C3+A4the+2Ba+3Db DESTADDR=10.0.0.5 DESTPORT=25");
  EXPECT_EQ(said("helo addr Addr TIME", client), "XCLIENT ADDR=192.0.2.7 HELO=web+201");
  const NamedClient stranger{.remote = *Endpoint::parse("[2001:db8::7]:0"),
                             .local = *Endpoint::parse("[2001:db8::5]:25"),
                             .hello = {},
                             .esmtp = false,
                             .login = {}};
  EXPECT_EQ(said("ADDR PORT PROTO HELO LOGIN DESTADDR", stranger),
            "XCLIENT ADDR=IPV6:2001:db8::7 PORT=[UNAVAILABLE] PROTO=SMTP HELO=[UNAVAILABLE] "
            "LOGIN=[UNAVAILABLE] DESTADDR=IPV6:2001:db8::5");
  EXPECT_FALSE(names_addresses(xclient_attributes("NAME DESTADDR")));
  EXPECT_TRUE(names_addresses(xclient_attributes("NAME ADDR")));
}

TEST(Xclient, IsNotLongerThanALineAndHelloGivesWayFirst) {
  constexpr size_t kMax = 512 - std::string_view("\r\n").size();
  const std::string offered(kXclientOffer);
  NamedClient client{.remote = *Endpoint::parse("192.0.2.7:1500"), .local = {}};
  const size_t rest = said(offered, client).size() - 2 * std::string_view("[UNAVAILABLE]").size();
  client.login = std::string(200, 'u');
  client.hello = std::string(kMax - rest - client.login.size(), 'h');
  EXPECT_EQ(said(offered, client).size(), kMax);
  EXPECT_NE(said(offered, client).find(" HELO=" + client.hello + ' '), std::string::npos);
  client.hello += 'h';
  EXPECT_EQ(said(offered, client),
            "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=1500 PROTO=ESMTP HELO=[UNAVAILABLE] "
            "LOGIN=" +
                client.login);
  // Each of these octets is said with three.
  client.login = std::string(100, '+') + std::string(kMax - 300 - rest - 13, 'u');
  EXPECT_EQ(said(offered, client).size(), kMax);
  EXPECT_TRUE(said(offered, client).ends_with('u'));
  client.login += 'u';
  EXPECT_TRUE(said(offered, client).ends_with(" HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE]"));
  client.hello = "web";
  EXPECT_TRUE(said(offered, client).ends_with('u')) << "shorter than to say that it is unknown";
  client.login += "uuuuuuuuuu";
  EXPECT_TRUE(said(offered, client).ends_with(" HELO=web LOGIN=[UNAVAILABLE]"));
  EXPECT_TRUE(said("ADDR LOGIN", client).ends_with(client.login.substr(100))) << "it has room";
}

TEST(Xclient, IsReadAsItIsSaid) {
  const auto heard = [](const NamedClient& client) {
    const std::string command = said(kXclientOffer, client);
    return shown(std::string_view(command).substr(kXclientVerb.size()));
  };
  for (const char* address : {"192.0.2.7:1500", "[2001:db8::7]:1500"}) {
    const Endpoint remote = *Endpoint::parse(address);
    const std::string text = remote.address.to_string() + ":1500";
    EXPECT_EQ(heard({.remote = remote, .local = {}, .hello = "a b+c=\xe4", .login = {}}), text);
    EXPECT_EQ(heard({.remote = remote, .local = {}, .hello = {}, .login = "k\xc3\xa4the =+"}),
              text + " k\xc3\xa4the =+");
    EXPECT_EQ(heard({.remote = remote, .local = {}, .hello = std::string(300, 'x'), .login = {}}),
              text);
  }
}

}  // namespace
}  // namespace relais::smtp
