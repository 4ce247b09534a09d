// The client against scripted servers: what it says, what it makes of each reply.
#include "smtp/client.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "envelope.h"

namespace relais::smtp::test {
namespace {

using Kind = ClientEvent::Kind;

constexpr std::string_view kFull =
    "220 hop ESMTP\r\n250-hop\r\n250-PIPELINING\r\n250-size 1000\r\n250-8BITMIME\r\n250 "
    "ENHANCEDSTATUSCODES\r\n";
constexpr std::string_view kPlain = "220 hop ESMTP\r\n250 hop\r\n";

std::string show(const ClientEvent& event) {
  const std::string reply = std::to_string(event.reply.code) + " " + std::string(event.reply.text);
  switch (event.kind) {
    case Kind::kNeedInput:
      return "";
    case Kind::kStartTls:
      return "tls";
    case Kind::kReady:
      return "ready";
    case Kind::kUnusable:
      return "unusable " + reply;
    case Kind::kRecipientResult:
      return "rcpt " + std::to_string(event.recipient) + ": " + reply;
    case Kind::kContentWanted:
      return event.empty ? "content (empty)" : "content";
    case Kind::kFinished:
      return "finished " + reply;
    case Kind::kClosing:
      return "closing " + reply;
  }
  return "?";
}

using Lines = std::vector<std::string>;

struct Session {
  Client client{ClientOptions{"relay.contoso.com"}};

  // Feeds replies and gives the events; content that is wanted counts as sent at once, or is the
  // test's to send.
  Lines hear(std::string_view replies, bool send_content = true) {
    Lines events;
    const std::vector<char> memory(replies.begin(), replies.end());
    client.feed(memory);
    for (;;) {
      const ClientEvent event = client.next();
      client.invariants();
      if (event.kind == Kind::kNeedInput) break;
      events.push_back(show(event));
      if (event.kind == Kind::kContentWanted && send_content) client.content_sent();
      client.invariants();
      if (event.kind == Kind::kUnusable || event.kind == Kind::kClosing) break;
    }
    return events;
  }
  std::string said() {
    std::string output(client.output());
    client.output_consumed(output.size());
    return output;
  }
  void greet(std::string_view greeting) {
    EXPECT_EQ(hear(greeting), Lines{"ready"});
    said();
  }
};

const TestEnvelope kOne("a@contoso.com", {"b@contoso.com"});
const TestEnvelope kTwo("", {"b@contoso.com", "c@contoso.com"}, 500, true);
const TestEnvelope kTwoPlain("", {"b@contoso.com", "c@contoso.com"}, 500);

TEST(Client, SaysHelloAndReadsTheExtensions) {
  Session session;
  EXPECT_FALSE(session.client.can_begin());
  EXPECT_EQ(session.hear("220-hop\r\n220 ESMTP\r\n"), Lines{});
  EXPECT_EQ(session.said(), "EHLO relay.contoso.com\r\n");
  EXPECT_EQ(session.hear("250-hop\r\n250-pipelining\r\n250-SIZE 35000000\r\n250-XSOMETHING "
                         "8BITMIME\r\n250 DSN\r\n"),
            Lines{"ready"});
  const Extensions& extensions = session.client.extensions();
  EXPECT_TRUE(extensions.pipelining);
  EXPECT_TRUE(extensions.size);
  EXPECT_EQ(extensions.size_max, 35'000'000U);
  EXPECT_FALSE(extensions.eight_bit_mime);
  EXPECT_FALSE(extensions.enhanced_status_codes);
  EXPECT_TRUE(session.client.can_begin());
}

TEST(Client, DoesNotTakeTheGreetingLineForAnExtension) {
  Session session;
  session.greet("220 hop\r\n250-PIPELINING is my name\r\n250 HELP\r\n");
  EXPECT_FALSE(session.client.extensions().pipelining);
}

TEST(Client, FallsBackToHelo) {
  Session session;
  EXPECT_EQ(session.hear("220 hop\r\n500 what?\r\n"), Lines{});
  EXPECT_EQ(session.said(), "EHLO relay.contoso.com\r\nHELO relay.contoso.com\r\n");
  EXPECT_EQ(session.hear("250-hop\r\n250 PIPELINING\r\n"), Lines{"ready"});
  EXPECT_FALSE(session.client.extensions().pipelining) << "HELO has no extensions";
}

TEST(Client, FindsAServerUnusable) {
  struct Case {
    std::string_view replies, event;
  };
  static constexpr Case kCases[] = {
      {"554 go away\r\n", "unusable 554 go away"},
      {"421 busy\r\n", "unusable 421 busy"},
      {"250 hop\r\n", "unusable 250 hop"},
      {"220 hop\r\n450 later\r\n", "unusable 450 later"},
      {"220 hop\r\n421 busy\r\n", "unusable 421 busy"},
      {"220 hop\r\n500 what?\r\n502 no\r\n", "unusable 502 no"},
      {"220 hop\r\n354 go\r\n", "unusable 354 go"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "unusable 0 malformed reply"},
      {"220 hop\r\n250-a\r\n220 b\r\n", "unusable 0 malformed reply"},
      {"220 hop\r\n250 hop\r\n250 one too many\r\n",
       "unusable 0 a reply that nobody asked for: 250 one too many"},
  };
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.replies.size(); ++cut) {
      Session session;
      Lines events = session.hear(c.replies.substr(0, cut));
      if (events.empty() || events.back() == "ready") events = session.hear(c.replies.substr(cut));
      EXPECT_EQ(events.back(), c.event) << c.replies;
      EXPECT_FALSE(session.client.can_begin());
      EXPECT_EQ(show(session.client.next()), c.event) << "and it stays so";
    }
  }
}

TEST(Client, FindsAnEndlessLineUnusable) {
  Session session;
  EXPECT_EQ(session.hear("220 " + std::string(3000, 'x')), Lines{"unusable 0 reply line too long"});
}

TEST(Client, SendsAWholeGroupWhereItMayPipeline) {
  Session session;
  session.greet(kFull);
  session.client.begin(kTwo);
  EXPECT_EQ(session.said(),
            "MAIL FROM:<> SIZE=500 BODY=8BITMIME\r\nRCPT TO:<b@contoso.com>\r\nRCPT "
            "TO:<c@contoso.com>\r\nDATA\r\n");
  EXPECT_FALSE(session.client.can_begin());
  EXPECT_EQ(session.hear("250 ok\r\n250 b\r\n550 c\r\n354 go\r\n"),
            (Lines{"rcpt 0: 250 b", "rcpt 1: 550 c", "content"}));
  EXPECT_EQ(session.client.in_flight(), 1U);
  EXPECT_TRUE(session.client.can_begin()) << "behind the content";
  EXPECT_EQ(session.hear("250 queued\r\n"), Lines{"finished 250 queued"});
  EXPECT_EQ(session.client.in_flight(), 0U);
}

TEST(Client, HasTwoTransactionsInFlight) {
  Session session;
  session.greet(kFull);
  session.client.begin(kOne);
  session.hear("250 ok\r\n250 b\r\n354 go\r\n");
  session.client.begin(kTwo);
  EXPECT_EQ(session.client.in_flight(), 2U);
  EXPECT_FALSE(session.client.can_begin());
  EXPECT_EQ(session.hear("451 later\r\n250 ok\r\n250 b\r\n250 c\r\n354 go\r\n250 queued\r\n"),
            (Lines{"finished 451 later", "rcpt 0: 250 b", "rcpt 1: 250 c", "content",
                   "finished 250 queued"}));
  EXPECT_TRUE(session.client.can_begin());
}

TEST(Client, GoesInLockStepWithoutPipelining) {
  Session session;
  session.greet(kPlain);
  session.client.begin(kTwoPlain);
  EXPECT_EQ(session.said(), "MAIL FROM:<>\r\n") << "no SIZE: not offered";
  EXPECT_EQ(session.hear("250 ok\r\n"), Lines{});
  EXPECT_EQ(session.said(), "RCPT TO:<b@contoso.com>\r\n");
  EXPECT_EQ(session.hear("250 b\r\n"), Lines{"rcpt 0: 250 b"});
  EXPECT_EQ(session.said(), "RCPT TO:<c@contoso.com>\r\n");
  EXPECT_EQ(session.hear("451 c\r\n"), Lines{"rcpt 1: 451 c"});
  EXPECT_EQ(session.said(), "DATA\r\n");
  EXPECT_EQ(session.hear("354 go\r\n"), Lines{"content"});
  EXPECT_FALSE(session.client.can_begin());
  EXPECT_EQ(session.hear("250 queued\r\n"), Lines{"finished 250 queued"});
  EXPECT_TRUE(session.client.can_begin());
  EXPECT_EQ(session.said(), "");
}

TEST(Client, GivesEveryRecipientTheRefusalOfMail) {
  Session session;
  session.greet(kFull);
  session.client.begin(kTwo);
  session.said();
  EXPECT_EQ(session.hear("550 bad sender\r\n503 need mail\r\n250 strange\r\n503 need mail\r\n"),
            (Lines{"rcpt 0: 550 bad sender", "rcpt 1: 550 bad sender", "finished 503 need mail"}));
  session.client.begin(kOne);
  EXPECT_TRUE(session.said().starts_with("MAIL")) << "there is nothing to reset";
}

TEST(Client, GivesEveryRecipientTheRefusalOfMailInLockStepToo) {
  Session session;
  session.greet(kPlain);
  session.client.begin(kTwoPlain);
  session.said();
  EXPECT_EQ(session.hear("450 later\r\n"),
            (Lines{"rcpt 0: 450 later", "rcpt 1: 450 later", "finished 450 later"}));
  EXPECT_EQ(session.said(), "");
  session.client.begin(kOne);
  EXPECT_EQ(session.said(), "MAIL FROM:<a@contoso.com>\r\n");
}

TEST(Client, FinishesWhenDataIsRefused) {
  Session session;
  session.greet(kFull);
  session.client.begin(kOne);
  session.said();
  EXPECT_EQ(session.hear("250 ok\r\n550 no\r\n503 no recipients\r\n"),
            (Lines{"rcpt 0: 550 no", "finished 503 no recipients"}));
  // The server still has our sender, and a second MAIL would be out of order (RFC 5321 4.1.4).
  session.client.begin(kOne);
  EXPECT_EQ(session.said(),
            "RSET\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\nDATA\r\n");
  EXPECT_EQ(session.hear("250 reset\r\n250 ok\r\n250 b\r\n452 full\r\n"),
            (Lines{"rcpt 0: 250 b", "finished 452 full"}));
}

TEST(Client, SaysNoDataInLockStepWhenAllAreRefused) {
  Session session;
  session.greet(kPlain);
  session.client.begin(kTwoPlain);
  EXPECT_EQ(session.hear("250 ok\r\n"), Lines{});
  EXPECT_EQ(session.hear("550 b\r\n"), Lines{"rcpt 0: 550 b"});
  session.said();
  EXPECT_EQ(session.hear("551 c\r\n"), (Lines{"rcpt 1: 551 c", "finished 551 c"}));
  EXPECT_EQ(session.said(), "");
  session.client.begin(kOne);
  EXPECT_EQ(session.said(), "RSET\r\n");
  EXPECT_EQ(session.hear("250 reset\r\n"), Lines{});
  EXPECT_EQ(session.said(), "MAIL FROM:<a@contoso.com>\r\n");
}

TEST(Client, SendsNothingToAServerThatWantsContentForNobody) {
  Session session;
  session.greet(kFull);
  session.client.begin(kOne);
  EXPECT_EQ(session.hear("250 ok\r\n550 no\r\n354 go on\r\n554 no valid recipients\r\n"),
            (Lines{"rcpt 0: 550 no", "content (empty)", "finished 554 no valid recipients"}));
}

TEST(Client, EndsAt421Anywhere) {
  const std::string whole = "250 ok\r\n250 b\r\n354 go\r\n";
  for (size_t lines = 0; lines < 4; ++lines) {
    Session session;
    session.greet(kFull);
    session.client.begin(kOne);
    size_t at = 0;
    for (size_t i = 0; i < lines; ++i) at = whole.find('\n', at) + 1;
    session.hear(whole.substr(0, at));
    EXPECT_EQ(session.hear("421 4.3.2 bye\r\n"), Lines{"closing 421 4.3.2 bye"});
    EXPECT_EQ(session.client.in_flight(), 1U) << "lost with the connection";
    EXPECT_FALSE(session.client.can_begin());
  }
}

TEST(Client, FindsRepliesOutOfPlaceUnusable) {
  struct Case {
    std::string_view replies, last;
  };
  static constexpr Case kCases[] = {
      {"354 go\r\n", "unusable 354 go"},                               // to MAIL
      {"250 ok\r\n354 go\r\n", "unusable 354 go"},                     // to RCPT
      {"250 ok\r\n250 b\r\n250 data\r\n", "unusable 250 data"},        // to DATA
      {"250 ok\r\n250 b\r\n334 what\r\n", "unusable 334 what"},        // to DATA
      {"250 ok\r\n250 b\r\n354 go\r\n354 go\r\n", "unusable 354 go"},  // to the content
      {"250 ok\r\n25\r\n", "unusable 0 malformed reply"},
      {"250 ok\n250 b\r\n", "unusable 0 malformed reply"},  // a bare LF ends nothing
  };
  for (const Case& c : kCases) {
    Session session;
    session.greet(kFull);
    session.client.begin(kOne);
    const Lines events = session.hear(c.replies);
    ASSERT_FALSE(events.empty()) << c.replies;
    EXPECT_EQ(events.back(), c.last) << c.replies;
  }
}

TEST(Client, FindsAReplyBeforeItsContentUnusable) {
  Session session;
  session.greet(kFull);
  session.client.begin(kOne);
  const std::string replies = "250 ok\r\n250 b\r\n354 go\r\n250 already queued\r\n";
  session.client.feed(replies);
  EXPECT_EQ(show(session.client.next()), "rcpt 0: 250 b");
  EXPECT_EQ(show(session.client.next()), "content");
  EXPECT_EQ(show(session.client.next()),
            "unusable 0 a reply that nobody asked for: 250 already queued");
  session.client.content_sent();  // the caller may learn of it late
  EXPECT_EQ(session.client.in_flight(), 1U);
}

TEST(Client, QuitsOnceNothingIsInFlight) {
  Session session;
  session.client.quit();
  EXPECT_EQ(session.said(), "");
  session.hear("220 hop\r\n250 hop\r\n");
  EXPECT_EQ(session.said(), "EHLO relay.contoso.com\r\nQUIT\r\n");

  Session busy;
  busy.greet(kFull);
  busy.client.begin(kOne);
  busy.client.quit();
  EXPECT_EQ(busy.said().find("QUIT"), std::string::npos);
  EXPECT_FALSE(busy.client.can_begin());
  EXPECT_EQ(busy.hear("250 ok\r\n250 b\r\n354 go\r\n250 queued\r\n"),
            (Lines{"rcpt 0: 250 b", "content", "finished 250 queued"}));
  EXPECT_EQ(busy.said(), "QUIT\r\n");
  EXPECT_EQ(busy.hear("221 bye\r\n"), Lines{"closing 221 bye"});
}

TEST(Client, ReadsMultiLineRepliesCutAnywhere) {
  const std::string replies =
      "250-one\r\n250 two\r\n550-no\r\n550-\r\n550 such user\r\n354 go\r\n250-a\r\n250 b\r\n";
  const Lines expected = {"rcpt 0: 550 no\n\nsuch user", "content (empty)", "finished 250 a\nb"};
  for (size_t cut = 0; cut <= replies.size(); ++cut) {
    Session session;
    session.greet(kFull);
    session.client.begin(kOne);
    Lines events = session.hear(std::string_view(replies).substr(0, cut));
    const Lines rest = session.hear(std::string_view(replies).substr(cut));
    events.insert(events.end(), rest.begin(), rest.end());
    EXPECT_EQ(events, expected) << "cut at " << cut;
  }
}

TEST(ClientDeathTest, NeverSendsAnAddressWithControls) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const std::string& bad : Lines{"a\r\nDATA", "a\n@contoso.com", std::string("a\0b", 3)}) {
    const TestEnvelope sender(bad, {"b@contoso.com"}), recipient("a@contoso.com", {bad});
    for (const TestEnvelope* envelope : {&sender, &recipient}) {
      Session session;
      session.greet(kFull);
      EXPECT_DEATH(session.client.begin(*envelope), "assertion failed");
    }
  }
}

// Whatever a server says: no ASSERT, no control in what is reported, and the client's own output
// stays clean commands.
TEST(Client, SurvivesServersThatSayAnything) {
  static constexpr std::string_view kTokens[] = {
      "220 hop\r\n",  "250 ok\r\n", "250-ok\r\n", "250 PIPELINING\r\n",
      "354 go\r\n",   "550 no\r\n", "451 no\r\n", "421 bye\r\n",
      "500 what\r\n", "\r\n",       "\n",         "\r",
      "250",          "\xff",       "354\r\n"};
  uint64_t ready = 0, finished = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng prng(seed);
    Session session;
    std::string replies(prng.one_in(3) ? kPlain : kFull);
    for (uint64_t i = prng.below(25); i > 0; --i) {
      replies += kTokens[prng.below(prng.one_in(6) ? std::size(kTokens) : 7)];
    }
    for (uint64_t i = prng.below(3); i > 0; --i) {
      replies[prng.below(replies.size())] = static_cast<char>(prng.below(256));
    }
    std::string_view rest = replies;
    while (!rest.empty()) {
      const size_t length = std::min<size_t>(prng.between(1, 60), rest.size());
      for (const std::string& event : session.hear(rest.substr(0, length))) {
        ready += event == "ready";
        finished += event.starts_with("finished");
        for (const char c : event)
          ASSERT_TRUE((c >= ' ' && c <= '~') || c == '\n') << "seed " << seed;
      }
      rest.remove_prefix(length);
      if (session.client.can_begin() && prng.one_in(2))
        session.client.begin(prng.one_in(2) ? kOne : kTwoPlain);
      if (prng.one_in(50)) session.client.quit();
      session.client.invariants();
    }
    for (const char c : session.said())
      ASSERT_TRUE((c >= ' ' && c <= '~') || c == '\r' || c == '\n');
  }
  EXPECT_GT(ready, 1000U) << "the cases reach the interesting states";
  EXPECT_GT(finished, 300U);
}

constexpr std::string_view kChunking =
    "220 hop ESMTP\r\n250-hop\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-DSN\r\n"
    "250-SMTPUTF8\r\n250 CHUNKING\r\n";

// Content in one chunk or two, as a caller sends it.
struct ChunkSession : Session {
  std::string send(std::initializer_list<std::string_view> pieces) {
    size_t left = pieces.size();
    std::string sent;
    for (const std::string_view piece : pieces)
      (sent += client.begin_chunk(piece.size(), --left == 0)) += piece;
    client.content_sent();
    client.invariants();
    return sent;
  }
  std::string hear_until_content(std::string_view replies) {
    std::string events;
    for (const std::string& event : hear(replies, false)) events += event + "|";
    return events;
  }
};

TEST(ClientChunks, GoOutBehindTheRecipientsReplies) {
  ChunkSession session;
  session.greet(kChunking);
  session.client.begin(kTwo);
  EXPECT_EQ(session.said(),
            "MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<b@contoso.com>\r\n"
            "RCPT TO:<c@contoso.com>\r\n");
  EXPECT_EQ(session.hear_until_content("250 ok\r\n250 ok\r\n550 no\r\n"),
            "rcpt 0: 250 ok|rcpt 1: 550 no|content|");
  EXPECT_TRUE(session.client.in_chunks());
  EXPECT_EQ(session.send({"ab\r\n", ".c\r\n"}), "BDAT 4\r\nab\r\nBDAT 4 LAST\r\n.c\r\n");
  EXPECT_TRUE(session.client.can_begin());
  session.client.begin(kOne);
  EXPECT_EQ(session.said(), "MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\n");
  EXPECT_EQ(session.hear_until_content("250 chunk\r\n250 taken\r\n250 ok\r\n250 ok\r\n"),
            "finished 250 taken|rcpt 0: 250 ok|content|");
}

TEST(ClientChunks, AreOverAtTheFirstRefusal) {
  ChunkSession session;
  session.greet(kChunking);
  session.client.begin(kOne);
  session.said();
  session.hear_until_content("250 ok\r\n250 ok\r\n");
  session.send({"ab", "cd", "ef"});
  EXPECT_EQ(session.hear_until_content("250 ok\r\n552 too much\r\n"), "");
  EXPECT_EQ(session.hear_until_content("503 what?\r\n"), "finished 552 too much|");
  session.client.begin(kOne);
  EXPECT_TRUE(session.said().starts_with("RSET\r\nMAIL")) << "the server may still be in it";
}

TEST(ClientChunks, AreNotSentWhenNobodyWantsThem) {
  ChunkSession session;
  session.greet(kChunking);
  session.client.begin(kOne);
  session.said();
  EXPECT_EQ(session.hear_until_content("250 ok\r\n550 no\r\n"), "rcpt 0: 550 no|finished 550 no|");
  session.client.begin(kOne);
  EXPECT_TRUE(session.said().starts_with("RSET\r\n"));
  EXPECT_EQ(session.hear_until_content("250 ok\r\n451 busy\r\n503 what?\r\n"),
            "rcpt 0: 451 busy|finished 451 busy|");
}

TEST(ClientChunks, CanBeSwitchedOff) {
  Session session;
  Client plain({.ehlo_name = "relay.contoso.com", .chunking = false});
  plain.feed(kChunking);
  while (plain.next().kind != Kind::kNeedInput) {
  }
  plain.begin(kOne);
  EXPECT_TRUE(plain.output().ends_with("DATA\r\n"));
}

struct SpecialEnvelope final : TestEnvelope {
  using TestEnvelope::TestEnvelope;
  bool is_binary = false;
  bool is_utf8 = false;
  bool is_plain = false;
  [[nodiscard]] bool plain() const override { return is_plain; }
  [[nodiscard]] bool binary() const override { return is_binary; }
  bool needs_tls = false;
  [[nodiscard]] bool utf8() const override { return is_utf8; }
  [[nodiscard]] bool require_tls() const override { return needs_tls; }
  [[nodiscard]] DsnReturn ret() const override { return DsnReturn::kHeaders; }
  [[nodiscard]] std::string_view envid() const override { return "QQ+2B1"; }
  [[nodiscard]] RecipientDsn dsn(uint32_t index) const override {
    if (index > 0) return {};
    return {.notify = dsn_notify::kSuccess | dsn_notify::kDelay, .orcpt = "rfc822;x@y.org"};
  }
};

TEST(Client, SaysWhatTheMessageNeeds) {
  SpecialEnvelope envelope("k\xc3\xa4the@contoso.com", {"b@contoso.com", "c@contoso.com"});
  envelope.is_binary = envelope.is_utf8 = true;
  Session session;
  session.greet(kChunking);
  session.client.begin(envelope);
  EXPECT_EQ(
      session.said(),
      "MAIL FROM:<k\xc3\xa4the@contoso.com> BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B1\r\n"
      "RCPT TO:<b@contoso.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@y.org\r\n"
      "RCPT TO:<c@contoso.com>\r\n");
}

// RFC 8689: only inside TLS, with a server that is who it should be and offers it there.
TEST(Client, RequiresTlsOfWhoProvesItself) {
  SpecialEnvelope envelope("a@contoso.com", {"b@contoso.com"});
  envelope.needs_tls = true;
  constexpr std::string_view kOffers = "220 hop\r\n250-hop\r\n250-PIPELINING\r\n250 REQUIRETLS\r\n";
  constexpr std::string_view kOffersNot = "220 hop\r\n250-hop\r\n250 PIPELINING\r\n";
  const auto first_line = [&](bool in_tls, bool proves_itself, std::string_view greeting) {
    Client client({.in_tls = in_tls, .proves_itself = proves_itself});
    client.feed(greeting);
    while (client.next().kind != ClientEvent::Kind::kNeedInput) {
    }
    client.output_consumed(client.output().size());
    client.begin(envelope);
    const std::string_view output = client.output();
    return std::string(output.substr(0, output.find('\r')));
  };
  EXPECT_EQ(first_line(true, true, kOffers), "MAIL FROM:<a@contoso.com> REQUIRETLS");
  EXPECT_EQ(first_line(true, true, kOffersNot), "");
  EXPECT_EQ(first_line(true, false, kOffers), "");
  EXPECT_EQ(first_line(false, true, kOffers), "");
}

TEST(Client, SendsNothingThatTheNextHopDoesNotTake) {
  SpecialEnvelope utf8("k\xc3\xa4the@contoso.com", {"b@contoso.com", "c@contoso.com"});
  utf8.is_utf8 = true;
  SpecialEnvelope binary("a@contoso.com", {"b@contoso.com"});
  binary.is_binary = true;
  const TestEnvelope eight("a@contoso.com", {"b@contoso.com"}, 0, true);
  for (const std::string_view greeting :
       {kPlain, std::string_view("220 hop\r\n250-hop\r\n250 PIPELINING\r\n")}) {
    Session session;
    session.greet(greeting);
    const auto refused = [&](const ClientEnvelope& envelope, const std::string& status) {
      session.client.begin(envelope);
      EXPECT_EQ(session.said(), "");
      const Lines events = session.hear("");
      EXPECT_EQ(events.size(), envelope.recipient_count() + 1U);
      EXPECT_TRUE(events.back().starts_with("finished 554 " + status)) << events.back();
    };
    refused(utf8, "5.6.7");
    refused(binary, "5.6.3");
    refused(eight, "5.6.3");
    session.client.begin(kOne);
    EXPECT_TRUE(session.said().starts_with("MAIL FROM:<a@contoso.com>\r\n"));
  }
  // What was declared and is not needed.
  SpecialEnvelope plain("a@contoso.com", {"b@contoso.com"}, 0, true);
  plain.is_utf8 = plain.is_plain = true;
  Session undeclared;
  undeclared.greet("220 hop\r\n250-hop\r\n250 PIPELINING\r\n");
  undeclared.client.begin(plain);
  EXPECT_EQ(undeclared.said(), "MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\nDATA\r\n");
  Session declared;
  declared.greet("220 hop\r\n250-hop\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n");
  declared.client.begin(plain);
  EXPECT_TRUE(declared.said().starts_with("MAIL FROM:<a@contoso.com> BODY=8BITMIME SMTPUTF8\r\n"));
  // Behind the content of another.
  Session session;
  session.greet("220 hop\r\n250-hop\r\n250 PIPELINING\r\n");
  session.client.begin(kOne);
  session.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  session.said();
  session.client.begin(binary);
  const Lines events = session.hear("250 taken\r\n");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0], "finished 250 taken");
  EXPECT_TRUE(events[2].starts_with("finished 554 5.6.3"));
}

}  // namespace
}  // namespace relais::smtp::test
