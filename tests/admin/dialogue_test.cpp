// A dialogue's lines: numbered, in order, as CSV and as JSON.
#include "front/dialogue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/dialogue_line.h"
#include "admin/dialogue_tray.h"

namespace relais::admin {
namespace {

using front::DialogueEvent;
using front::DialogueLine;

constexpr WallTime kDialogueTime{1'769'854'830'123'000'000};  // 2026-01-31T10:20:30.123Z

class RecordedLines final : public front::DialogueSink {
 public:
  Watchers watchers(const front::Client& /*client*/, bool verbose) override {
    return {.log = verbose, .tracers = {}};
  }
  void on_line(const Watchers& /*watchers*/, const DialogueLine& line) override {
    std::string text;
    append_csv(text, "RELAY", line);
    EXPECT_TRUE(text.ends_with('\n'));
    text.pop_back();
    csv.push_back(text);
    // Time, connector, session and the two endpoints are the same everywhere.
    const std::string prefix = "2026-01-31T10:20:30.123Z,RELAY\\Relay,00000000000000AB," +
                               std::to_string(line.sequence) + ",127.0.0.1:25,10.0.0.9:4711,";
    EXPECT_TRUE(text.starts_with(prefix)) << text;
    EXPECT_EQ(line.sequence, events.size());
    events.push_back(text.substr(std::min(prefix.size(), text.size())));
  }
  std::vector<std::string> csv;
  std::vector<std::string> events;
};

front::Client dialogue_client() {
  return {.connector = "Relay",
          .remote = *Endpoint::parse("10.0.0.9:4711"),
          .local = *Endpoint::parse("127.0.0.1:25"),
          .hello = {}};
}

TEST(Dialogue, IsToldInOrder) {
  RecordedLines lines;
  front::Dialogue dialogue(lines, {.log = true, .tracers = {}}, 0xab, dialogue_client());
  dialogue.opened(kDialogueTime);
  const auto rights = mask(policy::Right::kSubmit) | mask(policy::Right::kAcceptAnyRecipient) |
                      mask(policy::Right::kAcceptHeadersRouting) |
                      mask(policy::Right::kBypassAntiSpam);
  dialogue.rights(kDialogueTime, policy::Principal::kAnonymous, rights);
  dialogue.rights(kDialogueTime, policy::Principal::kAnonymous, rights);  // not again
  dialogue.left(kDialogueTime, "220 relay, ready\r\n");
  // Two commands in a segment: each reply stands behind its command, once.
  dialogue.command(kDialogueTime, "EHLO client", "");
  dialogue.command(kDialogueTime, "MAIL FROM:<\"a,b\"@contoso.com>", "250-relay\r\n250 SIZE\r\n");
  dialogue.note(kDialogueTime, "01234567-89ab-cdef-0123-456789abcdef", "receiving message");
  dialogue.left(kDialogueTime, "250-relay\r\n250 SIZE\r\n");
  dialogue.left(kDialogueTime, "250 2.1.0 Sender OK\r\n");
  dialogue.command(kDialogueTime, "QUIT", "");
  dialogue.left(kDialogueTime, "221 2.0.0 Bye\r\n");
  dialogue.rights(kDialogueTime, policy::Principal::kAuthenticatedUsers, 0);
  dialogue.closed(kDialogueTime, true);
  EXPECT_EQ(lines.events,
            (std::vector<std::string>{
                "+,,",
                "*,SMTPSubmit SMTPAcceptAnyRecipient AcceptRoutingHeaders BypassAntiSpam,"
                "Set Session Permissions",
                ">,\"220 relay, ready\",",
                "<,EHLO client,",
                ">,250-relay,",
                ">,250 SIZE,",
                "<,\"MAIL FROM:<\"\"a,b\"\"@contoso.com>\",",
                "*,01234567-89ab-cdef-0123-456789abcdef,receiving message",
                ">,250 2.1.0 Sender OK,",
                "<,QUIT,",
                ">,221 2.0.0 Bye,",
                "*,None,Set Session Permissions",
                "-,,Local",
            }));
}

TEST(Dialogue, ShowsWaitsAsExchangeWritesThem) {
  EXPECT_EQ(front::tarpit_text(seconds(5)), "Tarpit for '0.00:00:05'");
  EXPECT_EQ(front::tarpit_text(milliseconds(1500)), "Tarpit for '0.00:00:01.500'");
  EXPECT_EQ(front::tarpit_text(hours(49) + minutes(2)), "Tarpit for '2.01:02:00'");
}

std::string data_of(std::string_view data) {
  std::string text;
  append_csv(text, "S",
             {.time = kDialogueTime,
              .connector = {},
              .local = "l",
              .remote = "r",
              .event = DialogueEvent::kCommand,
              .data = data,
              .context = {}});
  const size_t begin = text.find(",<,") + 3;
  return text.substr(begin, text.size() - begin - 2);
}

TEST(DialogueLine, EscapesAndBoundsWhatClientsSend) {
  EXPECT_EQ(data_of("plain"), "plain");
  EXPECT_EQ(data_of("a,b"), "\"a,b\"");
  EXPECT_EQ(data_of("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(data_of("C:\\x"), "C:\\\\x");
  EXPECT_EQ(data_of(std::string("\0\r\n\x1b\x7f\xc3\xa4", 7)),
            "\\x00\\x0d\\x0a\\x1b\\x7f\\xc3\\xa4");
  EXPECT_EQ(data_of("\x01,"), "\"\\x01,\"");
  EXPECT_EQ(data_of(std::string(2000, 'x')), std::string(1024, 'x') + "... (2000 octets)");
  EXPECT_EQ(data_of(std::string(1024, 'x')), std::string(1024, 'x'));
}

TEST(DialogueLine, IsOneJsonObject) {
  std::string text;
  append_json(text, {.time = kDialogueTime,
                     .connector = "Relay \"1\"",
                     .session = 0xab,
                     .sequence = 3,
                     .local = "127.0.0.1:25",
                     .remote = "10.0.0.9:4711",
                     .event = DialogueEvent::kCommand,
                     .data = "NOOP \xff",
                     .context = {}});
  EXPECT_EQ(text,
            "{\"time\":\"2026-01-31T10:20:30.123Z\",\"connector\":\"Relay \\\"1\\\"\","
            "\"session\":\"00000000000000AB\",\"sequence\":3,\"local\":\"127.0.0.1:25\","
            "\"remote\":\"10.0.0.9:4711\",\"event\":\"<\",\"data\":\"NOOP \\\\xff\","
            "\"context\":\"\"}\n");
}

TEST(DialogueLine, NamesTheServerAsExchangeWould) {
  EXPECT_EQ(server_label("relay.contoso.com"), "RELAY");
  EXPECT_EQ(server_label("mx1"), "MX1");
}

DialogueBatch batch(size_t octets, uint64_t lines, uint64_t dropped = 0) {
  return {.text = std::string(octets, 'x'), .lines = lines, .dropped = dropped};
}

TEST(DialogueTray, DropsAndCountsWhatDoesNotFit) {
  DialogueTray tray(100);
  for (DialogueBatch one : {batch(60, 6), batch(50, 5), batch(40, 4), batch(1, 1, 2)}) {
    EXPECT_TRUE(tray.try_put(one));
    EXPECT_TRUE(one.empty());
  }
  const auto taken = tray.take();
  uint64_t lines = 0;
  uint64_t dropped = 0;
  for (const DialogueBatch& one : taken) {
    lines += one.lines;
    dropped += one.dropped;
  }
  EXPECT_EQ(lines, 10U);
  EXPECT_EQ(dropped, 5U + 3U);
  EXPECT_TRUE(tray.take().empty());
  DialogueBatch again = batch(100, 1);
  tray.put(again);
  EXPECT_EQ(tray.wait(0).size(), 1U);
  DialogueBatch large = batch(101, 7);
  tray.put(large);
  EXPECT_EQ(tray.take().front().dropped, 7U);
}

TEST(DialogueTray, WakesWhoWaits) {
  DialogueTray tray(100);
  tray.wake();
  EXPECT_TRUE(tray.wait(60'000).empty());
}

}  // namespace
}  // namespace relais::admin
