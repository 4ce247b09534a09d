// The client against scripted milters: what it says, what it makes of each answer.
#include "milter/client.h"

#include <gtest/gtest.h>

#include "milter/protocol.h"
#include "packets.h"

namespace relais::milter::test {
namespace {

using Kind = Event::Kind;
using Action = Verdict::Action;

constexpr uint32_t kMuteAll = wish::kMuteHeader | wish::kMuteConnect | wish::kMuteHello |
                              wish::kMuteMail | wish::kMuteRecipient | wish::kMuteData |
                              wish::kMuteEndOfHeader | wish::kMuteBody;

std::string words(const Verdict& verdict) {
  constexpr std::string_view kNames[] = {"continue", "accept",  "reject",
                                         "tempfail", "discard", "shutdown"};
  std::string text(kNames[static_cast<size_t>(verdict.action)]);
  text += " at ";
  text += name_of(verdict.stage);
  if (verdict.code != 0) text += " " + std::to_string(verdict.code);
  if (verdict.enhanced[0] != 0)
    text += " " + std::to_string(verdict.enhanced[0]) + "." + std::to_string(verdict.enhanced[1]) +
            "." + std::to_string(verdict.enhanced[2]);
  if (!verdict.text.empty()) text += " " + std::string(verdict.text);
  return text;
}

struct Talk {
  Client client;

  // What comes of these bytes.
  Lines hear(std::string_view bytes) {
    Lines events;
    const std::vector<char> memory(bytes.begin(), bytes.end());
    client.feed(memory);
    for (;;) {
      const Event event = client.next();
      client.invariants();
      if (event.kind == Kind::kNeedInput) return events;
      if (event.kind == Kind::kReady) events.push_back("ready");
      if (event.kind == Kind::kProgress) events.push_back("progress");
      if (event.kind == Kind::kAnswer)
        events.push_back(event.verdict.action == Action::kContinue ? "continue"
                                                                   : words(event.verdict));
      if (event.kind == Kind::kUnusable) {
        events.push_back("unusable: " + std::string(event.why));
        return events;
      }
    }
  }
  Lines settled() { return hear({}); }
  Lines said() {
    client.invariants();
    const Lines lines = test::show(client.output());
    client.output_consumed(client.output().size());
    return lines;
  }
  void greet(uint32_t wishes, uint32_t version = 6) {
    said();
    EXPECT_EQ(hear(negotiated(version, wishes)), Lines{"ready"});
  }
  void session(std::string_view hello = "client.example") {
    client.begin_session({.remote = *Endpoint::parse("192.0.2.1:1234"),
                          .local = *Endpoint::parse("192.0.2.9:25"),
                          .hello = hello,
                          .fqdn = "relay.contoso.com",
                          .connector = "Anonymous Relay"});
  }
  void mail() { client.begin_message({.sender = "a@b.example", .id = "ID"}); }
  void until_answered() {
    Lines events = settled();
    for (int i = 0; i < 5 && events.empty(); ++i) events = hear(packet('c'));
    EXPECT_EQ(events, Lines{"continue"});
  }
  // With every answer "continue", up to the 354.
  void up_to_data() {
    session();
    mail();
    until_answered();
    client.recipient("c@d.example");
    until_answered();
    client.data();
    until_answered();
    client.output_buffer().clear();
  }
};

TEST(MilterClient, OffersNoChangesAndAsksForTheRest) {
  Talk talk;
  EXPECT_EQ(talk.client.output(),
            std::string_view("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\x1f\xf7\xff", 17));
}

TEST(MilterClient, AMessageInLockStep) {
  Talk talk;
  talk.session();
  talk.client.begin_message({.sender = "a@b.example", .id = "ID", .size = 123, .eight_bit = true});
  EXPECT_EQ(talk.said().size(), 1U);  // the negotiation alone
  EXPECT_EQ(talk.hear(negotiated(6, 0)), Lines{"ready"});
  EXPECT_EQ(talk.said(),
            (Lines{"D Cj|relay.contoso.com|_|[192.0.2.1]|v|relais|{daemon_name}|Anonymous Relay|"
                   "{daemon_addr}|192.0.2.9|{daemon_port}|25|{client_addr}|192.0.2.1|"
                   "{client_port}|1234|",
                   std::string("C [192.0.2.1]|4") + '\x04' + '\xd2' + "192.0.2.1|"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(), Lines{"H client.example|"});
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(),
            (Lines{"D Mi|ID|{mail_addr}|a@b.example|", "M <a@b.example>|SIZE=123|BODY=8BITMIME|"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  talk.client.recipient("c@d.example");
  EXPECT_EQ(talk.said(), (Lines{"D Ri|ID|{rcpt_addr}|c@d.example|", "R <c@d.example>|"}));
  EXPECT_EQ(talk.settled(), Lines{});
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  talk.client.data();
  EXPECT_EQ(talk.said(), (Lines{"D Ti|ID|", "T"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  talk.client.content("Subject: a\r\n b\r\nTo:  x\r\n\r\n..dot\r\n");
  EXPECT_EQ(talk.said(), Lines{"L Subject|a> b|"});
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(), Lines{"L To|x|"});
  talk.client.content("more\r\n");
  talk.client.end();
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(), (Lines{"D Ni|ID|", "N"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(), Lines{"B .dot<>more<>"});
  EXPECT_EQ(talk.hear(packet('c')), Lines{});
  EXPECT_EQ(talk.said(), (Lines{"D Ei|ID|", "E"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  EXPECT_TRUE(talk.client.finish());
  EXPECT_EQ(talk.said(), Lines{});  // it came to its end: nothing to abort
}

TEST(MilterClient, AMilterThatOnlyAnswersAtTheEndCostsOneRoundTrip) {
  Talk talk;
  talk.greet(kMuteAll | wish::kLeadingSpace);
  talk.session();
  talk.mail();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.recipient("c@d.example");
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.data();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.content("To:  x\r\n\r\nbody\r\n");
  talk.client.end();
  EXPECT_EQ(talk.settled(), Lines{});
  const Lines said = talk.said();
  ASSERT_EQ(said.size(), 15U);
  EXPECT_EQ(said[9], "L To|  x|");
  EXPECT_EQ(said.back(), "E");
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  EXPECT_TRUE(talk.client.finish());

  // The next message of the same SMTP client does not introduce it again.
  talk.mail();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  EXPECT_EQ(talk.said(), (Lines{"D Mi|ID|{mail_addr}|a@b.example|", "M <a@b.example>|"}));
}

TEST(MilterClient, IsToldOnlyWhatItWantsToBeTold) {
  constexpr uint32_t kAll = wish::kNoConnect | wish::kNoHello | wish::kNoMail | wish::kNoRecipient |
                            wish::kNoData | wish::kNoHeader | wish::kNoEndOfHeader | wish::kNoBody;
  Talk talk;
  talk.greet(kAll);
  talk.session();
  talk.mail();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.recipient("c@d.example");
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.data();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  talk.client.content("To: x\r\n\r\nbody\r\n");
  talk.client.end();
  std::string commands;
  for (const std::string& line : talk.said()) commands += line[0];
  EXPECT_EQ(commands, "DDDDDDE");  // macros are always sent
}

TEST(MilterClient, OldVersionsAreNotToldOfData) {
  for (const uint32_t version : {2U, 3U, 4U, 5U, 6U}) {
    Talk talk;
    talk.greet(0, version);
    talk.session();
    talk.mail();
    talk.hear(packet('c') + packet('c') + packet('c'));
    talk.client.recipient("c@d.example");
    talk.hear(packet('c'));
    talk.said();
    talk.client.data();
    EXPECT_EQ(talk.settled(), version < 4 ? Lines{"continue"} : Lines{}) << version;
    EXPECT_EQ(talk.said().size(), version < 4 ? 1U : 2U) << version;
  }
}

TEST(MilterClient, OneConnectionServesManySmtpClientsIfTheMilterCan) {
  Talk talk;
  talk.greet(0, 6);
  EXPECT_TRUE(talk.client.may_begin_session());
  talk.up_to_data();
  EXPECT_FALSE(talk.client.may_begin_session());
  EXPECT_TRUE(talk.client.finish());
  EXPECT_EQ(talk.said(), Lines{"A"});
  ASSERT_TRUE(talk.client.may_begin_session());
  talk.session("other.example");
  const Lines said = talk.said();
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(said[0], "K");
  talk.mail();
  talk.hear(packet('c'));
  EXPECT_EQ(talk.said(), Lines{"H other.example|"});

  Talk old;
  old.greet(0, 5);
  old.up_to_data();
  EXPECT_TRUE(old.client.finish());
  EXPECT_FALSE(old.client.may_begin_session());
  EXPECT_TRUE(old.client.may_begin_message());  // of the same one
}

// ---- every answer at every stage

struct AnswerCase {
  char answer;
  std::string_view data;
  std::string_view connect, mail, recipient, content, end;
};

constexpr std::string_view kCode("550 5.7.1 Spam\0", 15);
constexpr std::string_view kLater("451 4.7.1 Greylisted\0", 21);
constexpr std::string_view kGo("421 4.3.2 Leave\0", 16);
constexpr std::string_view kYes("250 2.0.0 ok\0", 13);
constexpr std::string_view kEndless("550 no");

constexpr AnswerCase kAnswers[] = {
    {'a',
     {},
     "accept at connect",
     "accept at MAIL",
     "accept at RCPT",
     "accept at content",
     "accept at end of data"},
    {'r',
     {},
     "reject at connect",
     "reject at MAIL",
     "reject at RCPT",
     "reject at content",
     "reject at end of data"},
    {'t',
     {},
     "tempfail at connect",
     "tempfail at MAIL",
     "tempfail at RCPT",
     "tempfail at content",
     "tempfail at end of data"},
    {'f',
     {},
     "tempfail at connect",
     "tempfail at MAIL",
     "tempfail at RCPT",
     "tempfail at content",
     "tempfail at end of data"},
    {'4',
     {},
     "shutdown at connect",
     "shutdown at MAIL",
     "shutdown at RCPT",
     "shutdown at content",
     "shutdown at end of data"},
    {'d',
     {},
     "unusable: it would discard a whole session",
     "discard at MAIL",
     "discard at RCPT",
     "discard at content",
     "discard at end of data"},
    {'y', kCode, "reject at connect 550 5.7.1 Spam", "reject at MAIL 550 5.7.1 Spam",
     "reject at RCPT 550 5.7.1 Spam", "reject at content 550 5.7.1 Spam",
     "reject at end of data 550 5.7.1 Spam"},
    {'y', kLater, "tempfail at connect 451 4.7.1 Greylisted",
     "tempfail at MAIL 451 4.7.1 Greylisted", "tempfail at RCPT 451 4.7.1 Greylisted",
     "tempfail at content 451 4.7.1 Greylisted", "tempfail at end of data 451 4.7.1 Greylisted"},
    {'y', kGo, "shutdown at connect 421 4.3.2 Leave", "shutdown at MAIL 421 4.3.2 Leave",
     "shutdown at RCPT 421 4.3.2 Leave", "shutdown at content 421 4.3.2 Leave",
     "shutdown at end of data 421 4.3.2 Leave"},
    {'y', kYes, "unusable: its reply is no SMTP refusal", "unusable: its reply is no SMTP refusal",
     "unusable: its reply is no SMTP refusal", "unusable: its reply is no SMTP refusal",
     "unusable: its reply is no SMTP refusal"},
    {'y', kEndless, "unusable: its reply has no end", "unusable: its reply has no end",
     "unusable: its reply has no end", "unusable: its reply has no end",
     "unusable: its reply has no end"},
    {'p', {}, "progress", "progress", "progress", "progress", "progress"},
    {'s',
     {},
     "unusable: it skips what is no body",
     "unusable: it skips what is no body",
     "unusable: it skips what is no body",
     "unusable: it skips what is no body",
     "unusable: it skips what is no body"},
    {'h',
     {},
     "unusable: it changes a message before its end",
     "unusable: it changes a message before its end",
     "unusable: it changes a message before its end",
     "unusable: it changes a message before its end",
     ""},
    {'O',
     {},
     "unusable: it gave an answer that does not exist",
     "unusable: it gave an answer that does not exist",
     "unusable: it gave an answer that does not exist",
     "unusable: it gave an answer that does not exist",
     "unusable: it gave an answer that does not exist"},
};

Lines lines_of(std::string_view text) { return text.empty() ? Lines{} : Lines{std::string(text)}; }

TEST(MilterClient, EveryAnswerAtEveryStage) {
  for (const AnswerCase& c : kAnswers) {
    const std::string answer = packet(c.answer, c.data);
    SCOPED_TRACE(std::string("answer ") + c.answer + " " + std::string(c.data));
    {
      Talk talk;
      talk.greet(0);
      talk.session();
      talk.mail();
      EXPECT_EQ(talk.hear(answer), lines_of(c.connect));
    }
    {
      Talk talk;
      talk.greet(0);
      talk.session();
      talk.mail();
      EXPECT_EQ(talk.hear(packet('c') + packet('c') + answer), lines_of(c.mail));
    }
    {
      Talk talk;
      talk.greet(wish::kMuteConnect | wish::kMuteHello | wish::kMuteMail);
      talk.session();
      talk.mail();
      talk.settled();
      talk.client.recipient("c@d.example");
      EXPECT_EQ(talk.hear(answer), lines_of(c.recipient));
    }
    {
      Talk talk;
      talk.greet(0);
      talk.up_to_data();
      talk.client.content("A: 1\r\n");
      talk.client.content("B: 1\r\n");
      talk.client.end();
      EXPECT_EQ(talk.hear(answer), lines_of(c.content));
    }
    {
      Talk talk;
      talk.greet(wish::kMuteHeader | wish::kMuteEndOfHeader | wish::kMuteBody);
      talk.up_to_data();
      talk.client.content("A: 1\r\n");
      talk.client.end();
      EXPECT_EQ(talk.hear(answer), lines_of(c.end));
    }
  }
}

TEST(MilterClient, ARecipientThatIsRefusedDoesNotEndTheMessage) {
  Talk talk;
  talk.greet(0);
  talk.session();
  talk.mail();
  talk.hear(packet('c') + packet('c') + packet('c'));
  talk.client.recipient("bad@d.example");
  EXPECT_EQ(talk.hear(packet('r')), Lines{"reject at RCPT"});
  talk.client.recipient("good@d.example");
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
  talk.client.data();
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
}

TEST(MilterClient, WhatIsDecidedEarlyIsNotShownFurtherAndAborted) {
  Talk talk;
  talk.greet(wish::kMuteHeader);
  talk.up_to_data();
  talk.client.content("A: 1\r\n\r\nbody\r\n");
  EXPECT_EQ(talk.said(), (Lines{"L A|1|", "D Ni|ID|", "N"}));
  EXPECT_EQ(talk.hear(packet('a')), Lines{});  // nobody asks at the moment
  talk.client.content(std::string(100'000, 'x') + "\r\n");
  talk.client.end();
  EXPECT_EQ(talk.settled(), Lines{"accept at content"});
  EXPECT_EQ(talk.said(), Lines{});
  EXPECT_TRUE(talk.client.finish());
  EXPECT_EQ(talk.said(), Lines{"A"});
}

TEST(MilterClient, ADecisionAboutTheSessionHoldsForAllItsMessages) {
  Talk talk;
  talk.greet(0);
  talk.session();
  talk.mail();
  EXPECT_EQ(talk.hear(packet('r')), Lines{"reject at connect"});
  talk.said();
  EXPECT_TRUE(talk.client.finish());
  EXPECT_EQ(talk.said(), Lines{});  // it never heard of a message
  talk.mail();
  EXPECT_EQ(talk.settled(), Lines{"reject at connect"});
  EXPECT_EQ(talk.said(), Lines{});
  EXPECT_TRUE(talk.client.finish());
  // ... and not for those of another one.
  talk.session("other.example");
  talk.mail();
  EXPECT_EQ(talk.hear(packet('c') + packet('c') + packet('c')), Lines{"continue"});
}

TEST(MilterClient, DataIsSaidOnce) {
  Talk talk;
  talk.greet(0);
  talk.up_to_data();
  talk.client.data();
  EXPECT_EQ(talk.settled(), Lines{"continue"});
  EXPECT_EQ(talk.said(), Lines{});
}

TEST(MilterClient, SkipEndsTheBodyAndNotTheMessage) {
  Talk talk;
  talk.greet(wish::kSkip | wish::kMuteHeader | wish::kMuteEndOfHeader);
  talk.up_to_data();
  talk.client.content("A: 1\r\n\r\n" + std::string(200'000, 'x') + "\r\n");
  Lines said = talk.said();
  EXPECT_EQ(said.back(), "B 65535 octets");
  EXPECT_GT(talk.client.backlog(), 100'000U);
  EXPECT_EQ(talk.hear(packet('s')), Lines{});
  EXPECT_EQ(talk.client.backlog(), 0U);
  talk.client.content("more\r\n");
  talk.client.end();
  EXPECT_EQ(talk.said(), (Lines{"D Ei|ID|", "E"}));
  EXPECT_EQ(talk.hear(packet('c')), Lines{"continue"});
}

TEST(MilterClient, BodyComesInPiecesThatLibmilterTakes) {
  Talk talk;
  talk.greet(kMuteAll);
  talk.up_to_data();
  talk.client.content("A: 1\r\n\r\n");
  for (int i = 0; i < 100; ++i) talk.client.content(std::string(1998, 'x') + "\r\n");
  talk.client.end();
  Lines bodies;
  for (const std::string& line : talk.said())
    if (line[0] == 'B') bodies.push_back(line);
  EXPECT_EQ(bodies, (Lines{"B 65535 octets", "B 65535 octets", "B 65535 octets", "B 3395 octets"}));
}

TEST(MilterClient, ChangesAreIgnoredAndCounted) {
  Talk talk;
  talk.greet(kMuteAll);
  talk.up_to_data();
  talk.client.end();
  std::string changes;
  for (const char change : answer::kChanges) changes += packet(change, "x");
  EXPECT_EQ(talk.hear(changes + packet('c')), Lines{"continue"});
  EXPECT_EQ(talk.client.changes_ignored(), 10U);
}

TEST(MilterClient, AMessageLeftWhileAnAnswerIsDueCostsTheConnection) {
  Talk talk;
  talk.greet(0);
  talk.session();
  talk.mail();
  EXPECT_FALSE(talk.client.finish());

  Talk idle;
  idle.greet(wish::kMuteHeader);
  idle.up_to_data();
  idle.client.content("A: 1\r\nB");
  EXPECT_TRUE(idle.client.finish());
  EXPECT_EQ(idle.said(), (Lines{"L A|1|", "A"}));
}

TEST(MilterClient, NegotiationsThatFail) {
  const auto hear = [](std::string_view bytes) {
    Talk talk;
    talk.session();
    talk.mail();
    return talk.hear(bytes);
  };
  EXPECT_EQ(hear(packet('r')), Lines{"unusable: it refused the negotiation"});
  EXPECT_EQ(hear(packet('c')), Lines{"unusable: it refused the negotiation"});
  EXPECT_EQ(hear(packet('O', "12345678901")), Lines{"unusable: its negotiation was cut short"});
  for (const uint32_t version : {0U, 1U, 7U, 0xffff'ffffU}) {
    EXPECT_EQ(hear(negotiated(version, 0)),
              Lines{"unusable: it speaks no version of the protocol that relais knows"});
  }
  EXPECT_EQ(hear("HTTP/1.1 400 Bad Request\r\n"),
            Lines{"unusable: it sent a packet of an impossible length"});
}

TEST(MilterClient, WishesThatWereNotOfferedAreNotGranted) {
  Talk talk;
  EXPECT_EQ(talk.hear(negotiated(6, 0xffff'ffff, 0x1ff)), Lines{"ready"});
  EXPECT_EQ(talk.client.wishes(), wish::kOffered);
  EXPECT_TRUE(talk.client.wants_changes());
  // A list of macros may follow the three numbers.
  Talk with_macros;
  std::string data;
  for (const uint32_t number : {6U, 0U, 0U}) {
    data.append(4, '\0');
    write_number(data.data() + data.size() - 4, number);
  }
  EXPECT_EQ(with_macros.hear(packet('O', data + std::string("\0\0\0\1i\0", 6))), Lines{"ready"});
}

TEST(MilterClient, AnAnswerNobodyAskedForIsNonsense) {
  Talk talk;
  talk.greet(kMuteAll);
  talk.session();
  talk.mail();
  talk.settled();
  EXPECT_EQ(talk.hear(packet('r')), Lines{"unusable: it answered without being asked"});
  talk.client.recipient("c@d.example");  // no matter
  EXPECT_EQ(talk.settled(), Lines{"unusable: it answered without being asked"});
  EXPECT_FALSE(talk.client.finish());
}

}  // namespace
}  // namespace relais::milter::test
