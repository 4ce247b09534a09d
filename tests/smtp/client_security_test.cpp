// The client's STARTTLS, XCLIENT and AUTH against scripted servers, and what a server must not get
// past it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "smtp/auth_exchange.h"
#include "smtp/client.h"

namespace relais::smtp::test {
namespace {

using Kind = ClientEvent::Kind;
using Stage = ClientEvent::Stage;

const Credentials kWho{"relay@contoso.com", "secret word"};
constexpr std::string_view kPlainLine = "AUTH PLAIN AHJlbGF5QGNvbnRvc28uY29tAHNlY3JldCB3b3Jk\r\n";
constexpr std::string_view kHello = "EHLO relay.contoso.com\r\n";
constexpr std::string_view kOffered =
    "220 hop\r\n250-hop\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n";

std::string shown(const ClientEvent& event) {
  if (event.kind == Kind::kStartTls) return "tls";
  if (event.kind == Kind::kReady) return "ready";
  if (event.kind != Kind::kUnusable) return "?";
  const std::string stage = event.stage == Stage::kTls       ? "tls"
                            : event.stage == Stage::kAuth    ? "auth"
                            : event.stage == Stage::kXclient ? "xclient"
                                                             : "session";
  return "unusable (" + stage + ") " + std::to_string(event.reply.code) + " " +
         std::string(event.reply.text);
}

// A client that hears replies in pieces of its own memory, and whose handshakes succeed.
class Talk {
 public:
  explicit Talk(ClientOptions options, size_t piece = SIZE_MAX)
      : client_((options.ehlo_name = "relay.contoso.com", options)), piece_(piece) {}

  // What became of it: the last event, or "".
  std::string hear(std::string_view replies) {
    std::string last;
    while (!replies.empty()) {
      const std::string_view part = replies.substr(0, piece_);
      replies.remove_prefix(part.size());
      const std::vector<char> memory(part.begin(), part.end());
      client_.feed(memory);
      for (;;) {
        const ClientEvent event = client_.next();
        client_.invariants();
        if (event.kind == Kind::kNeedInput) break;
        last = shown(event);
        if (event.kind == Kind::kStartTls) {
          said_ += "(handshake)\n";
          client_.tls_started();
        }
        if (event.kind == Kind::kUnusable) {
          EXPECT_EQ(shown(client_.next()), last) << "it stays so";
          break;
        }
      }
      said_ += client_.output();
      client_.output_consumed(client_.output().size());
    }
    return last;
  }
  const std::string& said() const { return said_; }
  const Client& client() const { return client_; }

 private:
  Client client_;
  size_t piece_;
  std::string said_;
};

std::string lines(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

TEST(ClientTls, BeginsItWhereItIsOfferedAndForgetsWhatWasSaidBefore) {
  for (size_t piece = 1; piece < 90; ++piece) {
    Talk talk({.start_tls = StartTls::kIfOffered}, piece);
    EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250-PIPELINING\r\n250-SIZE 5\r\n250 STARTTLS\r\n"),
              "");
    EXPECT_EQ(talk.hear("220 go\r\n"), "tls");
    EXPECT_FALSE(talk.client().can_begin());
    EXPECT_FALSE(talk.client().extensions().pipelining);
    EXPECT_EQ(talk.hear("250-hop\r\n250-STARTTLS\r\n250 DSN\r\n"), "ready") << "once is enough";
    EXPECT_TRUE(talk.client().extensions().dsn);
    EXPECT_FALSE(talk.client().extensions().pipelining);
    EXPECT_FALSE(talk.client().extensions().size);
    EXPECT_EQ(talk.said(), lines({kHello, "STARTTLS\r\n", "(handshake)\n", kHello}));
  }
}

TEST(ClientTls, GoesOnInTheClearOnlyWhereItMay) {
  struct Case {
    std::string_view replies, opportunistic, required;
  };
  static constexpr Case kCases[] = {
      {"220 hop\r\n250 hop\r\n", "ready", "unusable (tls) 0 STARTTLS is not offered"},
      {"220 hop\r\n502 what\r\n250 hop\r\n", "ready", "unusable (tls) 0 STARTTLS is not offered"},
      {"220 hop\r\n250 STARTTLS is my name\r\n", "ready",
       "unusable (tls) 0 STARTTLS is not offered"},
      {"!454 4.7.0 TLS not available\r\n", "ready", "unusable (tls) 454 4.7.0 TLS not available"},
      {"!501 what\r\n", "ready", "unusable (tls) 501 what"},
      {"!250 ok\r\n", "unusable (tls) 250 ok", "unusable (tls) 250 ok"},
      {"!334 eh\r\n", "unusable (tls) 334 eh", "unusable (tls) 334 eh"},
      {"!421 busy\r\n", "unusable (session) 421 busy", "unusable (session) 421 busy"},
  };
  for (const Case& c : kCases) {
    for (const StartTls how : {StartTls::kIfOffered, StartTls::kRequired}) {
      Talk talk({.start_tls = how});
      std::string_view replies = c.replies;
      if (replies.front() == '!') {
        EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 STARTTLS\r\n"), "");
        replies.remove_prefix(1);
      }
      EXPECT_EQ(talk.hear(replies), how == StartTls::kRequired ? c.required : c.opportunistic)
          << c.replies;
    }
  }
}

TEST(ClientTls, DoesNotAskWhereItMustNot) {
  Talk talk({.start_tls = StartTls::kNever});
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 STARTTLS\r\n"), "ready");
  EXPECT_EQ(talk.said(), kHello);
}

// CVE-2011-0411 from the other side: what somebody in the middle put in front of the handshake.
TEST(ClientTls, TakesNothingThatCameInTheClear) {
  for (const StartTls how : {StartTls::kIfOffered, StartTls::kRequired}) {
    Talk behind({.start_tls = how});
    EXPECT_EQ(behind.hear("220 hop\r\n250-hop\r\n250 STARTTLS\r\n"), "");
    EXPECT_EQ(behind.hear("220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n"),
              "unusable (tls) 0 octets in the clear behind the answer to STARTTLS");
    Talk one_octet({.start_tls = how});
    EXPECT_EQ(one_octet.hear("220 hop\r\n250-hop\r\n250 STARTTLS\r\n"), "");
    EXPECT_EQ(one_octet.hear("220 go\r\n2"),
              "unusable (tls) 0 octets in the clear behind the answer to STARTTLS");
    Talk early({.start_tls = how});
    EXPECT_EQ(early.hear("220 hop\r\n250-hop\r\n250 STARTTLS\r\n220 go\r\n"),
              "unusable (session) 0 replies that nobody asked for");
    EXPECT_EQ(early.said(), kHello) << "it has not even asked";
  }
}

TEST(ClientTls, SaysTheRestInTlsWhereItBegan) {
  Talk talk({.start_tls = StartTls::kRequired, .in_tls = true, .credentials = &kWho});
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"), "");
  EXPECT_EQ(talk.said(), lines({kHello, kPlainLine}));
  EXPECT_EQ(talk.hear("235 welcome\r\n"), "ready");
}

NamedClient named_client() {
  return {.remote = *Endpoint::parse("192.0.2.7:1500"),
          .local = *Endpoint::parse("10.0.0.5:25"),
          .hello = "web 1",
          .login = "chris@contoso.com"};
}

ClientOptions naming(ClientOptions options = {}) {
  options.needs_xclient = true;
  options.client = named_client();
  return options;
}

TEST(ClientXclient, NamesWhatIsOfferedAndForgetsWhatWasSaidBefore) {
  for (size_t piece = 1; piece < 90; ++piece) {
    Talk talk(naming(), piece);
    EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250-SIZE 5\r\n250 XCLIENT ADDR PORT NAME\r\n"), "");
    EXPECT_FALSE(talk.client().can_begin());
    EXPECT_EQ(talk.hear("220 hop\r\n"), "");
    EXPECT_EQ(talk.hear("250-hop\r\n250-XCLIENT ADDR\r\n250 DSN\r\n"), "ready") << "once is enough";
    EXPECT_TRUE(talk.client().extensions().dsn);
    EXPECT_FALSE(talk.client().extensions().size);
    EXPECT_EQ(talk.said(),
              lines({kHello, "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=1500\r\n", kHello}));
  }
}

// Our logon would give our rights to the client that was named.
TEST(ClientXclient, StandsBehindTlsAndInPlaceOfOurLogon) {
  Talk talk(naming({.start_tls = StartTls::kRequired, .credentials = &kWho}));
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250-XCLIENT ADDR LOGIN\r\n250 STARTTLS\r\n"), "");
  EXPECT_EQ(talk.hear("220 go\r\n"), "tls");
  EXPECT_EQ(talk.hear("250-hop\r\n250-AUTH PLAIN\r\n250 XCLIENT ADDR\r\n"), "");
  EXPECT_EQ(talk.hear("220 hop\r\n"), "");
  EXPECT_EQ(talk.hear("250-hop\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"), "ready");
  EXPECT_EQ(talk.said(), lines({kHello, "STARTTLS\r\n", "(handshake)\n", kHello,
                                "XCLIENT ADDR=192.0.2.7\r\n", kHello}));
}

// A session has one user: the client's, if the server takes it from us.
TEST(ClientXclient, IsTheLogonWhereItNamesAUser) {
  Talk talk(naming({.in_tls = true, .credentials = &kWho}));
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250-AUTH PLAIN\r\n250 XCLIENT ADDR LOGIN\r\n"), "");
  EXPECT_EQ(talk.hear("220 hop\r\n"), "");
  EXPECT_EQ(talk.hear("250 hop\r\n"), "ready");
  EXPECT_EQ(talk.said(),
            lines({kHello, "XCLIENT ADDR=192.0.2.7 LOGIN=chris@contoso.com\r\n", kHello}));
}

// The session is the client's from there on.
TEST(ClientXclient, IsFollowedByTheHelloOfTheClientIfThatCanBeSaid) {
  struct Case {
    std::string hello, said;
  };
  const Case cases[] = {{"web1.contoso.com", "web1.contoso.com"},
                        {"[192.0.2.7]", "[192.0.2.7]"},
                        {"", "relay.contoso.com"},
                        {"web 1", "relay.contoso.com"},
                        {"w\xc3\xa4"
                         "b",
                         "relay.contoso.com"},
                        {std::string(255, 'w'), std::string(255, 'w')},
                        {std::string(256, 'w'), "relay.contoso.com"}};
  for (const Case& c : cases) {
    ClientOptions options = naming();
    options.client->hello = c.hello;
    Talk talk(options);
    EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 XCLIENT ADDR\r\n"), "");
    EXPECT_EQ(talk.hear("220 hop\r\n502 what\r\n"), "");
    EXPECT_EQ(talk.hear("250 hop\r\n"), "ready");
    EXPECT_EQ(talk.said(), lines({kHello, "XCLIENT ADDR=192.0.2.7\r\n", "EHLO ", c.said,
                                  "\r\nHELO ", c.said, "\r\n"}));
  }
}

TEST(ClientXclient, MustBeOfferedAlsoWhereItNamesNobody) {
  struct Case {
    std::string_view offer, event;
  };
  static constexpr std::string_view kNone = "unusable (xclient) 0 XCLIENT with ADDR is not offered";
  static constexpr Case kCases[] = {{"", kNone},
                                    {"XCLIENTS ADDR", kNone},
                                    {"XCLIENT", kNone},
                                    {"XCLIENT NAME PROTO HELO", kNone},
                                    {"XCLIENT DESTADDR ADDRESS", kNone},
                                    {"xclient  name\taddr FUTURE", "ready"}};
  for (const Case& c : kCases) {
    for (const bool names : {false, true}) {
      Talk talk(names ? naming() : ClientOptions{.needs_xclient = true});
      std::string event = talk.hear(lines({"220 hop\r\n250-hop\r\n250 ", c.offer, "\r\n"}));
      if (event.empty()) event = talk.hear("220 hop\r\n250 hop\r\n");
      EXPECT_EQ(event, c.event) << c.offer;
      EXPECT_EQ(talk.said().find("XCLIENT") != std::string::npos, names && c.event == "ready");
    }
  }
  Talk old(naming());
  EXPECT_EQ(old.hear("220 hop\r\n502 what\r\n250 hop\r\n"), kNone);
}

TEST(ClientXclient, EndsWithARefusal) {
  struct Case {
    std::string_view replies, event;
  };
  static constexpr Case kCases[] = {
      {"550 5.7.0 not from you\r\n", "unusable (xclient) 550 5.7.0 not from you"},
      {"501 5.5.4 bad ADDR\r\n", "unusable (xclient) 501 5.5.4 bad ADDR"},
      {"503 5.5.1 order\r\n", "unusable (xclient) 503 5.5.1 order"},
      {"450 later\r\n", "unusable (xclient) 450 later"},
      {"250 ok\r\n", "unusable (xclient) 250 ok"},
      {"421 4.3.2 no\r\n", "unusable (session) 421 4.3.2 no"},
      {"220 hop\r\n450 later\r\n", "unusable (session) 450 later"},
      {"220 hop\r\n550 no\r\n550 no\r\n", "unusable (session) 550 no"},
  };
  for (const Case& c : kCases) {
    Talk talk(naming());
    EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 XCLIENT ADDR\r\n"), "");
    EXPECT_EQ(talk.hear(c.replies), c.event);
    EXPECT_FALSE(talk.client().can_begin());
  }
}

TEST(ClientAuth, PrefersPlainWithItsInitialResponse) {
  for (size_t piece = 1; piece < 60; ++piece) {
    Talk talk({.start_tls = StartTls::kIfOffered, .credentials = &kWho}, piece);
    EXPECT_EQ(talk.hear(kOffered), "");
    EXPECT_EQ(talk.hear("220 go\r\n"), "tls");
    EXPECT_EQ(talk.hear("250-hop\r\n250-PIPELINING\r\n250 AUTH LOGIN PLAIN\r\n"), "");
    EXPECT_FALSE(talk.client().can_begin());
    EXPECT_EQ(talk.hear("235-2.7.0\r\n235 welcome\r\n"), "ready");
    EXPECT_TRUE(talk.client().can_begin());
    EXPECT_TRUE(talk.client().extensions().pipelining);
    EXPECT_EQ(talk.said(), lines({kHello, "STARTTLS\r\n", "(handshake)\n", kHello, kPlainLine}));
  }
}

TEST(ClientAuth, TakesLoginWhereThatIsAllThereIs) {
  Talk talk({.in_tls = true, .credentials = &kWho});
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 auth cram-md5 login\r\n"), "");
  EXPECT_EQ(talk.hear("334 VXNlcm5hbWU6\r\n"), "");
  EXPECT_EQ(talk.hear("334 \r\n"), "");
  EXPECT_EQ(talk.hear("235 welcome\r\n"), "ready");
  EXPECT_EQ(talk.said(), lines({kHello, "AUTH LOGIN\r\n", "cmVsYXlAY29udG9zby5jb20=\r\n",
                                "c2VjcmV0IHdvcmQ=\r\n"}));
}

TEST(ClientAuth, KeepsTheCommandWithinALine) {
  const Credentials long_one{std::string(200, 'u'), std::string(200, 'p')};
  Talk talk({.in_tls = true, .credentials = &long_one});
  EXPECT_EQ(talk.hear("220 hop\r\n250-hop\r\n250 AUTH PLAIN\r\n"), "");
  EXPECT_EQ(talk.said(), lines({kHello, "AUTH PLAIN\r\n"}));
  EXPECT_EQ(talk.hear("334 \r\n"), "");
  EXPECT_EQ(talk.said().size(), kHello.size() + 12 + 536 + 2);
  EXPECT_EQ(talk.hear("235 welcome\r\n"), "ready");
}

TEST(ClientAuth, SaysNoPasswordWithoutTlsUnlessItMay) {
  Talk careful({.start_tls = StartTls::kIfOffered, .credentials = &kWho});
  EXPECT_EQ(careful.hear("220 hop\r\n250-hop\r\n250 AUTH PLAIN\r\n"),
            "unusable (auth) 0 AUTH needs TLS, and there is none");
  Talk refused({.start_tls = StartTls::kIfOffered, .credentials = &kWho});
  EXPECT_EQ(refused.hear(kOffered), "");
  EXPECT_EQ(refused.hear("454 not now\r\n"), "unusable (auth) 0 AUTH needs TLS, and there is none");
  EXPECT_EQ(refused.said(), lines({kHello, "STARTTLS\r\n"}));
  Talk careless({.credentials = &kWho, .auth_in_clear = true});
  EXPECT_EQ(careless.hear("220 hop\r\n250-hop\r\n250 AUTH PLAIN\r\n"), "");
  EXPECT_EQ(careless.said(), lines({kHello, kPlainLine}));
}

TEST(ClientAuth, DoesNotBelieveWhatWasOfferedBeforeTls) {
  Talk talk({.start_tls = StartTls::kIfOffered, .credentials = &kWho});
  EXPECT_EQ(talk.hear(kOffered), "");
  EXPECT_EQ(talk.hear("220 go\r\n"), "tls");
  EXPECT_EQ(talk.hear("250-hop\r\n250 DSN\r\n"),
            "unusable (auth) 0 neither AUTH PLAIN nor AUTH LOGIN is offered");
}

TEST(ClientAuth, EndsWithARefusal) {
  struct Case {
    std::string_view mechanism, replies, event;
  };
  static constexpr Case kCases[] = {
      {"PLAIN", "535 5.7.8 no\r\n", "unusable (auth) 535 5.7.8 no"},
      {"PLAIN", "454 4.7.0 later\r\n", "unusable (auth) 454 4.7.0 later"},
      {"PLAIN", "334 more\r\n", "unusable (auth) 334 more"},
      {"PLAIN", "250 ok\r\n", "unusable (auth) 250 ok"},
      {"PLAIN", "421 busy\r\n", "unusable (session) 421 busy"},
      {"LOGIN", "504 what\r\n", "unusable (auth) 504 what"},
      {"LOGIN", "235 that was easy\r\n", "unusable (auth) 235 that was easy"},
      {"LOGIN", "334 a\r\n535 no such user\r\n", "unusable (auth) 535 no such user"},
      {"LOGIN", "334 a\r\n334 b\r\n535 no\r\n", "unusable (auth) 535 no"},
      {"LOGIN", "334 a\r\n334 b\r\n334 c\r\n", "unusable (auth) 334 c"},
      {"CRAM-MD5", "", "unusable (auth) 0 neither AUTH PLAIN nor AUTH LOGIN is offered"},
      {"", "", "unusable (auth) 0 neither AUTH PLAIN nor AUTH LOGIN is offered"},
  };
  for (const Case& c : kCases) {
    Talk talk({.in_tls = true, .credentials = &kWho});
    std::string event = talk.hear(lines({"220 hop\r\n250-hop\r\n250 AUTH ", c.mechanism, "\r\n"}));
    if (event.empty()) event = talk.hear(c.replies);
    EXPECT_EQ(event, c.event) << c.mechanism << " " << c.replies;
    EXPECT_FALSE(talk.client().can_begin());
  }
}

TEST(ClientAuth, NeverTellsThePasswordOn) {
  for (const std::string_view echo :
       {"unknown user or password 'secret word'",
        "cannot decode c2VjcmV0IHdvcmQ=", "AHJlbGF5QGNvbnRvc28uY29tAHNlY3JldCB3b3Jk?"}) {
    Talk talk({.in_tls = true, .credentials = &kWho});
    talk.hear("220 hop\r\n250-hop\r\n250 AUTH PLAIN\r\n");
    EXPECT_EQ(talk.hear(lines({"535 5.7.8 ", echo, "\r\n"})),
              "unusable (auth) 535 (a text that repeats the password)");
  }
}

// Whatever a server says, in whatever pieces: nothing fails an ASSERT, and the password leaves only
// inside TLS, or where it may go in the clear.
TEST(ClientSecurity, HoldsAgainstRandomServers) {
  static constexpr std::string_view kReplies[] = {
      "220 hop\r\n",
      "250 hop\r\n",
      "250-hop\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
      "250-hop\r\n250 AUTH LOGIN\r\n",
      "220 go\r\n",
      "334 VXNlcm5hbWU6\r\n",
      "235 yes\r\n",
      "535 no\r\n",
      "454 later\r\n",
      "421 bye\r\n",
      "500-what\r\n",
      "502 what\r\n",
      "\r\n",
      "250-hop\r\n250-STARTTLS\r\n250 PIPELINING\r\n",
      "250-hop\r\n250-XCLIENT ADDR LOGIN\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"};
  int named = 0;
  int ready = 0;
  int in_tls = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng prng(seed);
    ClientOptions options{.start_tls = static_cast<StartTls>(prng.below(3)),
                          .in_tls = prng.one_in(5),
                          .credentials = prng.one_in(2) ? &kWho : nullptr,
                          .auth_in_clear = prng.one_in(2)};
    if (prng.one_in(3)) options = naming(options);
    const size_t hello = options.needs_xclient && !prng.one_in(4) ? 14 : 2;
    Talk talk(options, prng.one_in(2) ? SIZE_MAX : prng.between(1, 9));
    std::string became;
    // Mostly what a server says in this order, so that some get far.
    std::string_view usual[] = {kReplies[0], kReplies[hello], kReplies[4], kReplies[3],
                                kReplies[5], kReplies[5],     kReplies[6]};
    for (const std::string_view reply : usual) {
      became = talk.hear(prng.one_in(6) ? kReplies[prng.below(std::size(kReplies))] : reply);
      if (became == "ready" || became.starts_with("unusable")) break;
    }
    const size_t handshake = talk.said().find("(handshake)");
    ready += became == "ready";
    in_tls += handshake != std::string::npos;
    const bool may = options.in_tls || options.auth_in_clear;
    const std::string in_clear = talk.said().substr(0, may ? 0 : handshake);
    for (const std::string_view secret : {"AUTH", "c2VjcmV0IHdvcmQ", "AHJlbGF5QGNvbnRvc28"})
      EXPECT_EQ(in_clear.find(secret), std::string::npos) << "seed " << seed;
    if (became == "ready" && options.needs_xclient) {
      ++named;
      EXPECT_NE(talk.said().find("XCLIENT ADDR=192.0.2.7"), std::string::npos) << "seed " << seed;
    }
    if (became == "ready" && options.start_tls == StartTls::kRequired && !options.in_tls) {
      EXPECT_NE(handshake, std::string::npos) << "seed " << seed;
    }
  }
  EXPECT_GT(ready, 500);
  EXPECT_GT(in_tls, 500);
  EXPECT_GT(named, 200);
}

}  // namespace
}  // namespace relais::smtp::test
