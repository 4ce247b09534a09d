// What relais trace asks and prints.
#include <gtest/gtest.h>

#include "admin/dialogue_line.h"
#include "admin/trace_server.h"
#include "admin/trace_text.h"

namespace relais::admin {
namespace {

front::Client traced_client(std::string_view remote, std::string_view connector) {
  return {.connector = connector,
          .remote = *Endpoint::parse(remote),
          .local = *Endpoint::parse("127.0.0.1:25"),
          .hello = {}};
}

const std::vector<std::string> kConnectors = {"Anonymous Relay", "Default Frontend"};

TEST(TraceTap, WantsClientsAndConnector) {
  std::string problem;
  const auto any = tap_for(R"({"remote":"10.0.0.0/8"})", kConnectors, problem);
  ASSERT_NE(any, nullptr) << problem;
  EXPECT_TRUE(any->wants(traced_client("10.1.2.3:9", "Default Frontend")));
  EXPECT_TRUE(any->wants(traced_client("10.1.2.3:9", "")));
  EXPECT_FALSE(any->wants(traced_client("11.1.2.3:9", "Default Frontend")));
  EXPECT_FALSE(any->wants(traced_client("[2001:db8::1]:9", "Default Frontend")));
  const auto one =
      tap_for(R"({"remote":"::/0","connector":"anonymous relay"})", kConnectors, problem);
  ASSERT_NE(one, nullptr) << problem;
  EXPECT_TRUE(one->wants(traced_client("[2001:db8::1]:9", "Anonymous Relay")));
  EXPECT_FALSE(one->wants(traced_client("[2001:db8::1]:9", "Default Frontend")));
  EXPECT_FALSE(one->wants(traced_client("[2001:db8::1]:9", "")));
}

TEST(TraceTap, SaysWhatIsWrong) {
  std::string problem;
  EXPECT_EQ(tap_for(R"({"remote":"10.0.0.0/33"})", kConnectors, problem), nullptr);
  EXPECT_TRUE(problem.starts_with("'10.0.0.0/33': ")) << problem;
  EXPECT_EQ(tap_for(R"({"remote":"10.0.0.1","connector":"Anonymus Relay"})", kConnectors, problem),
            nullptr);
  EXPECT_EQ(problem,
            "no connector is called \"Anonymus Relay\"; did you mean \"Anonymous Relay\"? There "
            "are: \"Anonymous Relay\", \"Default Frontend\"");
  for (const char* nonsense : {"", "GET / HTTP/1.1", "[1]", "{\"remote\":7}", "{\"remote\":"})
    EXPECT_EQ(tap_for(nonsense, kConnectors, problem), nullptr) << nonsense;
}

TraceLine shown_line(front::DialogueEvent event, std::string_view data, std::string_view context) {
  std::string json;
  append_json(json, {.time = {1'769'854'830'123'000'000},
                     .connector = "Relay",
                     .session = 0xab,
                     .sequence = 3,
                     .local = "127.0.0.1:25",
                     .remote = "10.0.0.9:4711",
                     .event = event,
                     .data = data,
                     .context = context});
  return read_trace_line(json);
}

TEST(TraceText, IsForPeople) {
  using front::DialogueEvent;
  const std::string begin = "10:20:30.123 00000000000000AB ";
  EXPECT_EQ(shown_line(DialogueEvent::kConnect, "", "").text,
            begin + "+ 10.0.0.9:4711 -> 127.0.0.1:25 \"Relay\"");
  EXPECT_EQ(shown_line(DialogueEvent::kCommand, "NOOP \x1b[2J", "").text,
            begin + "< NOOP \\x1b[2J");
  EXPECT_EQ(shown_line(DialogueEvent::kNote, "the reason", "refused").text,
            begin + "* refused: the reason");
  const TraceLine end = shown_line(DialogueEvent::kDisconnect, "", "Remote");
  EXPECT_EQ(end.text, begin + "- Remote");
  EXPECT_EQ(end.kind, TraceLine::Kind::kEnd);
}

TEST(TraceText, KnowsWhatTheServerSays) {
  using Kind = TraceLine::Kind;
  EXPECT_EQ(read_trace_line(R"({"trace":"begins"})").kind, Kind::kBegins);
  EXPECT_EQ(read_trace_line(R"({"trace":"ends"})").kind, Kind::kEnds);
  EXPECT_EQ(read_trace_line(R"({"problem":"no"})").text, "no");
  EXPECT_EQ(read_trace_line(R"({"dropped":1})").text,
            "(1 line not shown: they came faster than they were read)");
  for (const char* nonsense : {"", "[]", "{}", "hello", "{\"event\":7}"})
    EXPECT_EQ(read_trace_line(nonsense).kind, Kind::kUnknown) << nonsense;
}

}  // namespace
}  // namespace relais::admin
