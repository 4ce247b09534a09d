// Every verb in every state of the dialogue: a table of first replies.
#include <gtest/gtest.h>

#include <string>

#include "dialogue.h"

namespace relais::smtp::test {
namespace {

constexpr std::string_view kNewPrefix = "";
constexpr std::string_view kReadyPrefix = "EHLO app.contoso.com\r\n";
constexpr std::string_view kMailPrefix = "EHLO app.contoso.com\r\nMAIL FROM:<a@contoso.com>\r\n";
constexpr std::string_view kRecipientsPrefix =
    "EHLO app.contoso.com\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\n";

struct Row {
  std::string_view command;
  std::string_view in_new;
  std::string_view in_ready;
  std::string_view in_mail;
  std::string_view in_recipients;
};

constexpr std::string_view kHello = "250-relay.contoso.com Hello [192.168.5.10]";
constexpr std::string_view kHelo = "250 relay.contoso.com Hello [192.168.5.10]";
constexpr std::string_view kFirst = "503 5.5.2 Send hello first";
constexpr std::string_view kNeedMail = "503 5.5.2 Need mail command";
constexpr std::string_view kNeedRcpt = "503 5.5.2 Need rcpt command";
constexpr std::string_view kSequence = "503 5.5.1 Bad sequence of commands";
constexpr std::string_view kArguments = "501 5.5.4 Invalid arguments";
constexpr std::string_view kUnknown = "500 5.3.3 Unrecognized command";
constexpr std::string_view kOk = "250 2.0.0 OK";
constexpr std::string_view kReset = "250 2.0.0 Resetting";
constexpr std::string_view kVrfy =
    "252 2.1.5 Cannot VRFY user, but will accept message and attempt delivery";
constexpr std::string_view kHelp =
    "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP";
constexpr std::string_view kBye = "221 2.0.0 Service closing transmission channel";
constexpr std::string_view kSender = "250 2.1.0 Sender OK";
constexpr std::string_view kRecipient = "250 2.1.5 Recipient OK";
constexpr std::string_view kStart = "354 Start mail input; end with <CRLF>.<CRLF>";
constexpr std::string_view kChunk = "250 2.6.0 CHUNK received OK, 0 octets";
constexpr std::string_view kQueued =
    "250 2.6.0 01234567-89ab-cdef-0123-456789abcdef Queued mail for delivery";
constexpr std::string_view kNoSender = "501 5.1.7 Invalid address";
constexpr std::string_view kNoRecipient = "501 5.1.3 Invalid address";
constexpr std::string_view kNoAuth = "504 5.7.4 Unrecognized authentication type";
constexpr std::string_view kNotHttp = "554 5.5.1 This is an SMTP server";

constexpr Row kRows[] = {
    // command                    new        ready         mail          recipients
    {"EHLO", kHello, kHello, kHello, kHello},
    {"EHLO app.contoso.com", kHello, kHello, kHello, kHello},
    {"HELO app.contoso.com", kHelo, kHelo, kHelo, kHelo},
    {"MAIL FROM:<a@contoso.com>", kFirst, kSender, kSequence, kSequence},
    {"MAIL FROM:nobody", kFirst, kNoSender, kSequence, kSequence},
    {"MAIL", kFirst, kArguments, kSequence, kSequence},
    {"RCPT TO:<b@contoso.com>", kFirst, kNeedMail, kRecipient, kRecipient},
    {"RCPT TO:nobody", kFirst, kNeedMail, kNoRecipient, kNoRecipient},
    {"RCPT", kFirst, kNeedMail, kArguments, kArguments},
    {"DATA", kFirst, kNeedMail, kNeedRcpt, kStart},
    {"DATA now", kFirst, kNeedMail, kNeedRcpt, kArguments},
    {"RSET", kReset, kReset, kReset, kReset},
    {"RSET now", kArguments, kArguments, kArguments, kArguments},
    {"NOOP", kOk, kOk, kOk, kOk},
    {"NOOP now", kOk, kOk, kOk, kOk},
    {"QUIT", kBye, kBye, kBye, kBye},
    {"QUIT now", kArguments, kArguments, kArguments, kArguments},
    {"VRFY kate", kVrfy, kVrfy, kVrfy, kVrfy},
    {"VRFY", kArguments, kArguments, kArguments, kArguments},
    {"HELP", kHelp, kHelp, kHelp, kHelp},
    {"HELP MAIL", kHelp, kHelp, kHelp, kHelp},
    {"EXPN staff", kUnknown, kUnknown, kUnknown, kUnknown},
    {"BDAT 0", kFirst, kNeedMail, kNeedRcpt, kChunk},
    {"BDAT 0 LAST", kFirst, kNeedMail, kNeedRcpt, kQueued},
    {"BDAT", kArguments, kArguments, kArguments, kArguments},
    {"STARTTLS", kUnknown, kUnknown, kUnknown, kUnknown},
    {"AUTH PLAIN", kFirst, kNoAuth, kSequence, kSequence},
    {"", kUnknown, kUnknown, kUnknown, kUnknown},
    {"GET / HTTP/1.1", kNotHttp, kUnknown, kUnknown, kUnknown},
    {"Host: x", kNotHttp, kUnknown, kUnknown, kUnknown},
};

// The first reply line to `command`, said behind `prefix`.
std::string first_reply(std::string_view prefix, std::string_view command) {
  ServerOptions options;
  options.fqdn = "relay.contoso.com";
  Replay session(options, {});
  if (!prefix.empty()) session.feed(prefix);
  session.take_trace();
  session.feed(std::string(command) + "\r\n");
  for (const std::string& line : session.take_trace()) {
    if (line.starts_with("S: ")) return line.substr(3);
  }
  return "(no reply)";
}

TEST(Verbs, AnswerInEveryStateAsTheTableSays) {
  for (const Row& row : kRows) {
    EXPECT_EQ(first_reply(kNewPrefix, row.command), row.in_new) << row.command;
    EXPECT_EQ(first_reply(kReadyPrefix, row.command), row.in_ready) << row.command;
    EXPECT_EQ(first_reply(kMailPrefix, row.command), row.in_mail) << row.command;
    EXPECT_EQ(first_reply(kRecipientsPrefix, row.command), row.in_recipients) << row.command;
  }
}

TEST(Verbs, AreCommandsAgainBehindTheDot) {
  const std::string sent = std::string(kRecipientsPrefix) + "DATA\r\ntext\r\n.\r\n";
  for (const Row& row : kRows)
    EXPECT_EQ(first_reply(sent, row.command), row.in_ready) << row.command;
}

TEST(Verbs, AreContentInData) {
  const std::string sent = std::string(kRecipientsPrefix) + "DATA\r\n";
  for (const Row& row : kRows)
    EXPECT_EQ(first_reply(sent, row.command), "(no reply)") << row.command;
}

TEST(Verbs, AreNotHeardBehindQuit) {
  const std::string sent = std::string(kReadyPrefix) + "QUIT\r\n";
  for (const Row& row : kRows)
    EXPECT_EQ(first_reply(sent, row.command), "(no reply)") << row.command;
}

TEST(Verbs, DoNotLookAtCase) {
  for (const std::string_view command : {"noop", "Noop", "nOOp", "NOOP"}) {
    EXPECT_EQ(first_reply(kNewPrefix, command), kOk);
  }
}

}  // namespace
}  // namespace relais::smtp::test
