#include "load/dialogue.h"

#include <gtest/gtest.h>

#include <iterator>

#include "base/prng.h"
#include "smtp/auth_exchange.h"

namespace relais::load {
namespace {

using Then = Event::Then;

Script script_of(Mode mode, size_t recipients = 1) {
  Script script;
  script.mode = mode;
  script.opening.ehlo_name = "client";
  script.mail = "MAIL FROM:<a@b>";
  for (size_t i = 0; i < recipients; ++i)
    script.recipients.push_back("RCPT TO:<" + std::to_string(i) + "@b>\r\n");
  return script;
}

// A dialogue and the words of a server, one reply at a time; or all of them, octet by octet.
class Talk {
 public:
  explicit Talk(const Script& script) : dialogue(script) {}

  // The last event of these replies.
  Event hear(const std::string& replies, bool in_octets = false) {
    Event last;
    text_ = replies;
    const size_t piece = in_octets ? 1 : replies.size();
    for (size_t i = 0; i < text_.size(); i += piece) {
      dialogue.feed({text_.data() + i, piece}, now);
      for (Event e = dialogue.next(); e.then != Then::kNeedInput; e = dialogue.next()) {
        last = e;
        dialogue.invariants();
        if (e.then == Then::kOver) return last;
      }
    }
    return last;
  }
  std::string said() {
    std::string out;
    dialogue.take_output(out);
    return out;
  }
  void open(const std::string& extensions) {
    dialogue.connected(now);
    hear("220 hi\r\n");
    EXPECT_EQ(said(), "EHLO client\r\n");
    EXPECT_EQ(hear(extensions).then, Then::kReady);
  }

  Dialogue dialogue;
  Instant now{1000};

 private:
  std::string text_;
};

constexpr const char* kAll =
    "250-me\r\n250-PIPELINING\r\n250-SIZE 99\r\n250-8BITMIME\r\n250 CHUNKING\r\n";

TEST(Dialogue, GoesInLockStepThoughPipeliningIsOffered) {
  const Script script = script_of(Mode::kLockStep, 2);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 50, .eight_bit = true}, talk.now);
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b> SIZE=50 BODY=8BITMIME\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n").step, Step::kMail);
  EXPECT_EQ(talk.said(), "RCPT TO:<0@b>\r\n");
  talk.hear("250 ok\r\n");
  EXPECT_EQ(talk.said(), "RCPT TO:<1@b>\r\n");
  EXPECT_EQ(talk.hear("550 no\r\n").then, Then::kNothing);
  EXPECT_EQ(talk.said(), "DATA\r\n");
  EXPECT_FALSE(talk.dialogue.wants_content());
  talk.hear("354 go\r\n");
  ASSERT_TRUE(talk.dialogue.wants_content());
  talk.dialogue.content_sent(talk.now);
  EXPECT_FALSE(talk.dialogue.can_begin());
  const Event event = talk.hear("250 queued\r\n");
  EXPECT_EQ(event.then, Then::kFinished);
  EXPECT_TRUE(event.accepted);
  ASSERT_EQ(event.refused_recipients.size(), 1U);
  EXPECT_EQ(event.refused_recipients[0].index, 1U);
  EXPECT_EQ(event.refused_recipients[0].code, 550);
  EXPECT_TRUE(talk.dialogue.can_begin());
}

TEST(Dialogue, SendsTheNextGroupBehindTheContent) {
  const Script script = script_of(Mode::kPipelining);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 5}, talk.now);
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b> SIZE=5\r\nRCPT TO:<0@b>\r\nDATA\r\n");
  EXPECT_FALSE(talk.dialogue.can_begin());
  talk.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  ASSERT_TRUE(talk.dialogue.wants_content());
  talk.dialogue.content_sent(talk.now);
  ASSERT_TRUE(talk.dialogue.can_begin());
  talk.dialogue.begin({.octets = 6}, talk.now);
  EXPECT_EQ(talk.dialogue.in_flight(), 2U);
  EXPECT_FALSE(talk.dialogue.can_begin());
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b> SIZE=6\r\nRCPT TO:<0@b>\r\nDATA\r\n");
  EXPECT_TRUE(talk.hear("250 first is in\r\n").accepted);
  EXPECT_EQ(talk.dialogue.in_flight(), 1U);
  talk.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_TRUE(talk.dialogue.wants_content());
}

TEST(Dialogue, GivesTheSameForReplesThatComeOctetByOctet) {
  const Script script = script_of(Mode::kPipelining, 3);
  for (const bool in_octets : {false, true}) {
    Talk talk(script);
    talk.open(kAll);
    talk.dialogue.begin({.octets = 5}, talk.now);
    const Event go =
        talk.hear("250 ok\r\n250 1\r\n450-2\r\n450 2\r\n550 3\r\n354 go\r\n", in_octets);
    EXPECT_EQ(go.step, Step::kData);
    talk.dialogue.content_sent(talk.now);
    const Event end = talk.hear("250 done\r\n", in_octets);
    EXPECT_TRUE(end.accepted);
    EXPECT_EQ(end.refused_recipients.size(), 2U);
  }
}

TEST(Dialogue, EndsAGroupWithoutRecipientsWithALoneDot) {
  const Script script = script_of(Mode::kPipelining);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 5}, talk.now);
  talk.said();
  talk.hear("250 ok\r\n550 no\r\n354 go\r\n");
  EXPECT_FALSE(talk.dialogue.wants_content());
  EXPECT_EQ(talk.said(), ".\r\n");
  const Event event = talk.hear("250 whatever\r\n");
  EXPECT_EQ(event.then, Then::kFinished);
  EXPECT_FALSE(event.accepted);
}

TEST(Dialogue, SendsAMessageInChunksAtOnce) {
  const Script script = script_of(Mode::kBdat);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 77}, talk.now);
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b> SIZE=77\r\nRCPT TO:<0@b>\r\nBDAT 77 LAST\r\n");
  ASSERT_TRUE(talk.dialogue.wants_content());
  talk.dialogue.content_sent(talk.now);
  EXPECT_TRUE(talk.hear("250 ok\r\n250 ok\r\n250 in\r\n").accepted);
}

TEST(Dialogue, ResetsBehindAChunkThatWasRefused) {
  const Script script = script_of(Mode::kBdat);
  Talk talk(script);
  talk.open("250-me\r\n250 CHUNKING\r\n");  // without PIPELINING
  talk.dialogue.begin({.octets = 7}, talk.now);
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b>\r\n");
  talk.hear("250 ok\r\n");
  EXPECT_EQ(talk.said(), "RCPT TO:<0@b>\r\n");
  talk.hear("250 ok\r\n");
  EXPECT_EQ(talk.said(), "BDAT 7 LAST\r\n");
  talk.dialogue.content_sent(talk.now);
  const Event event = talk.hear("452 full\r\n");
  EXPECT_EQ(event.then, Then::kFinished);
  EXPECT_FALSE(event.accepted);
  talk.dialogue.begin({.octets = 7}, talk.now);
  EXPECT_EQ(talk.said(), "RSET\r\n");
  EXPECT_EQ(talk.hear("250 ok\r\n").step, Step::kReset);
  EXPECT_EQ(talk.said(), "MAIL FROM:<a@b>\r\n");
}

TEST(Dialogue, ResetsBehindRecipientsThatWereAllRefused) {
  const Script script = script_of(Mode::kLockStep);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 5}, talk.now);
  talk.hear("250 ok\r\n");
  const Event event = talk.hear("550 no\r\n");
  EXPECT_EQ(event.then, Then::kFinished);
  EXPECT_FALSE(event.accepted);
  talk.said();
  talk.dialogue.begin({.octets = 5}, talk.now);
  EXPECT_EQ(talk.said(), "RSET\r\n");
}

TEST(Dialogue, MeasuresFromWhenItAsked) {
  const Script script = script_of(Mode::kLockStep);
  Talk talk(script);
  talk.open(kAll);
  talk.now = Instant{5000};
  talk.dialogue.begin({.octets = 5}, talk.now);
  talk.now = Instant{6000};
  EXPECT_EQ(talk.hear("250 ok\r\n").asked.ns, 5000);
  talk.now = Instant{7000};
  EXPECT_EQ(talk.hear("250 ok\r\n").asked.ns, 6000);
}

TEST(Dialogue, IsOverWhenTheModeIsNotOffered) {
  const Script pipelining = script_of(Mode::kPipelining);
  Talk talk(pipelining);
  talk.hear("220 hi\r\n");
  const Event event = talk.hear("250 me\r\n");
  EXPECT_EQ(event.then, Then::kOver);
  EXPECT_EQ(event.reply.text, "the server does not offer PIPELINING");
  const Script bdat = script_of(Mode::kBdat);
  Talk other(bdat);
  other.hear("220 hi\r\n");
  EXPECT_EQ(other.hear("250-me\r\n250 PIPELINING\r\n").reply.text,
            "the server does not offer CHUNKING");
}

TEST(Dialogue, TakesNoAnswerForAnother) {
  struct Case {
    std::string replies;
    const char* what;
  };
  for (const Case& c :
       {Case{"354 go\r\n", "an answer to something else: 354 go"},
        Case{"250 ok\r\n354 go\r\n", "an answer to something else: 354 go"},
        Case{"250 ok\r\n250 ok\r\n250 ok\r\n", "an answer to something else: 250 ok"},
        Case{"hello\r\n", "no SMTP reply"},
        Case{std::string(5000, 'x'), "a reply line that is too long"}}) {
    const Script script = script_of(Mode::kLockStep);
    Talk talk(script);
    talk.open(kAll);
    talk.dialogue.begin({.octets = 5}, talk.now);
    const Event event = talk.hear(c.replies);
    EXPECT_EQ(event.then, Then::kOver) << c.replies;
    EXPECT_TRUE(talk.dialogue.violation());
    EXPECT_EQ(event.reply.text, c.what);
    EXPECT_EQ(talk.hear("250 ok\r\n").then, Then::kNeedInput);
  }
}

TEST(Dialogue, BelievesNothingThatNobodyAskedFor) {
  const Script script = script_of(Mode::kLockStep);
  Talk talk(script);
  talk.open(kAll);
  EXPECT_EQ(talk.hear("250 surprise\r\n").reply.text,
            "a reply that nobody asked for: 250 surprise");
}

TEST(Dialogue, EndsWith421Wherever) {
  const Script script = script_of(Mode::kLockStep);
  Talk greeting(script);
  EXPECT_EQ(greeting.hear("421 busy\r\n").then, Then::kOver);
  Talk talk(script);
  talk.open(kAll);
  talk.dialogue.begin({.octets = 5}, talk.now);
  const Event event = talk.hear("421 going\r\n");
  EXPECT_EQ(event.then, Then::kOver);
  EXPECT_TRUE(event.closing);
  EXPECT_FALSE(talk.dialogue.violation());
  EXPECT_EQ(talk.dialogue.in_flight(), 1U);
}

// Whatever a server says, in whatever order: the dialogue goes on or is over, and its invariants
// hold.
TEST(Dialogue, SurvivesNonsense) {
  constexpr const char* kReplies[] = {
      "220 hi\r\n",  "250 ok\r\n",    "250-a\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
      "354 go\r\n",  "450 later\r\n", "550 no\r\n",
      "421 bye\r\n", "334 \r\n",      "235 in\r\n",
      "250-half",    "\r\n",          "250-a\r\n550 b\r\n",
      "999 x\r\n",   "\0\xff\r\n",    "220 2.0.0 ready\r\n"};
  const smtp::Credentials credentials("me", "secret");
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Prng random(seed);
    Script script = script_of(static_cast<Mode>(random.below(3)), 1 + random.below(3));
    if (random.one_in(4)) {
      script.opening.credentials = &credentials;
      script.opening.auth_in_clear = true;
    }
    Talk talk(script);
    talk.hear("220 hi\r\n250-a\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 CHUNKING\r\n");
    for (int step = 0; step < 40; ++step) {
      // Good answers more often than not, or it would be over at once.
      const size_t which = random.one_in(3) ? random.below(std::size(kReplies)) : 1;
      if (talk.hear(kReplies[which], random.one_in(2)).then == Then::kOver) break;
      talk.dialogue.invariants();
      if (talk.dialogue.can_begin()) talk.dialogue.begin({.octets = 5}, talk.now);
      talk.said();
      if (talk.dialogue.wants_content() && !random.one_in(5)) talk.dialogue.content_sent(talk.now);
      talk.dialogue.invariants();
    }
  }
}

TEST(Dialogue, LogsOnWithLoginWhenPlainIsHidden) {
  const smtp::Credentials credentials("me", "secret");
  Script script = script_of(Mode::kLockStep);
  script.opening.credentials = &credentials;
  script.opening.auth_in_clear = true;
  script.hide_plain = true;
  Talk talk(script);
  talk.dialogue.connected(Instant{1});
  talk.hear("220 hi\r\n");
  talk.said();
  talk.now = Instant{2000};
  talk.hear("250-me\r\n250 AUTH PLAIN LOGIN\r\n");
  EXPECT_EQ(talk.said(), "AUTH LOGIN\r\n");
  EXPECT_EQ(talk.hear("334 VXNlcm5hbWU6\r\n").asked.ns, 0) << "the middle is not measured";
  EXPECT_EQ(talk.said(), "bWU=\r\n");
  talk.hear("334 UGFzc3dvcmQ6\r\n");
  EXPECT_EQ(talk.said(), "c2VjcmV0\r\n");
  talk.now = Instant{9000};
  const Event event = talk.hear("235 welcome\r\n");
  EXPECT_EQ(event.then, Then::kReady);
  EXPECT_EQ(event.step, Step::kAuth);
  EXPECT_EQ(event.asked.ns, 2000);
}

TEST(Dialogue, IsOverWhenALogonIsRefused) {
  const smtp::Credentials credentials("me", "secret");
  Script script = script_of(Mode::kLockStep);
  script.opening.credentials = &credentials;
  script.opening.auth_in_clear = true;
  Talk talk(script);
  talk.hear("220 hi\r\n");
  talk.hear("250-me\r\n250 AUTH PLAIN\r\n");
  const Event event = talk.hear("535 no\r\n");
  EXPECT_EQ(event.then, Then::kOver);
  EXPECT_EQ(event.step, Step::kAuth);
  EXPECT_EQ(event.reply.code, 535);
}

}  // namespace
}  // namespace relais::load
