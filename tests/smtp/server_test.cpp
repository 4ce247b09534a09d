// What a dialogue file cannot show: questions that wait, shutting in the middle, lifetimes, size.
#include "smtp/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace relais::smtp {
namespace {

constexpr std::string_view kEnvelope =
    "EHLO app.contoso.com\r\nMAIL FROM:<a@contoso.com> SIZE=10 BODY=8BITMIME\r\n"
    "RCPT TO:<b@Contoso.com.>\r\nRCPT TO:<Postmaster>\r\n";

struct Session {
  ServerOptions options;
  Server server{options, "192.0.2.1"};

  // Goes on until an event of this kind, saying yes to what is asked before.
  Event until(Event::Kind kind) {
    for (;;) {
      const Event event = server.next();
      server.invariants();
      if (event.kind == kind || event.kind == Event::Kind::kNeedInput) return event;
      if (event.is_question()) server.answer({replies::kNoop});
    }
  }
  std::string take_output() {
    std::string output(server.output());
    server.output_consumed(output.size());
    return output;
  }
};

TEST(Server, IsSmall) { EXPECT_LE(sizeof(Server), 800U); }

TEST(Server, AsksBeforeItRunsACommand) {
  ServerOptions options;
  Server server(options, "192.168.5.10");
  server.ask_before_commands(true);
  const std::string bytes =
      "NOOP\r\nEHLO app.contoso.com\r\n" + std::string(3000, 'x') + "\r\nQUIT\r\n";
  server.feed(bytes);
  const auto next = [&] {
    const Event event = server.next();
    server.invariants();
    return event.kind;
  };
  for (const char* reply : {"250 2.0.0 OK\r\n", "250-localhost Hello", "500 5.5.2"}) {
    EXPECT_EQ(next(), Event::Kind::kCommand);
    EXPECT_TRUE(server.output().empty());
    EXPECT_FALSE(server.needs_input());
    server.answer({replies::kNoop});
    EXPECT_TRUE(server.output().empty());
    EXPECT_NE(next(), Event::Kind::kCommand);
    EXPECT_TRUE(server.output().starts_with(reply)) << server.output();
    server.output_buffer().clear();
  }
  EXPECT_EQ(next(), Event::Kind::kCommand);
  server.answer({{421, {4, 7, 1}, "Enough"}});
  EXPECT_EQ(next(), Event::Kind::kClose);
  EXPECT_EQ(server.output(), "421 4.7.1 Enough\r\n");
}

TEST(Server, OffersRequireTlsInTlsOnly) {
  constexpr std::string_view kLines =
      "EHLO app.contoso.com\r\nMAIL FROM:<a@contoso.com> REQUIRETLS\r\nQUIT\r\n";
  for (const bool in_tls : {false, true}) {
    Session session;
    session.options.require_tls = true;
    if (in_tls) session.server.tls_started();
    session.server.greet("now");
    session.server.feed(kLines);
    session.until(in_tls ? Event::Kind::kMail : Event::Kind::kRefused);
    if (in_tls) session.server.answer({replies::kSenderOk});
    EXPECT_EQ(session.server.transaction().require_tls, in_tls);
    const std::string output = session.take_output();
    EXPECT_EQ(output.find("250 REQUIRETLS") != std::string::npos, in_tls) << output;
    EXPECT_EQ(output.find("555 5.5.4") != std::string::npos, !in_tls) << output;
  }
}

// What was sent behind a refused MAIL before its client could know is not held against it, also
// where another Server goes on.
TEST(Server, ExcusesWhatFollowsARefusalInOtherHandsToo) {
  ServerOptions options;
  options.max_protocol_errors = 2;
  Server first(options, "192.0.2.1");
  first.greet("now");
  const std::string_view mail = "EHLO a\r\nMAIL FROM:<a@b.c>\r\n";
  first.feed(mail);
  while (!first.awaits_answer()) (void)first.next();
  first.answer({{550, {5, 7, 1}, "no"}, false});
  first.output_consumed(first.output().size());
  Server second(options, "192.0.2.1");
  second.resume(first.standing());
  std::string group;
  for (int i = 0; i < 20; ++i) group += "RCPT TO:<d@e.f>\r\n";
  second.feed(group);
  while (!second.is_shut() && second.next().kind != Event::Kind::kNeedInput) {
  }
  EXPECT_FALSE(second.is_shut());
  EXPECT_EQ(std::ranges::count(second.output(), '\n'), 20);
}

TEST(Server, LooksAtNothingBehindAQuestion) {
  Session session;
  const std::string bytes = std::string(kEnvelope) + "QUIT\r\n";
  session.server.feed(bytes);
  EXPECT_EQ(session.until(Event::Kind::kMail).kind, Event::Kind::kMail);
  EXPECT_TRUE(session.server.awaits_answer());
  EXPECT_FALSE(session.server.needs_input());
  EXPECT_FALSE(session.server.transaction().has_sender());
  session.take_output();
  session.server.answer({replies::kSenderOk});
  EXPECT_EQ(session.take_output(), "250 2.1.0 Sender OK\r\n");
  EXPECT_TRUE(session.server.transaction().has_sender());
  EXPECT_FALSE(session.server.awaits_answer());
}

TEST(Server, KeepsThePathUntilTheAnswerAlsoWhenTheCommandWasCut) {
  Session session;
  session.server.feed(std::string_view("EHLO x\r\nMAIL FROM:<a@con"));
  EXPECT_EQ(session.until(Event::Kind::kMail).kind, Event::Kind::kNeedInput);
  const std::string rest = "toso.com>\r\nRCPT TO:<x@contoso.com>\r\n";
  session.server.feed(rest);
  const Event event = session.until(Event::Kind::kMail);
  ASSERT_EQ(event.kind, Event::Kind::kMail);
  EXPECT_EQ(event.path.address, "a@contoso.com");
  EXPECT_EQ(event.path.local, "a");
  EXPECT_EQ(event.path.domain, "contoso.com");
  session.server.answer({replies::kSenderOk});
  EXPECT_EQ(session.server.transaction().sender(), "a@contoso.com");
}

TEST(Server, PathsPointIntoTheFedBytes) {
  Session session;
  const std::string bytes(kEnvelope);
  session.server.feed(bytes);
  const Event event = session.until(Event::Kind::kMail);
  EXPECT_GE(event.path.address.data(), bytes.data());
  EXPECT_LT(event.path.address.data(), bytes.data() + bytes.size());
}

TEST(Server, ContentPointsIntoTheFedBytes) {
  Session session;
  const std::string bytes = std::string(kEnvelope) + "DATA\r\nline\r\n.\r\n";
  session.server.feed(bytes);
  const Event event = session.until(Event::Kind::kBody);
  EXPECT_EQ(event.bytes.data(), bytes.data() + bytes.size() - 9);
  EXPECT_EQ(event.bytes, "line\r\n");
}

TEST(Server, HasTheWholeEnvelopeAtTheEndOfData) {
  Session session;
  const std::string bytes = std::string(kEnvelope) + "DATA\r\nline\r\n.\r\n";
  session.server.feed(bytes);
  ASSERT_EQ(session.until(Event::Kind::kDataEnd).kind, Event::Kind::kDataEnd);
  const Transaction& transaction = session.server.transaction();
  EXPECT_EQ(transaction.sender(), "a@contoso.com");
  EXPECT_EQ(transaction.declared_size, 10U);
  EXPECT_EQ(transaction.body, BodyType::k8BitMime);
  ASSERT_EQ(transaction.recipient_count(), 2U);
  EXPECT_EQ(transaction.recipient(0), "b@Contoso.com.");
  EXPECT_EQ(transaction.recipient_domain(0), "Contoso.com");
  EXPECT_EQ(transaction.recipient(1), "Postmaster");
  EXPECT_EQ(transaction.recipient_domain(1), "");
  session.server.answer({replies::kNoop});
  EXPECT_FALSE(transaction.has_sender());
  EXPECT_EQ(transaction.recipient_count(), 0U);
}

TEST(Server, KnowsWhetherAnythingCameBehindQuit) {
  for (const std::string_view bytes : {"NOOP\r\nQUIT\r\n", "QUIT\r\nN", "NOOP\r\n"}) {
    Session session;
    session.server.feed(bytes);
    session.until(Event::Kind::kClose);
    EXPECT_EQ(session.server.has_quit(), bytes.ends_with("QUIT\r\n")) << bytes;
  }
}

TEST(Server, IsIdleOnlyAtACommandBoundaryOutsideATransaction) {
  Session session;
  const auto say = [&](std::string_view bytes) {
    session.server.feed(bytes);
    session.until(Event::Kind::kClose);
  };
  EXPECT_TRUE(session.server.idle());
  say("EHLO x\r\n");
  EXPECT_TRUE(session.server.idle());
  say("NO");
  EXPECT_FALSE(session.server.idle());
  say("OP\r\n");
  EXPECT_TRUE(session.server.idle());
  say("MAIL FROM:<a@contoso.com>\r\n");
  EXPECT_FALSE(session.server.idle());
  say("RCPT TO:<a@contoso.com>\r\nDATA\r\n");
  EXPECT_TRUE(session.server.in_data());
  EXPECT_FALSE(session.server.idle());
  say("text\r\n.\r\n");
  EXPECT_FALSE(session.server.in_data());
  EXPECT_TRUE(session.server.idle());
  say("NOOP " + std::string(3000, 'x'));
  EXPECT_FALSE(session.server.idle());
}

TEST(Server, ShutsBeforeTheGreeting) {
  Session session;
  session.server.shut(replies::kNotAccepting);
  EXPECT_EQ(session.take_output(), "421 4.3.2 System not accepting network messages\r\n");
  const Event event = session.server.next();
  EXPECT_EQ(event.kind, Event::Kind::kClose);
  EXPECT_EQ(event.reply.code, 421);
}

TEST(Server, ShutsWhileAQuestionWaitsOrDataFlows) {
  const std::string data = std::string(kEnvelope) + "DATA\r\nhalf";
  for (const Event::Kind moment : {Event::Kind::kMail, Event::Kind::kRecipient, Event::Kind::kData,
                                   Event::Kind::kBody, Event::Kind::kNeedInput}) {
    Session session;
    session.server.feed(data);
    ASSERT_EQ(session.until(moment).kind, moment);
    session.take_output();
    {
      const std::string text = "borrowed until it is formatted";
      session.server.shut({421, {4, 3, 2}, text});
    }
    session.server.invariants();
    EXPECT_EQ(session.take_output(), "421 4.3.2 borrowed until it is formatted\r\n");
    EXPECT_FALSE(session.server.awaits_answer());
    const Event event = session.server.next();
    EXPECT_EQ(event.kind, Event::Kind::kClose);
    EXPECT_EQ(event.reply.text, "borrowed until it is formatted");
    session.server.feed(std::string_view("NOOP\r\n"));
    EXPECT_EQ(session.server.next().kind, Event::Kind::kClose);
    session.server.shut(replies::kIdle);
    EXPECT_EQ(session.take_output(), "") << "a second shut adds nothing";
  }
}

TEST(Server, CountsErrorsButNotPolicysRefusals) {
  Session session;
  session.server.feed(std::string_view("EHLO x\r\nFOO\r\nMAIL FROM:<a@contoso.com>\r\n"));
  ASSERT_EQ(session.until(Event::Kind::kMail).kind, Event::Kind::kMail);
  EXPECT_EQ(session.server.errors(), 1U);
  session.server.answer({{550, {5, 7, 1}, "no"}});
  EXPECT_EQ(session.until(Event::Kind::kClose).kind, Event::Kind::kNeedInput);
  EXPECT_EQ(session.server.errors(), 1U);
}

TEST(Server, ForgivesAPipelinedGroupButNotWithoutEnd) {
  Session session;
  session.options.max_protocol_errors = UINT32_MAX;
  std::string bytes = "EHLO x\r\nMAIL FROM:<not an address>\r\n";
  for (int i = 0; i < 1005; ++i) bytes += "RCPT TO:<b@contoso.com>\r\n";
  session.server.feed(bytes);
  EXPECT_EQ(session.until(Event::Kind::kClose).kind, Event::Kind::kNeedInput);
  EXPECT_EQ(session.server.errors(), 6U) << "MAIL, and the RCPT behind the first thousand";
}

TEST(Server, TakesOutputBySwap) {
  Session session;
  session.server.greet("now");
  std::string mine;
  mine.swap(session.server.output_buffer());
  EXPECT_EQ(mine, "220 localhost ESMTP MAIL Service ready at now\r\n");
  EXPECT_EQ(session.server.output(), "");
  session.server.feed(std::string_view("NOOP\r\nNOOP\r\n"));
  session.until(Event::Kind::kClose);
  session.server.output_consumed(4);
  EXPECT_EQ(session.take_output(), "2.0.0 OK\r\n250 2.0.0 OK\r\n");
}

TEST(Server, GivesPiecesOfManyReadsInOrder) {
  Session session;
  session.server.feed(kEnvelope);
  session.until(Event::Kind::kClose);
  session.server.feed(std::string_view("DATA\r\n"));
  session.until(Event::Kind::kClose);
  std::string content;
  for (const std::string_view piece : {"a\r\n.", ".b\r\n.", "c\r", "\n", ".", "\r", "\nNOOP\r\n"}) {
    session.server.feed(piece);
    for (;;) {
      const Event event = session.until(Event::Kind::kBody);
      if (event.kind != Event::Kind::kBody) break;
      content += event.bytes;
    }
  }
  EXPECT_EQ(content, "a\r\n..b\r\n.c\r\n");
  EXPECT_TRUE(session.server.idle());
}

TEST(Server, SaysWhatIllegalContentWasContentOf) {
  for (const auto& [verb, content] :
       {std::pair("DATA", "DATA\r\na\nb\r\n.\r\n"), std::pair("BDAT", "BDAT 5 LAST\r\na\nb\r\n"),
        std::pair("BDAT", "BDAT 5\r\na\nb\r\n")}) {
    Session session;
    session.server.feed(kEnvelope);
    session.until(Event::Kind::kClose);
    session.server.feed(std::string_view(content));
    const Event event = session.until(Event::Kind::kDataRefused);
    ASSERT_EQ(event.kind, Event::Kind::kDataRefused);
    EXPECT_EQ(event.bytes, verb);
    ASSERT_NE(event.refused, nullptr);
    EXPECT_EQ(event.refused->sender(), "a@contoso.com");
    ASSERT_EQ(event.refused->recipient_count(), 2U);
    EXPECT_EQ(event.refused->recipient(1), "Postmaster");
    EXPECT_FALSE(session.server.transaction().has_sender());
    EXPECT_TRUE(session.server.idle());
  }
}

TEST(Server, SaysWhichPathARefusedCommandHad) {
  const struct {
    std::string_view command;
    bool read;
    std::string_view address;
  } kCases[] = {{"MAIL FROM:<a@contoso.com> ENVID=a=b\r\n", true, "a@contoso.com"},
                {"MAIL FROM:<> NONSENSE=1\r\n", true, ""},
                {"MAIL FROM:<a@@contoso.com>\r\n", false, ""},
                {"MAIL\r\n", false, ""},
                {"RCPT TO:<b@contoso.com>\r\n", false, ""}};
  Session session;
  session.server.feed(std::string_view("EHLO app.contoso.com\r\n"));
  session.until(Event::Kind::kClose);
  for (const auto& [command, read, address] : kCases) {
    session.server.feed(command);
    const Event event = session.until(Event::Kind::kRefused);
    ASSERT_EQ(event.kind, Event::Kind::kRefused) << command;
    EXPECT_EQ(event.path.read, read) << command;
    EXPECT_EQ(read ? event.path.address : "", address) << command;
  }
}

TEST(Server, TakesRawContentAsItIsWhereItMay) {
  Session session;
  session.options.take_raw_content = true;
  session.server.feed(kEnvelope);
  session.until(Event::Kind::kClose);
  std::string bytes("DATA\r\na\rb\nc", 11);
  bytes.push_back('\0');
  bytes += "\n.\r\n.\r\n";
  session.server.feed(bytes);
  EXPECT_EQ(session.until(Event::Kind::kDataEnd).kind, Event::Kind::kDataEnd);
  EXPECT_EQ(session.server.content_size(), 10U);
}

TEST(Server, SaysWhetherContentHasStuffedDots) {
  for (const auto& [content, dots] :
       {std::pair("a.b\r\n.\r\n", false), std::pair("a\r\n..b\r\n.\r\n", true),
        std::pair(".\r\n", false)}) {
    Session session;
    session.server.feed(kEnvelope);
    session.until(Event::Kind::kClose);
    session.server.feed(std::string_view("DATA\r\n"));
    session.until(Event::Kind::kClose);
    session.server.feed(std::string_view(content));
    EXPECT_EQ(session.until(Event::Kind::kDataEnd).kind, Event::Kind::kDataEnd);
    EXPECT_EQ(session.server.has_stuffed_dots(), dots) << content;
  }
}

TEST(Server, SaysThatAChunkHasStuffedDotsBeforeItShowsThem) {
  Session session;
  session.server.feed(kEnvelope);
  session.until(Event::Kind::kClose);
  session.server.feed(std::string_view("BDAT 7 LAST\r\na\r\n.b\r\n"));
  std::string content;
  for (;;) {
    const Event event = session.until(Event::Kind::kBody);
    if (event.kind != Event::Kind::kBody) break;
    content += event.bytes;
    EXPECT_EQ(session.server.has_stuffed_dots(), content.contains('.'));
  }
  EXPECT_EQ(content, "a\r\n..b\r\n");
}

}  // namespace
}  // namespace relais::smtp
