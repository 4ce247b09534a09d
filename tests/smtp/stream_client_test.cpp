// The client for messages that are still coming in, against scripted servers: what it says and
// when, and what it makes of each reply, with replies whole and octet by octet.
#include "smtp/stream_client.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "smtp/auth_exchange.h"

namespace relais::smtp::test {
namespace {

using Kind = StreamEvent::Kind;
using Texts = std::vector<std::string>;

constexpr std::string_view kPipelined = "220 hop\r\n250-hop\r\n250 PIPELINING\r\n";
constexpr std::string_view kLockStep = "220 hop\r\n250 hop\r\n";
constexpr std::string_view kInChunks =
    "220 hop\r\n250-hop\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n";
constexpr std::string_view kMail = "MAIL FROM:<a@contoso.com>\r\n";
constexpr std::string_view kB = "RCPT TO:<b@contoso.com>\r\n";
constexpr std::string_view kC = "RCPT TO:<c@contoso.com>\r\n";

std::string show(const StreamEvent& event) {
  std::string text;
  switch (event.kind) {
    case Kind::kNeedInput:
      return "";
    case Kind::kStartTls:
      return "starttls";
    case Kind::kReady:
      return "ready";
    case Kind::kRecipient:
      text = "rcpt ";
      break;
    case Kind::kData:
      text = "data ";
      break;
    case Kind::kEnd:
      text = "end ";
      break;
    case Kind::kOver:
      text = "over ";
      break;
  }
  text += std::to_string(event.reply.code);
  if (!event.reply.text.empty()) (text += ' ') += event.reply.text;
  return text;
}

std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

void drop_output(StreamClient& client) {
  std::string memory;
  [[maybe_unused]] const std::string_view said = client.take_output(memory);
}

// One server that answers as told; each test runs with its replies whole and octet by octet.
class Stream : public ::testing::TestWithParam<bool> {
 protected:
  Texts hear(std::string_view replies) {
    Texts events;
    const auto drain = [&] {
      for (;;) {
        const StreamEvent event = client.next();
        client.invariants();
        if (event.kind == Kind::kNeedInput) return;
        events.push_back(show(event));
        if (event.kind == Kind::kOver) return;
      }
    };
    const size_t piece = GetParam() ? 1 : std::max<size_t>(1, replies.size());
    for (size_t i = 0; i < replies.size(); i += piece) {
      const std::string_view part = replies.substr(i, piece);
      const std::vector<char> memory(part.begin(), part.end());  // its end is seen by asan
      client.feed(memory);
      drain();
      if (!events.empty() && events.back().starts_with("over")) break;
    }
    if (replies.empty()) drain();
    return events;
  }
  std::string said() {
    std::string memory;
    std::string out(client.take_output(memory));
    client.invariants();
    return out;
  }
  // The greeting, and behind our EHLO the rest.
  void greet(std::string_view replies) {
    const size_t hello = replies.find('\n') + 1;
    EXPECT_EQ(hear(replies.substr(0, hello)), Texts{});
    EXPECT_EQ(said(), "EHLO relay.contoso.com\r\n");
    EXPECT_EQ(hear(replies.substr(hello)), Texts{"ready"});
    EXPECT_EQ(said(), "");
  }
  // It is over, because the server broke the protocol; how, or empty: it is not.
  std::string violation() {
    const StreamEvent event = client.next();
    EXPECT_FALSE(client.ready() && client.violation());
    if (event.kind != Kind::kOver || !client.violation()) return {};
    EXPECT_EQ(event.reply.code, 0);
    return std::string(event.reply.text);
  }
  void begin() { client.begin({.sender = "a@contoso.com"}); }
  void recipient(std::string_view address) { client.recipient(address, {}); }
  // MAIL, one recipient that is taken, and DATA that may begin.
  void begin_content() {
    begin();
    recipient("b@contoso.com");
    said();
    hear("250 ok\r\n250 ok\r\n");
    client.data();
    EXPECT_EQ(hear(said().empty() ? "" : "354 go\r\n").size(), 1U);
  }

  StreamClient client{"relay.contoso.com", true};
};

INSTANTIATE_TEST_SUITE_P(Replies, Stream, ::testing::Values(false, true),
                         [](const auto& way) { return way.param ? "ByOctets" : "Whole"; });

TEST_P(Stream, MailWaitsForTheFirstRecipientAndLeavesWithIt) {
  greet(kPipelined);
  begin();
  EXPECT_EQ(said(), "");
  recipient("b@contoso.com");
  EXPECT_EQ(said(), join({kMail, kB}));
  EXPECT_EQ(hear("250 mail\r\n250 2.1.5 b\r\n"), Texts{"rcpt 250 2.1.5 b"});
  recipient("c@contoso.com");
  EXPECT_EQ(said(), kC);
  EXPECT_EQ(hear("550 5.1.1 no c\r\n"), Texts{"rcpt 550 5.1.1 no c"});
  client.data();
  EXPECT_EQ(said(), "DATA\r\n");
  EXPECT_EQ(hear("354 go\r\n"), Texts{"data 354 go"});
  client.content("one\r\n");
  client.content("..two\r\n");
  EXPECT_EQ(said(), "one\r\n..two\r\n");
  client.end();
  EXPECT_EQ(said(), ".\r\n");
  EXPECT_TRUE(client.end_taken());
  EXPECT_EQ(hear("250 2.0.0 queued as 1\r\n"), Texts{"end 250 2.0.0 queued as 1"});
  EXPECT_TRUE(client.can_begin());
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), join({kMail, kB})) << "a clean end needs no RSET";
}

TEST_P(Stream, RecipientsThatComeTogetherAreAnsweredInOrder) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  recipient("c@contoso.com");
  EXPECT_EQ(said(), join({kMail, kB, kC}));
  EXPECT_EQ(hear("250 ok\r\n450 b\r\n250 c\r\n"), (Texts{"rcpt 450 b", "rcpt 250 c"}));
}

TEST_P(Stream, ARefusalOfMailAnswersEveryRecipient) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  recipient("c@contoso.com");
  said();
  EXPECT_EQ(hear("550 5.7.1 not you\r\n503 mail first\r\n503 mail first\r\n"),
            (Texts{"rcpt 550 5.7.1 not you", "rcpt 550 5.7.1 not you"}));
  recipient("d@contoso.com");
  EXPECT_EQ(said(), "");
  EXPECT_EQ(hear(""), Texts{"rcpt 550 5.7.1 not you"});
  EXPECT_TRUE(client.abandon());
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), join({kMail, kB})) << "there was nothing to reset";
}

TEST_P(Stream, InLockStepOneCommandWaitsForTheOther) {
  greet(kLockStep);
  begin();
  recipient("b@contoso.com");
  recipient("c@contoso.com");
  EXPECT_EQ(said(), kMail);
  EXPECT_EQ(hear("250 ok\r\n"), Texts{});
  EXPECT_EQ(said(), kB);
  EXPECT_EQ(hear("250 b\r\n"), Texts{"rcpt 250 b"});
  EXPECT_EQ(said(), kC);
  EXPECT_EQ(hear("250 c\r\n"), Texts{"rcpt 250 c"});
  client.data();
  EXPECT_EQ(said(), "DATA\r\n");
  EXPECT_EQ(hear("354 go\r\n"), Texts{"data 354 go"});
  client.content("x\r\n");
  client.end();
  EXPECT_EQ(said(), "x\r\n.\r\n");
  EXPECT_EQ(hear("250 kept\r\n"), Texts{"end 250 kept"});
}

TEST_P(Stream, InLockStepARefusedMailKeepsTheRecipientsBack) {
  greet(kLockStep);
  begin();
  recipient("b@contoso.com");
  recipient("c@contoso.com");
  EXPECT_EQ(said(), kMail);
  EXPECT_EQ(hear("451 later\r\n"), (Texts{"rcpt 451 later", "rcpt 451 later"}));
  EXPECT_EQ(said(), "");
  EXPECT_TRUE(client.abandon());
  EXPECT_TRUE(client.can_begin());
}

TEST_P(Stream, WithChunkingContentNeedsNoGoAheadAndLosesItsDots) {
  greet(kInChunks);
  begin();
  recipient("b@contoso.com");
  said();
  hear("250 ok\r\n250 ok\r\n");
  client.data();
  EXPECT_EQ(said(), "");
  EXPECT_EQ(hear(""), Texts{"data 354"});
  client.content("one\r\n.");
  client.content(".two\r\n");
  EXPECT_EQ(said(), "BDAT 11\r\none\r\n.two\r\n");
  EXPECT_EQ(hear("250 11 octets\r\n"), Texts{});
  client.content("x\r\n");
  client.end();
  EXPECT_EQ(said(), "BDAT 3 LAST\r\nx\r\n");
  EXPECT_EQ(hear("250 kept\r\n"), Texts{"end 250 kept"});
}

TEST_P(Stream, WhatIsSaidToBeLargeGoesWithData) {
  struct Case {
    uint64_t size;
    bool binary;
    std::string_view said;
  };
  for (const Case& c :
       {Case{131'072, false, ""}, Case{131'073, false, "DATA\r\n"}, Case{131'073, true, ""}}) {
    StreamClient other("relay.contoso.com", true);
    for (const auto reply : {kInChunks.substr(0, 9), kInChunks.substr(9)}) {
      drop_output(other);
      other.feed(reply);
      while (other.next().kind != Kind::kNeedInput) {
      }
    }
    other.begin({.sender = "a@contoso.com", .size = c.size, .binary = c.binary});
    other.recipient("b@contoso.com", {});
    drop_output(other);
    other.feed(std::string_view("250 ok\r\n250 ok\r\n"));
    while (other.next().kind != Kind::kNeedInput) {
    }
    other.data();
    std::string memory;
    EXPECT_EQ(other.take_output(memory), c.said) << c.size;
  }
}

TEST_P(Stream, WhatIsKnownToHaveNoStuffedDotsIsPassedOnAsItIs) {
  greet(kInChunks);
  begin_content();
  client.content("one\r\n", true);
  client.content("", true);
  client.content("..two\r\n");
  client.content("a\r", true);
  client.content("\n..", false);
  EXPECT_EQ(client.backlog(), 15U);
  EXPECT_EQ(said(), "BDAT 15\r\none\r\n.two\r\na\r\n.");
  EXPECT_EQ(client.backlog(), 0U);
}

TEST_P(Stream, AnEndBehindTheLastOctetIsAnEmptyChunk) {
  greet(kInChunks);
  begin_content();
  client.content("x\r\n");
  EXPECT_EQ(said(), "BDAT 3\r\nx\r\n");
  client.end();
  EXPECT_EQ(said(), "BDAT 0 LAST\r\n");
  EXPECT_EQ(hear("250 3\r\n"), Texts{});
  EXPECT_EQ(hear("550 5.7.1 spam\r\n"), Texts{"end 550 5.7.1 spam"});
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), join({"RSET\r\n", kMail, kB}));
  EXPECT_EQ(hear("250 reset\r\n250 ok\r\n250 ok\r\n"), Texts{"rcpt 250 ok"});
}

TEST_P(Stream, ARefusedChunkEndsTheSendingAndIsTheAnswer) {
  greet(kInChunks);
  begin_content();
  client.content("one\r\n");
  said();
  EXPECT_EQ(hear("552 5.3.4 too much\r\n"), Texts{});
  client.content("two\r\n");
  EXPECT_EQ(said(), "");
  client.end();
  EXPECT_EQ(hear(""), Texts{"end 552 5.3.4 too much"});
  EXPECT_EQ(said(), "");
  EXPECT_TRUE(client.can_begin());
}

TEST_P(Stream, WithoutPipeliningOneChunkIsUnderWay) {
  greet("220 hop\r\n250-hop\r\n250 CHUNKING\r\n");
  begin();
  recipient("b@contoso.com");
  said();
  hear("250 ok\r\n");
  said();
  hear("250 ok\r\n");
  client.data();
  EXPECT_EQ(hear(""), Texts{"data 354"});
  client.content("one\r\n");
  EXPECT_EQ(said(), "BDAT 5\r\none\r\n");
  client.content("two\r\n");
  client.end();
  EXPECT_EQ(said(), "");
  EXPECT_EQ(hear("250 5\r\n"), Texts{});
  EXPECT_EQ(said(), "BDAT 5 LAST\r\ntwo\r\n");
  EXPECT_EQ(hear("250 kept\r\n"), Texts{"end 250 kept"});
}

TEST_P(Stream, ARefusedDataLeavesTheTransactionAndTheNextOneResetsIt) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  hear("250 ok\r\n250 ok\r\n");
  client.data();
  said();
  EXPECT_EQ(hear("451 4.3.0 not now\r\n"), Texts{"data 451 4.3.0 not now"});
  recipient("c@contoso.com");
  EXPECT_EQ(said(), kC);
  EXPECT_EQ(hear("250 c\r\n"), Texts{"rcpt 250 c"});
  EXPECT_TRUE(client.abandon());
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), join({"RSET\r\n", kMail, kB}));
}

TEST_P(Stream, AnEnvelopeCanBeGivenUpEvenBeforeItsAnswersHaveCome) {
  greet(kPipelined);
  begin();
  EXPECT_TRUE(client.abandon());
  EXPECT_EQ(said(), "") << "nothing had been said";
  begin();
  recipient("b@contoso.com");
  said();
  EXPECT_TRUE(client.abandon());
  begin();
  recipient("c@contoso.com");
  EXPECT_EQ(said(), join({"RSET\r\n", kMail, kC}));
  EXPECT_EQ(hear("250 old mail\r\n250 old b\r\n250 reset\r\n250 mail\r\n550 c\r\n"),
            Texts{"rcpt 550 c"});
}

TEST_P(Stream, InLockStepWhatWasNotSaidIsNotSaidAfterItWasGivenUp) {
  greet(kLockStep);
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), kMail);
  EXPECT_TRUE(client.abandon());
  EXPECT_EQ(hear("250 ok\r\n"), Texts{});
  EXPECT_EQ(said(), "");
  begin();
  recipient("b@contoso.com");
  EXPECT_EQ(said(), "RSET\r\n");
  EXPECT_EQ(hear("250 ok\r\n"), Texts{});
  EXPECT_EQ(said(), kMail);
}

TEST_P(Stream, OnlyClosingUndoesContent) {
  greet(kPipelined);
  begin_content();
  EXPECT_FALSE(client.abandon());
}

TEST_P(Stream, OnlyClosingUndoesContentInChunks) {
  greet(kInChunks);
  begin_content();
  EXPECT_FALSE(client.abandon());
}

TEST_P(Stream, DataThatWaitsForItsAnswerCannotBeUndoneEither) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  hear("250 ok\r\n250 ok\r\n");
  client.data();
  EXPECT_FALSE(client.abandon());
}

TEST_P(Stream, ARefusalInTheMiddleOfContentIsTheAnswerAndTheConnectionIsSpoilt) {
  greet(kPipelined);
  begin_content();
  client.content("x\r\n");
  said();
  EXPECT_EQ(hear("552 5.3.4 enough\r\n"), Texts{"end 552 5.3.4 enough"});
  client.content("y\r\n");
  client.end();
  EXPECT_EQ(said(), "");
  EXPECT_FALSE(client.abandon());
  EXPECT_FALSE(client.can_begin());
}

TEST_P(Stream, ServiceClosingEndsItWherever) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  EXPECT_FALSE(client.answered());
  EXPECT_EQ(hear("421 4.4.2 idle for too long\r\n"), Texts{"over 421 4.4.2 idle for too long"});
  EXPECT_FALSE(client.answered());
  EXPECT_FALSE(client.abandon());
  EXPECT_EQ(hear(""), Texts{"over 421 4.4.2 idle for too long"}) << "again and again";
}

// ---- what is said out of turn

TEST_P(Stream, OneReplyTooManyIsNotTakenForTheAnswerToSomethingElse) {
  greet(kInChunks);
  begin();
  recipient("b@contoso.com");
  said();
  const Texts heard = hear("250 mail\r\n250 mail again\r\n550 5.1.1 no b\r\n");
  // Octet by octet the second one could not be told from the answer; nothing is built upon it.
  const std::string whole = "said what nobody had asked for: 550 5.1.1 no b";
  EXPECT_EQ(violation(), GetParam() ? "said what nobody had asked for: 5" : whole);
  EXPECT_EQ(heard.size(), GetParam() ? 2U : 1U);
  EXPECT_FALSE(client.abandon());
}

TEST_P(Stream, BehindTheAnswerToTheEndOfDataNothingMayFollow) {
  for (const bool chunks : {false, true}) {
    StreamClient other("relay.contoso.com", true);
    const auto tell = [&](std::string_view replies) {
      drop_output(other);
      other.feed(replies);
    };
    const auto go_on = [&] {
      StreamEvent event = other.next();
      while (event.kind != Kind::kNeedInput && event.kind != Kind::kOver) event = other.next();
    };
    tell("220 hop\r\n");
    go_on();
    tell(chunks ? "250-hop\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
                : "250-hop\r\n250 PIPELINING\r\n");
    go_on();
    other.begin({.sender = "a@contoso.com"});
    other.recipient("b@contoso.com", {});
    tell("250 mail\r\n250 b\r\n");
    go_on();
    other.data();
    if (!chunks) tell("354 go\r\n");
    go_on();
    other.content("x\r\n");
    other.end();
    tell("250 of an earlier command\r\n554 5.6.0 no such content\r\n");
    const StreamEvent event = other.next();
    EXPECT_EQ(event.kind, Kind::kOver) << "the sender would be told 250";
    EXPECT_TRUE(other.violation());
    other.invariants();
  }
}

TEST_P(Stream, AReplyThatIsThereBeforeItsCommandHasLeftIsNone) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  hear("250 ok\r\n");
  EXPECT_TRUE(violation().starts_with("said what nobody had asked for"));
}

TEST_P(Stream, NorIsOneThatBeganBeforeItsCommandHadLeft) {
  greet(kPipelined);
  EXPECT_EQ(hear("4"), Texts{});
  EXPECT_FALSE(client.can_begin()) << "nobody may use it as long as that is not finished";
  hear("50 what\r\n");
  EXPECT_EQ(violation(), "said what nobody had asked for: 450");
}

TEST_P(Stream, ARefusalThatBeganBeforeTheDotHadLeftIsNoAnswerToIt) {
  greet(kPipelined);
  begin_content();
  client.content("x\r\n");
  said();
  EXPECT_EQ(hear("5"), Texts{});
  client.end();
  said();
  EXPECT_EQ(hear("52 enough\r\n").size(), 1U);
  EXPECT_FALSE(violation().empty());
}

TEST_P(Stream, AnEarlyRefusalTakesTheDotBack) {
  greet(kPipelined);
  begin_content();
  client.content("x\r\n");
  client.end();
  EXPECT_EQ(hear("552 5.3.4 enough\r\n"), Texts{"end 552 5.3.4 enough"});
  EXPECT_EQ(said(), "") << "what was refused must not be finished";
  EXPECT_FALSE(client.abandon());
}

TEST_P(Stream, AnEarlyYesIsNone) {
  for (const bool ended : {false, true}) {
    StreamClient other("relay.contoso.com", false);
    for (const std::string_view reply : {"220 hop\r\n", "250-hop\r\n250 PIPELINING\r\n"}) {
      other.feed(reply);
      while (other.next().kind != Kind::kNeedInput) {
      }
      drop_output(other);
    }
    other.begin({.sender = "a@contoso.com"});
    other.recipient("b@contoso.com", {});
    drop_output(other);
    other.feed(std::string_view("250 ok\r\n250 ok\r\n"));
    while (other.next().kind != Kind::kNeedInput) {
    }
    other.data();
    drop_output(other);
    other.feed(std::string_view("354 go\r\n"));
    while (other.next().kind != Kind::kNeedInput) {
    }
    other.content("x\r\n");
    if (ended) other.end();
    other.feed(std::string_view("250 kept already\r\n"));
    EXPECT_EQ(other.next().kind, Kind::kOver);
    EXPECT_TRUE(other.violation());
    other.invariants();
  }
}

TEST_P(Stream, ServiceClosingBehindAnAnswerTakesNothingBack) {
  greet(kPipelined);
  begin_content();
  client.content("x\r\n");
  client.end();
  said();
  EXPECT_EQ(hear("250 kept\r\n421 4.4.2 enough for today\r\n"),
            (Texts{"end 250 kept", "over 421 4.4.2 enough for today"}));
  EXPECT_FALSE(client.violation());
}

TEST_P(Stream, ACodeThatAnswersSomethingElseEndsIt) {
  // How far the dialogue goes, and what nobody may say there.
  enum class At : uint8_t { kGreeting, kHello, kSender, kRecipient, kData, kEnd, kChunk };
  struct Case {
    At at;
    std::string_view reply;
  };
  constexpr Case kCases[] = {
      {At::kGreeting, "250 hop\r\n"},   {At::kGreeting, "354 hop\r\n"},
      {At::kHello, "220 hop\r\n"},      {At::kHello, "251 hop\r\n"},
      {At::kSender, "220 hop\r\n"},     {At::kSender, "251 ok\r\n"},
      {At::kSender, "252 ok\r\n"},      {At::kSender, "334 \r\n"},
      {At::kSender, "235 welcome\r\n"}, {At::kSender, "150 wait\r\n"},
      {At::kSender, "hello\r\n"},       {At::kSender, "250-a\r\n251 b\r\n"},
      {At::kSender, "25\r\n"},          {At::kSender, "250\nok\r\n"},
      {At::kSender, "600 ok\r\n"},      {At::kSender, "\r\n"},
      {At::kRecipient, "220 hop\r\n"},  {At::kRecipient, "221 bye\r\n"},
      {At::kRecipient, "253 ok\r\n"},   {At::kRecipient, "354 go\r\n"},
      {At::kRecipient, "200 ok\r\n"},   {At::kData, "250 ok\r\n"},
      {At::kData, "334 go\r\n"},        {At::kData, "355 go\r\n"},
      {At::kData, "220 go\r\n"},        {At::kEnd, "220 ok\r\n"},
      {At::kEnd, "221 bye\r\n"},        {At::kEnd, "235 ok\r\n"},
      {At::kEnd, "251 ok\r\n"},         {At::kEnd, "252 ok\r\n"},
      {At::kEnd, "354 go\r\n"},         {At::kEnd, "334 go\r\n"},
      {At::kChunk, "354 go\r\n"},       {At::kChunk, "252 ok\r\n"},
      {At::kChunk, "220 ok\r\n"},
  };
  for (const Case& c : kCases) {
    StreamClient other("relay.contoso.com", c.at == At::kChunk);
    const auto tell = [&](std::string_view replies) {
      drop_output(other);
      const size_t piece = GetParam() ? 1 : replies.size();
      StreamEvent event;
      for (size_t i = 0; i < replies.size(); i += piece) {
        other.feed(replies.substr(i, piece));
        do {
          event = other.next();
          if (event.kind == Kind::kOver) return true;
          EXPECT_NE(event.kind, Kind::kEnd) << c.reply;
        } while (event.kind != Kind::kNeedInput);
      }
      return false;
    };
    const auto all = [&] {
      if (c.at == At::kGreeting) return tell(c.reply);
      if (tell("220 hop\r\n")) return false;
      if (c.at == At::kHello) return tell(c.reply);
      if (tell("250-hop\r\n250-CHUNKING\r\n250 PIPELINING\r\n")) return false;
      other.begin({.sender = "a@contoso.com"});
      other.recipient("b@contoso.com", {});
      if (c.at == At::kSender) return tell(c.reply);
      if (c.at == At::kRecipient) return tell(std::string("250 ok\r\n").append(c.reply));
      if (tell("250 ok\r\n252 maybe\r\n")) return false;
      other.data();
      if (c.at == At::kData) return tell(c.reply);
      if (c.at == At::kEnd && tell("354 go\r\n")) return false;
      if (c.at == At::kChunk && other.next().kind != Kind::kData) return false;
      other.content("x\r\n");
      other.end();
      return tell(c.reply);
    };
    EXPECT_TRUE(all()) << c.reply;
    EXPECT_TRUE(other.violation()) << c.reply;
    other.invariants();
  }
}

TEST_P(Stream, WhatCodeAndCommandDidNotFitIsSaid) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  hear("220 hello\t\x80 again\r\n");
  EXPECT_EQ(violation(), "answered MAIL with 220: hello ? again");
}

TEST_P(Stream, RepliesWithoutAnEndHaveOne) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  if (GetParam()) return;  // the same, at length
  std::string endless;
  while (endless.size() < 80'000) endless += "250-and so on\r\n";
  EXPECT_EQ(hear(endless).size(), 1U);
  EXPECT_EQ(violation(), "said a reply without an end: 250-and so on");
}

TEST_P(Stream, ALineWithoutAnEndHasOne) {
  greet(kPipelined);
  begin();
  recipient("b@contoso.com");
  said();
  hear("250 " + std::string(3000, 'x'));
  EXPECT_EQ(violation(), "said a line without an end");
}

TEST_P(Stream, WhileItIsIdleOnlyServiceClosingMayCome) {
  greet(kPipelined);
  EXPECT_EQ(hear("250 nobody asked\r\n").size(), 1U);
  EXPECT_TRUE(client.violation());
  EXPECT_FALSE(client.ready());
  StreamClient other("relay.contoso.com", true);
  other.feed(std::string_view("220 hop\r\n"));
  while (other.next().kind != Kind::kNeedInput) {
  }
  drop_output(other);
  other.feed(std::string_view("250 hop\r\n421 4.4.2 bye\r\n"));
  EXPECT_EQ(other.next().kind, Kind::kReady);
  EXPECT_EQ(other.next().kind, Kind::kOver);
  EXPECT_FALSE(other.violation());
}

TEST_P(Stream, AGreetingOrHelloThatRefusesEndsIt) {
  EXPECT_EQ(hear("554 5.7.1 go away\r\n"), Texts{"over 554 5.7.1 go away"});
  StreamClient other("relay.contoso.com", true);
  StreamEvent event;
  for (const std::string_view reply : {"220 hop\r\n", "500 what\r\n", "550 nor that\r\n"}) {
    other.feed(reply);
    event = other.next();
    drop_output(other);
  }
  EXPECT_EQ(event.kind, Kind::kOver);
  EXPECT_FALSE(other.violation());
}

TEST_P(Stream, QuitIsAnsweredByTheEnd) {
  greet(kPipelined);
  client.quit();
  EXPECT_EQ(said(), "QUIT\r\n");
  EXPECT_FALSE(client.can_begin());
  EXPECT_EQ(hear("221 bye\r\n"), Texts{"over 221 bye"});
}

TEST_P(Stream, ParametersAreThoseThatTheServerOffers) {
  greet("220 hop\r\n250-hop\r\n250-SIZE 1000\r\n250-DSN\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n");
  client.begin({.sender = "a@contoso.com",
                .size = 77,
                .eight_bit = true,
                .utf8 = true,
                .ret = DsnReturn::kHeaders,
                .envid = "x+2B"});
  client.recipient("b@contoso.com", {dsn_notify::kNever, "rfc822;c@contoso.com"});
  EXPECT_EQ(said(),
            "MAIL FROM:<a@contoso.com> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2B\r\n");
  hear("250 ok\r\n");
  EXPECT_EQ(said(), "RCPT TO:<b@contoso.com> NOTIFY=NEVER ORCPT=rfc822;c@contoso.com\r\n");
}

// ---- TLS and logging on (client_security_test has the details)

class Secured {
 public:
  explicit Secured(const ClientOptions& options) : client(options) {}
  // What it says next, and what comes of the reply.
  std::string said() {
    std::string memory;
    return std::string(client.take_output(memory));
  }
  std::string hear(std::string_view reply) {
    said();
    client.feed(reply);
    for (;;) {
      const StreamEvent event = client.next();
      client.invariants();
      if (event.kind == Kind::kNeedInput) return "";
      if (event.kind == Kind::kStartTls) return "starttls";
      stage = event.stage;
      return show(event);
    }
  }
  StreamClient client;
  OpeningStage stage = OpeningStage::kSession;
};

constexpr std::string_view kOffersTls = "250-hop\r\n250-PIPELINING\r\n250 STARTTLS\r\n";

TEST(StreamSecurity, StartTlsForgetsWhatWasSaidBeforeAndThenLogsOn) {
  const Credentials credentials("relay", "secret");
  Secured hop({.ehlo_name = "relay.contoso.com",
               .start_tls = StartTls::kRequired,
               .credentials = &credentials});
  EXPECT_EQ(hop.hear("220 hop\r\n"), "");
  EXPECT_EQ(hop.hear(kOffersTls), "");
  EXPECT_EQ(hop.said(), "STARTTLS\r\n");
  EXPECT_EQ(hop.hear("220 go\r\n"), "starttls");
  hop.client.tls_started();
  EXPECT_EQ(hop.said(), "EHLO relay.contoso.com\r\n");
  EXPECT_EQ(hop.hear("250-hop\r\n250-CHUNKING\r\n250 AUTH PLAIN\r\n"), "");
  EXPECT_EQ(hop.said(), "AUTH PLAIN AHJlbGF5AHNlY3JldA==\r\n");
  EXPECT_EQ(hop.hear("235 welcome\r\n"), "ready");
  EXPECT_TRUE(hop.client.extensions().chunking);
  EXPECT_FALSE(hop.client.extensions().pipelining);
}

TEST(StreamSecurity, WhatStandsBehindTheAnswerToStartTlsIsNotTakenIntoIt) {
  for (const std::string_view behind : {"250 hop\r\n", "4", "450 x\r\n", "\r\n"}) {
    Secured hop({.ehlo_name = "relay.contoso.com", .start_tls = StartTls::kIfOffered});
    hop.hear("220 hop\r\n");
    hop.hear(kOffersTls);
    EXPECT_TRUE(hop.hear(std::string("220 go\r\n").append(behind)).starts_with("over 0 "));
  }
}

TEST(StreamSecurity, WhereItIsRequiredNothingGoesWithoutIt) {
  for (const std::string_view hello : {"250 hop\r\n", "250-hop\r\n250 STARTTLS\r\n"}) {
    Secured hop({.ehlo_name = "relay.contoso.com", .start_tls = StartTls::kRequired});
    hop.hear("220 hop\r\n");
    std::string heard = hop.hear(hello);
    if (heard.empty()) heard = hop.hear("454 4.7.0 not now\r\n");
    EXPECT_TRUE(heard.starts_with("over "));
    EXPECT_EQ(hop.stage, OpeningStage::kTls);
    EXPECT_FALSE(hop.client.violation());
  }
}

TEST(StreamSecurity, ALogonThatFailsIsTheEndAndSaysNoPassword) {
  const Credentials credentials("relay", "secret");
  Secured hop({.ehlo_name = "relay.contoso.com", .in_tls = true, .credentials = &credentials});
  hop.hear("220 hop\r\n");
  hop.hear("250-hop\r\n250 AUTH LOGIN\r\n");
  EXPECT_EQ(hop.said(), "AUTH LOGIN\r\n");
  hop.hear("334 VXNlcm5hbWU6\r\n");
  hop.hear("334 UGFzc3dvcmQ6\r\n");
  EXPECT_EQ(hop.hear("535 5.7.8 secret is wrong\r\n"),
            "over 535 (a text that repeats the password)");
  EXPECT_EQ(hop.stage, OpeningStage::kAuth);
}

TEST(StreamSecurity, WhatIsRefusedBehindXclientIsRefusedToTheClientThatItNames) {
  constexpr std::string_view kOffer = "250-hop\r\n250-PIPELINING\r\n250 XCLIENT ADDR PORT\r\n";
  const ClientOptions options{.ehlo_name = "relay.contoso.com",
                              .needs_xclient = true,
                              .client = NamedClient{.remote = *Endpoint::parse("192.0.2.7:1500"),
                                                    .local = *Endpoint::parse("10.0.0.5:25"),
                                                    .hello = {},
                                                    .login = {}}};
  struct Case {
    std::string_view greeting, named, again, event;
    bool by_client, violation;
  };
  static constexpr Case kCases[] = {
      {"220 hop\r\n", "220 hop\r\n", "250-hop\r\n250 CHUNKING\r\n", "ready", true, false},
      {"554 no\r\n", "", "", "over 554 no", false, false},
      {"220 hop\r\n", "421 4.3.2 no\r\n", "", "over 421 4.3.2 no", true, false},
      {"220 hop\r\n", "550 no\r\n", "", "over 550 no", true, false},
      {"220 hop\r\n", "220 hop\r\n", "450 no\r\n", "over 450 no", true, false},
      {"220 hop\r\n", "220 hop\r\n250 hop\r\n", "",
       "over 0 said what nobody had asked for: 250 hop", true, true},
  };
  for (const Case& c : kCases) {
    Secured hop(options);
    std::string event = hop.hear(c.greeting);
    for (const std::string_view reply : {kOffer, c.named, c.again}) {
      if (!event.empty()) break;
      hop.said();
      event = hop.hear(reply);
    }
    EXPECT_EQ(event, c.event);
    EXPECT_EQ(hop.client.named_client(), c.by_client) << c.event;
    EXPECT_EQ(hop.client.violation(), c.violation) << c.event;
    if (event != "ready") continue;
    EXPECT_TRUE(hop.client.extensions().chunking);
    EXPECT_FALSE(hop.client.extensions().pipelining);
  }
}

// Whatever it says: no assertion fails, and one that was asked is answered at most once.
TEST(StreamRandom, AServerThatSaysAnythingBreaksNothing) {
  constexpr std::string_view kSayings[] = {
      "220 hop\r\n",  "250 ok\r\n",  "250-hop\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
      "354 go\r\n",   "550 no\r\n",  "451 l",
      "ater\r\n",     "421 bye\r\n", "250-a\r\n",
      "\r\n",         "junk\r\n",    "250 hop\r\n",
      "503 order\r\n"};
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Prng random(seed);
    StreamClient client("relay.contoso.com", random.below(2) == 0);
    uint32_t asked = 0;
    uint32_t answered = 0;
    bool content = false;
    bool data_asked = false;
    bool ended = false;
    std::string fed;
    const auto drain = [&] {
      for (;;) {
        const StreamEvent event = client.next();
        client.invariants();
        if (event.kind == Kind::kNeedInput || event.kind == Kind::kOver) return;
        if (event.kind == Kind::kRecipient) ++answered;
        if (event.kind == Kind::kData) {
          data_asked = false;
          content = event.reply.code == 354;
        }
        if (event.kind == Kind::kEnd && !ended) content = false;
        ASSERT_LE(answered, asked);
      }
    };
    bool begun = false;
    bool client_greeted = false;
    for (int step = 0; step < 60; ++step) {
      switch (random.below(5)) {
        case 0:
        case 1:
          fed = kSayings[random.below(std::size(kSayings))];
          // Mostly in turn, or nothing would ever be reached.
          if (random.below(10) != 0) drop_output(client);
          if (!client.ready() && random.below(10) != 0)
            fed = client_greeted ? "250-hop\r\n250 PIPELINING\r\n" : "220 hop\r\n";
          client_greeted = true;
          client.feed(fed);
          drain();
          break;
        case 2:
          if (client.can_begin()) {
            client.begin({.sender = "a@contoso.com"});
            begun = true;
            asked = answered = 0;
            content = data_asked = ended = false;
          } else if (begun && !data_asked && !content && !ended && client.ready()) {
            client.recipient("b@contoso.com", {});
            ++asked;
            drain();
          }
          break;
        case 3:
          if (content && client.ready() && !ended) {
            client.content("..x\r\n");
            if (random.below(3) == 0) {
              client.end();
              ended = true;
              begun = false;
            }
            drain();
          } else if (begun && asked > 0 && asked == answered && !data_asked && client.ready() &&
                     !ended) {
            client.data();
            data_asked = true;
            drain();
          }
          break;
        default:
          drop_output(client);
          client.invariants();
          if (random.below(10) == 0 && begun && client.abandon()) {
            begun = content = data_asked = false;
            asked = answered = 0;
          }
      }
    }
  }
}

}  // namespace
}  // namespace relais::smtp::test
