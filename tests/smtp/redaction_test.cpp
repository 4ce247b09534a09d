// What of a dialogue may be shown: no secret and no content, however a client mixes them up.
#include "smtp/redaction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "dialogue.h"
#include "smtp/server.h"

namespace relais::smtp::test {
namespace {

std::string shown_after(const std::vector<std::string>& before, std::string_view line) {
  Redaction redaction;
  for (const std::string& earlier : before) {
    if (earlier.starts_with("S: ")) {
      redaction.reply(std::string_view(earlier).substr(3));
    } else {
      (void)redaction.command(earlier);
    }
  }
  return std::string(redaction.command(line));
}

TEST(Redaction, ShowsCommands) {
  for (const std::string line :
       {"EHLO client.example", "helo two words", "MAIL FROM:<chris@contoso.com> SIZE=5",
        "RCPT TO:<kate@fabrikam.com>", "DATA", "BDAT 86 LAST", "RSET", "NOOP some text",
        "VRFY kate", "QUIT", "STARTTLS", "mail from:<\x01\xff@contoso.com>", "AUTH LOGIN",
        "AUTH XOAUTH2", "HELLO"})
    EXPECT_EQ(shown_after({}, line), line);
}

TEST(Redaction, WithholdsWhatFollowsAuth) {
  EXPECT_EQ(shown_after({}, "AUTH PLAIN AGNocmlzAHNlY3JldA=="), "AUTH PLAIN (withheld)");
  EXPECT_EQ(shown_after({}, "auth plain AGNocmlzAHNlY3JldA=="), "auth plain (withheld)");
  EXPECT_EQ(shown_after({}, "AUTH\tLOGIN\tY2hyaXM="), "AUTH\tLOGIN (withheld)");
  EXPECT_EQ(shown_after({}, "AUTH AGNocmlzAHNlY3JldA=="), "AUTH (withheld)");
  EXPECT_EQ(shown_after({}, "AUTH=PLAIN AGNocmlzAHNlY3JldA=="), "AUTH (withheld)");
  EXPECT_EQ(shown_after({}, "AUTHPLAIN AGNocmlzAHNlY3JldA=="), "AUTH (withheld)");
  EXPECT_EQ(shown_after({}, " AUTH PLAIN AGNocmlzAHNlY3JldA=="), "(withheld)");
  EXPECT_EQ(shown_after({}, "PASS secret"), "PASS (withheld)");
}

TEST(Redaction, WithholdsTheWholeExchange) {
  const std::vector<std::string> asked = {"AUTH LOGIN", "S: 334 VXNlcm5hbWU6"};
  EXPECT_EQ(shown_after(asked, "Y2hyaXM="), "(withheld)");
  // A password may look like anything.
  EXPECT_EQ(shown_after(asked, "QUIT"), "(withheld)");
  EXPECT_EQ(shown_after(asked, "MAIL FROM:<chris@contoso.com>"), "(withheld)");
  std::vector<std::string> more = asked;
  more.insert(more.end(), {"Y2hyaXM=", "S: 334 UGFzc3dvcmQ6"});
  EXPECT_EQ(shown_after(more, "c2VjcmV0"), "(withheld)");
  more.insert(more.end(), {"c2VjcmV0", "S: 235 2.7.0 Authentication successful"});
  EXPECT_EQ(shown_after(more, "MAIL FROM:<chris@contoso.com>"), "MAIL FROM:<chris@contoso.com>");
  EXPECT_EQ(shown_after(more, "c2VjcmV0"), "(withheld)");
}

TEST(Redaction, WithholdsAnswersThatCameBeforeTheRefusal) {
  std::vector<std::string> refused = {"AUTH LOGIN",
                                      "S: 504 5.7.4 Unrecognized authentication type"};
  EXPECT_EQ(shown_after(refused, "Y2hyaXM="), "(withheld)");
  refused.insert(refused.end(), {"Y2hyaXM=", "S: 500 5.3.3 Unrecognized command"});
  EXPECT_EQ(shown_after(refused, "c2VjcmV0"), "(withheld)");
  EXPECT_EQ(shown_after(refused, "NOOP c2VjcmV0"), "NOOP (withheld)");
  refused.insert(refused.end(), {"RSET", "S: 250 2.0.0 Resetting"});
  EXPECT_EQ(shown_after(refused, "NOOP hello"), "NOOP hello");
}

TEST(Redaction, WithholdsWhatMayBeContent) {
  const std::vector<std::string> refused = {"DATA", "S: 554 5.5.1 No"};
  EXPECT_EQ(shown_after(refused, "Subject: the secret"), "(withheld)");
  EXPECT_EQ(shown_after(refused, "Help me to find it"), "Help (withheld)");
  EXPECT_EQ(shown_after(refused, "mail it to me"), "mail (withheld)");
  EXPECT_EQ(shown_after(refused, "EHLO client.example"), "EHLO client.example");
  EXPECT_EQ(shown_after(refused, "EHLO and the rest"), "EHLO (withheld)");
  EXPECT_EQ(shown_after({}, "DATA is what I want"), "DATA (withheld)");
  EXPECT_EQ(shown_after({}, "BDAT 8x secret"), "BDAT (withheld)");
  EXPECT_EQ(shown_after({}, "Subject: the secret"), "Subject: (withheld)");
  EXPECT_EQ(shown_after({"Subject:"}, "secret"), "(withheld)");
  EXPECT_EQ(shown_after({}, std::string(33, 'x')), "(withheld)");
  EXPECT_EQ(shown_after({}, std::string("\x16\x03\x01\x02", 4)), "(withheld)");
  EXPECT_EQ(shown_after({}, ""), "");
}

// A session with somebody who watches.
class Watched {
 public:
  explicit Watched(const ServerOptions& options) : server_(options, "192.168.5.10") {
    server_.greet("now");
    server_.ask_before_commands(true);
  }

  template <class Decide>
  void feed(std::string_view piece, Decide decide) {
    server_.feed({piece.data(), piece.size()});
    for (;;) {
      const Event event = server_.next();
      if (event.kind == Event::Kind::kBody) content += event.bytes;
      if (event.kind == Event::Kind::kNeedInput || event.kind == Event::Kind::kClose) break;
      if (event.kind == Event::Kind::kCommand) {
        show_replies();
        lines.insert(std::string(event.bytes));
        shown.emplace_back(redaction_.command(event.bytes));
        server_.answer({replies::kNoop});
      } else if (event.is_question()) {
        server_.answer(decide(event));
      }
    }
    show_replies();
  }

  std::vector<std::string> shown;
  std::set<std::string> lines;  // that were run
  std::string content;

 private:
  void show_replies() {
    std::string_view output = server_.output();
    for (size_t end; (end = output.find("\r\n")) != std::string_view::npos;) {
      redaction_.reply(output.substr(0, end));
      output.remove_prefix(end + 2);
    }
    server_.output_consumed(server_.output().size());
  }

  Server server_;
  Redaction redaction_;
};

Verdict yes_to(const Event& event) {
  if (event.kind == Event::Kind::kMail) return {replies::kSenderOk};
  if (event.kind == Event::Kind::kRecipient) return {replies::kRecipientOk};
  return {replies::kNoop};
}

// Lines of a message, so long that none is found in a command by chance.
std::vector<std::string> content_lines(std::string_view content) {
  std::vector<std::string> lines;
  while (!content.empty()) {
    const size_t end = std::min(content.find_first_of("\r\n"), content.size());
    if (end >= 4) lines.emplace_back(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return lines;
}

TEST(Redaction, ShowsNoContentOfAnyDialogue) {
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(RELAIS_DIALOGUES)) {
    const Dialogue dialogue = read_dialogue(entry.path());
    const size_t octets = dialogue.input.size();
    for (size_t cut = 0; cut <= octets; cut += 1 + octets / 50) {
      Watched session(dialogue.options);
      size_t next = 0;
      const auto decide = [&](const Event& event) {
        if (next >= dialogue.answers.size()) return yes_to(event);
        Verdict verdict = dialogue.answers[next].verdict;
        verdict.reply.text = dialogue.answers[next++].text;
        return verdict;
      };
      session.feed(std::string_view(dialogue.input).substr(0, cut), decide);
      session.feed(std::string_view(dialogue.input).substr(cut), decide);
      for (const std::string& line : content_lines(session.content)) {
        if (session.lines.contains(line)) continue;  // somebody sent it as a command, too
        ++seen;
        for (const std::string& shown : session.shown)
          ASSERT_EQ(shown.find(line), std::string::npos)
              << entry.path().stem() << ": " << escape(shown);
      }
    }
  }
  EXPECT_GT(seen, 100U);
}

constexpr std::string_view kSecret = "c2VjcmV0";

// What a client that mixes everything up may send next; each part that must not be shown has
// kSecret in it.
std::string random_part(Prng& prng) {
  const std::string secret(kSecret);
  switch (prng.below(18)) {
    case 0:
      return "EHLO client.example\r\n";
    case 1:
    case 2:
      return "MAIL FROM:<chris@contoso.com>\r\n";
    case 3:
    case 4:
      return "RCPT TO:<kate@fabrikam.com>\r\n";
    case 5:
      return "DATA\r\nSubject: " + secret + "\r\n\r\n" + secret + "\r\n.\r\n";
    case 6:
      return "DATA\r\n" + secret + " text\r\n\n.\n" + secret + "\r\n.\r\n";
    case 7:
      return "DATA\r\nhelp " + secret + "\r\n\r\nmail " + secret + "\r\n.\r\n" + secret + "\r\n";
    case 8:
      return "BDAT 10\r\n" + secret + "\r\n";
    case 9:
      return "BDAT 10 LAST\r\n" + secret + "\r\n";
    case 10:
      return "BDAT 4 LAST\r\n" + secret + "\r\n";  // the client cannot count
    case 11:
      return "AUTH PLAIN " + secret + "\r\n";
    case 12:
      return "AUTH LOGIN\r\n" + secret + "\r\n" + secret + "\r\n";
    case 13:
      return "AUTH " + secret + "\r\n" + secret + " " + secret + "\r\n";
    case 14:
      return " auth plain " + secret + "\r\n";
    case 15:
      return "PASS " + secret + "\r\n";
    case 16:
      return "NOOP\r\n";
    default:
      return "RSET\r\n";
  }
}

TEST(Redaction, ShowsNoSecretHoweverAClientMixesThingsUp) {
  ServerOptions options;
  options.max_protocol_errors = UINT32_MAX;
  size_t shown = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Prng prng(seed);
    Watched session(options);
    std::string input = "EHLO client.example\r\n";
    for (uint64_t i = 0; i < 12; ++i) input += random_part(prng);
    const auto decide = [&](const Event& event) {
      return prng.below(4) == 0 ? Verdict{replies::kNotAllowed} : yes_to(event);
    };
    for (std::string_view rest = input; !rest.empty();) {
      const size_t octets = std::min<size_t>(rest.size(), 1 + prng.below(60));
      session.feed(rest.substr(0, octets), decide);
      rest.remove_prefix(octets);
    }
    for (const std::string& line : session.shown)
      ASSERT_EQ(line.find(kSecret), std::string::npos) << "seed " << seed << ": " << escape(line);
    shown += session.shown.size();
  }
  EXPECT_GT(shown, 10'000U);
}

}  // namespace
}  // namespace relais::smtp::test
