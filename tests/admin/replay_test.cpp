#include "admin/replay.h"

#include <gtest/gtest.h>

#include "admin/json.h"
#include "admin/log_event.h"
#include "admin/replay_report.h"
#include "folder.h"

namespace relais::admin {
namespace {

constexpr std::string_view kRate =
    "[[limit]]\nmeasure = \"messages\"\nper = \"source\"\nrate = \"60/min\"\nburst = 10\n";

// A log that is written line by line, and a configuration with one connector "In" of
// 192.168.5.0/24.
class ReplayTest : public testing::Test {
 protected:
  Replay run(std::string_view limits, std::string_view more_main = {}) {
    folder_.write("relais.toml", std::string(more_main) + std::string(config::kGoodMain));
    folder_.write("connectors/a.toml", std::string(config::kGoodConnector) + std::string(limits));
    const auto loaded = folder_.load();
    EXPECT_TRUE(loaded.ok);
    return replay(log_, loaded.model, 3);
  }

  bool line(const std::string& text) {
    LogEvent event;
    std::string problem;
    EXPECT_TRUE(event.read(text, problem)) << problem;
    return log_.add(event);
  }

  static std::string time(int64_t ms) {
    return iso8601({1'767'225'600'000'000'000 + ms * 1'000'000});
  }

  // A message whose MAIL came `ms` after midnight, on a session that began at `opened`.
  void message(int64_t ms, const std::string& client = "192.168.5.1:40000", int64_t opened = 0,
               const std::string& to = R"(["kate@fabrikam.com"])", uint64_t size = 1000) {
    line(R"({"time":")" + time(ms + 5) + R"(","event":"message","connector":"In","client":")" +
         client + R"(","local":"10.0.0.1:25","session_ms":)" + std::to_string(ms + 5 - opened) +
         R"(.000,"from":"chris@contoso.com","to":)" + to + R"(,"size":)" + std::to_string(size) +
         R"(,"reply":"250 2.6.0 ok","reason":"accepted","ms":5.000})");
  }
  void refused(int64_t ms, const std::string& command, const std::string& reply,
               const std::string& reason, const std::string& more = {}) {
    line(R"({"time":")" + time(ms) +
         R"(","event":"refused","connector":"In","client":"192.168.5.1:40000",)"
         R"("local":"10.0.0.1:25","session_ms":)" +
         std::to_string(ms) + R"(.000,"command":")" + command + '"' + more + R"(,"reply":")" +
         reply + R"(","reason":")" + reason + R"("})");
  }

  config::Folder folder_;
  ReplayLog log_;
};

const ReplayLimit& limit_named(const Replay& result, std::string_view name) {
  for (const ReplayLimit& limit : result.connectors.front().limits) {
    if (limit.name == name) return limit;
  }
  ADD_FAILURE() << "no limit " << name;
  static const ReplayLimit none;
  return none;
}

TEST_F(ReplayTest, WhatPassesPasses) {
  for (int i = 0; i < 10; ++i) message(i * 1000);
  const Replay result = run(kRate);
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.name, "In");
  EXPECT_EQ(in.was.accepted, 10U);
  EXPECT_EQ(in.would.accepted, 10U);
  EXPECT_EQ(in.would.connections, 1U);
  EXPECT_EQ(result.sessions, 1U);
  EXPECT_EQ(limit_named(result, "messages/source").asked, 10U);
  EXPECT_EQ(limit_named(result, "messages/source").terms, "60/min burst 10 defer");
}

TEST_F(ReplayTest, ABurstIsExactAndRefillsWithTheLogsTime) {
  for (int i = 0; i < 15; ++i) message(i);
  for (int i = 0; i < 4; ++i) message(3000 + i);  // 3 more by then
  const Replay result = run(kRate);
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.would.accepted, 13U);
  EXPECT_EQ(in.would.deferred, 6U);
  const ReplayLimit& limit = limit_named(result, "messages/source");
  EXPECT_EQ(limit.would.deferred, 6U);
  EXPECT_EQ(iso8601(limit.first), time(10));
  ASSERT_EQ(limit.sources.size(), 1U);
  EXPECT_EQ(limit.sources.front().address.to_string(), "192.168.5.1");
  EXPECT_EQ(limit.sources.front().counts.deferred, 6U);
}

TEST_F(ReplayTest, TheOrderOfLinesDoesNotMatter) {
  for (int i = 14; i >= 0; --i) message(i * 1000, "192.168.5.1:" + std::to_string(40000 + i), i);
  EXPECT_EQ(run(kRate).connectors.front().would.accepted, 15U);
}

// Twice the rate in one session for two minutes: it is slowed down, not refused, because it sends
// its next message only after the reply.
TEST_F(ReplayTest, ADelayedSessionGoesOnLater) {
  for (int i = 0; i < 240; ++i) message(i * 500);
  const Replay result = run(std::string(kRate) + "action = \"delay\"\n");
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.would.accepted, 240U);
  EXPECT_EQ(in.would.deferred, 0U);
  EXPECT_GT(in.delayed, 200U);
  EXPECT_LE(in.longest, seconds(1));
  EXPECT_EQ(in.would.delayed_sessions, 1U);
}

// The same from a connection for each message: they all come when they came.
TEST_F(ReplayTest, SessionsOfTheirOwnAreNotHeldBack) {
  for (int i = 0; i < 240; ++i)
    message(i * 500, "192.168.5.1:" + std::to_string(40000 + i), i * 500);
  const Replay result = run(std::string(kRate) + "action = \"delay\"\nmax_delay = \"10s\"\n");
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(result.sessions, 240U);
  EXPECT_GT(in.would.deferred, 50U);
  EXPECT_LE(in.longest, seconds(10));
  EXPECT_EQ(in.would.accepted + in.would.deferred, 240U);
}

TEST_F(ReplayTest, WhatTheOldLimitsDidIsHeldAgainstIt) {
  for (int i = 0; i < 5; ++i) message(i * 1000);
  refused(6000, "MAIL", "451 4.7.1 connector", "limit messages/source: 5/5, retry in 3 s (id 1)",
          R"(,"from":"chris@contoso.com")");
  refused(7000, "MAIL", "421 4.4.2 Message", "limit message_rate_limit: 5/5, retry in 3 s (id 2)",
          R"(,"from":"chris@contoso.com")");
  refused(8000, "RCPT", "451 4.7.1 x", "limit recipients/connector: 5/5, retry in 3 s (id 3)",
          R"(,"from":"chris@contoso.com","to":"kate@fabrikam.com")");
  refused(9000, "MAIL", "452 4.3.1 full", "the spool is full");
  line(R"({"time":")" + time(9500) +
       R"(","event":"limited","connector":"In","client":"192.168.5.1:40000","local":"10.0.0.1:25",)"
       R"("session_ms":9500.000,"limit":"messages/source","action":"delay","wait_ms":100.000})");
  const Replay result = run(kRate);
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.was.messages, 7U);
  EXPECT_EQ(in.was.deferred, 1U);
  EXPECT_EQ(in.was.closed, 1U);
  EXPECT_EQ(in.was.recipients_refused, 1U);
  EXPECT_EQ(in.was.delayed_sessions, 1U);
  EXPECT_EQ(in.would.accepted, 7U);
  EXPECT_EQ(in.would.recipients_refused, 0U);
  EXPECT_EQ(result.sessions, 1U);
  EXPECT_EQ(result.unknown_sizes, 2U);
  EXPECT_EQ(limit_named(result, "messages/source").was.deferred, 1U);
  EXPECT_EQ(limit_named(result, "message_rate_limit").was.closed, 1U);
  EXPECT_TRUE(limit_named(result, "recipients/connector").terms.empty());
}

TEST_F(ReplayTest, WhatWasRefusedAtItsEndWasAMessageHoweverItCame) {
  message(0);
  for (const char* verb : {"DATA", "BDAT"}) {
    refused(1000, verb, "451 4.7.1 octets", "limit bytes/source: 5/5, retry in 3 s (id 1)",
            R"(,"from":"chris@contoso.com","to":["kate@fabrikam.com","joe@fabrikam.com"])");
  }
  const Replay result = run(kRate);
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.was.messages, 3U);
  EXPECT_EQ(in.was.deferred, 2U);
  EXPECT_EQ(in.would.accepted, 3U);
  EXPECT_EQ(limit_named(result, "bytes/source").was.deferred, 2U);
}

TEST_F(ReplayTest, RecipientsAndOctets) {
  message(0, "192.168.5.1:1", 0, R"(["a@x.com","b@x.com","c@y.com"])", 70000);
  message(10, "192.168.5.1:1", 0, R"(["a@x.com"])", 70000);
  message(20, "192.168.5.1:1", 0, R"(["c@y.com"])", 70000);
  const Replay result =
      run("max_message_size = \"70000\"\n[[limit]]\nmeasure = \"recipients\"\nper = "
          "\"recipient_domain\"\nrate = \"1/h\"\nburst = 2\n[[limit]]\nmeasure = \"bytes\"\nrate = "
          "\"1/s\"\nburst = \"150000\"\naction = \"close\"\n");
  const ReplayConnector& in = result.connectors.front();
  // The second has no recipient left; the first and the third are all the octets that there are.
  EXPECT_EQ(in.would.accepted, 2U);
  EXPECT_EQ(in.would.deferred, 1U);
  EXPECT_EQ(in.would.recipients_refused, 1U);
  EXPECT_EQ(limit_named(result, "recipients/recipient_domain").would.deferred, 1U);
}

TEST_F(ReplayTest, AMessageThatIsTooLargeGivesItsChargesBack) {
  for (int i = 0; i < 3; ++i) message(i, "192.168.5.1:1", 0, R"(["c@y.com"])", 200000);
  message(10, "192.168.5.1:1", 0, R"(["c@y.com"])", 70000);
  const Replay result = run(
      "max_message_size = \"70000\"\n[[limit]]\nmeasure = \"messages\"\nrate = \"1/h\"\nburst = "
      "1\n[[limit]]\nmeasure = \"bytes\"\nrate = \"1/s\"\nburst = \"150000\"\n");
  EXPECT_EQ(result.connectors.front().would.accepted, 1U);
  EXPECT_EQ(result.connectors.front().would.deferred, 3U);
  EXPECT_EQ(limit_named(result, "bytes/connector").would.deferred, 3U);
  EXPECT_EQ(limit_named(result, "messages/connector").would.deferred, 0U);
}

TEST_F(ReplayTest, ConnectionsAndTheServersRate) {
  for (int i = 0; i < 6; ++i) message(i, "192.168.5.1:" + std::to_string(1000 + i), i);
  refused(100, "connect", "421 4.7.1 x", "limit connections/connector: 5/5, retry in 3 s (id 3)");
  const Replay result = run("[[limit]]\nmeasure = \"connections\"\nrate = \"1/h\"\nburst = 4\n",
                            "[server]\nfqdn = \"a.example\"\nmax_connection_rate_per_minute = 5\n");
  const ReplayConnector& in = result.connectors.front();
  EXPECT_EQ(in.was.connections, 7U);
  EXPECT_EQ(in.was.connections_refused, 1U);
  EXPECT_EQ(in.would.connections_refused, 3U);
  EXPECT_EQ(in.would.accepted, 6U);
  const ReplayConnector& server = result.connectors[1];
  ASSERT_EQ(server.limits.size(), 1U);
  EXPECT_EQ(server.limits.front().name, "max_connection_rate_per_minute");
  EXPECT_EQ(server.limits.front().would.delayed, 2U);
}

TEST_F(ReplayTest, AnotherConnectorMayTakeTheClient) {
  message(0, "192.168.5.1:1");
  message(0, "10.9.9.9:1");
  folder_.write(
      "connectors/b.toml",
      "name = \"New\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"192.168.5.1\"]\n"
      "permission_groups = [\"AnonymousUsers\"]\n");
  const Replay result = run({});
  EXPECT_EQ(result.connectors[0].was.accepted, 2U);
  EXPECT_EQ(result.connectors[0].would.accepted, 0U);
  EXPECT_EQ(result.connectors[1].name, "New");
  EXPECT_EQ(result.connectors[1].would.accepted, 1U);
  EXPECT_EQ(result.unserved, 1U);
}

TEST_F(ReplayTest, LinesOfOlderVersionsStayWithTheirConnector) {
  const std::string rest =
      R"(","event":"message","connector":"in","client":"10.9.9.9:1","from":"","to":"a@b.c","size":1,"ms":0})";
  EXPECT_TRUE(line(R"({"time":")" + time(0) + rest));
  EXPECT_TRUE(line(R"({"time":")" + time(1000) + rest));
  EXPECT_TRUE(line(R"({"time":")" + time(1'000'000) + rest));
  EXPECT_FALSE(line(R"({"time":")" + time(5) + R"(","event":"delivered","client":"10.9.9.9"})"));
  const Replay result = run({});
  EXPECT_EQ(result.without_local, 3U);
  EXPECT_EQ(result.sessions, 2U);
  EXPECT_EQ(result.connectors.front().would.accepted, 3U);
}

TEST_F(ReplayTest, MonthsDoNotWrapAround) {
  constexpr int64_t kDay = 86'400'000;
  for (int64_t day = 0; day < 230; ++day) {
    for (int i = 0; i < 12; ++i) {
      const int64_t at = day * kDay + i;
      message(at, "192.168.5." + std::to_string(day % 110 + 1) + ":" + std::to_string(1000 + day),
              day * kDay);
    }
  }
  EXPECT_EQ(run(kRate).connectors.front().would.deferred, 230U * 2);
}

TEST_F(ReplayTest, TheReportSaysWhatWasAndWouldBe) {
  for (int i = 0; i < 12; ++i) message(i);
  const Replay result = run(kRate);
  ReplayReading reading;
  reading.files = {"log"};
  reading.config = "DIR";
  reading.lines = 13;
  reading.used = 12;
  reading.unreadable = 1;
  reading.first_unreadable = "log:7: it has no \"time\"";
  const std::string text = replay_text(result, reading);
  EXPECT_NE(text.find("12 lines of 13, 2026-01-01 00:00:00 UTC"), std::string::npos) << text;
  EXPECT_NE(text.find("the first is log:7"), std::string::npos) << text;
  EXPECT_NE(text.find("    accepted                               12         10          -2\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("What replay cannot know"), std::string::npos) << text;
  const auto json = Json::parse(replay_json(result, reading));
  const auto& connector = json["connectors"][0];
  EXPECT_EQ(connector["difference"]["accepted"], -2);
  const auto limit = std::ranges::find_if(
      connector["limits"], [](const auto& one) { return one["limit"] == "messages/source"; });
  ASSERT_NE(limit, connector["limits"].end());
  EXPECT_EQ((*limit)["would_be"]["deferred"], 2);
  EXPECT_EQ((*limit)["top_sources"][0]["source"], "192.168.5.1");
  EXPECT_EQ(json["first_unreadable"], reading.first_unreadable);
}

TEST(LogEvent, WhatIsNoLineIsNamed) {
  LogEvent event;
  const auto problem = [&](std::string_view line) {
    std::string text;
    EXPECT_FALSE(event.read(line, text)) << line;
    return text;
  };
  EXPECT_EQ(problem("[1]"), "it is no JSON object");
  EXPECT_EQ(problem("17"), "it has no \"time\"");
  EXPECT_EQ(problem("{}"), "it has no \"time\"");
  EXPECT_EQ(problem(R"({"time":"yesterday","event":"message"})"), "'yesterday' is no time");
  EXPECT_EQ(problem(R"({"time":"2026-01-31T10:20:30.123Z"})"), "it has no \"event\"");
  EXPECT_EQ(problem(R"({"time":"2026-01-31T10:20:30.123Z","event":"message","client":"x"})"),
            "it has no \"client\" with address and port");
  EXPECT_EQ(problem("{\"time\":\"2026-01").substr(0, 26), "it is no JSON, from octet ");
  EXPECT_EQ(problem("\xff\xfe"), "it is no JSON, from octet 1 on");
}

TEST(LogEvent, NestedThingsAreNotTaken) {
  LogEvent event;
  std::string problem;
  constexpr std::string_view kLine =
      R"j({"time":"2026-01-31T10:20:30.123Z","event":"refused","x":{"client":"y","size":3,)j"
      R"j("to":["z"]},"client":"[2001:db8::1]:4711","to":["a@b.c"],"reply":"451 4.7.1 x",)j"
      R"j("command":"MAIL","reason":"limit bytes/source/24: 1/2, retry in 3 s (id 4)"})j";
  ASSERT_TRUE(event.read(kLine, problem)) << problem;
  EXPECT_EQ(event.client.to_string(), "[2001:db8::1]:4711");
  EXPECT_EQ(event.limit, "bytes/source/24");
  EXPECT_EQ(event.code, 451);
  EXPECT_FALSE(event.size.has_value());
  EXPECT_EQ(event.recipients, std::vector<std::string>{"a@b.c"});
}

}  // namespace
}  // namespace relais::admin
