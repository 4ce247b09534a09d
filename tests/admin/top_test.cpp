#include <gtest/gtest.h>

#include "admin/live_figures.h"
#include "admin/screen_text.h"
#include "admin/top_frame.h"

namespace relais::admin {
namespace {

using Lines = std::vector<std::string>;

constexpr WallTime kNoon{1'769'860'800'000'000'000};

LiveFigures figures() {
  LiveFigures now;
  now.pid = 4711;
  now.server = "relay.contoso.com";
  now.version = "0.1.0";
  now.started = kNoon + hours(-50);
  now.gathered = kNoon;
  now.connectors = {{.name = "erp",
                     .sessions = 3,
                     .connections = 1000,
                     .messages = 12'345,
                     .recipients = 20'000,
                     .refused = 40,
                     .delayed = 311,
                     .deferred = 7,
                     .closed = 1},
                    {.name = "printers"}};
  now.limits = {{.connector = "erp",
                 .name = "max_inbound_connection",
                 .terms = "5000 at one time: close",
                 .level = 0.0006,
                 .sources = {}},
                {.connector = "erp",
                 .name = "messages/source",
                 .terms = "600/min, burst 100: delay",
                 .events = {311, 7, 0, 0},
                 .last_event = kNoon + seconds(-5),
                 .level = {},
                 .sources = {{"192.168.5.10", 0.5, kNoon + seconds(-3)},
                             {"2001:db8:1234:5678:9abc:def0:1234:5678", 0.01, kNoon}}}};
  now.resources = {{"memory", "Normal", "12 % used"}, {"spool_disk", "Medium", "91 % used"}};
  now.queued = 17;
  return now;
}

TopView view() {
  TopView made;
  made.now = figures();
  made.before = made.now;
  made.before->gathered = kNoon + seconds(-2);
  made.before->connectors[0].messages -= 25;
  made.before->connectors[0].deferred -= 3;
  made.before->limits[1].events[1] -= 3;
  return made;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

const std::string& line_with(const Lines& lines, std::string_view what) {
  for (const std::string& line : lines) {
    if (line.find(what) != std::string::npos) return line;
  }
  ADD_FAILURE() << "no line with " << what << " in\n" << joined(lines);
  static const std::string none;
  return none;
}

void expect_to_fit(const Lines& lines, size_t width) {
  for (const std::string& line : lines) EXPECT_LE(screen_width(line), width) << line;
}

TEST(TopFrame, EightyColumns) {
  const Lines lines = top_frame(view(), 80, 0);
  expect_to_fit(lines, 80);
  EXPECT_EQ(joined(lines),
            "relay.contoso.com  up 2 d 02:00:00  spool_disk Medium (91 % used)  17 queued  m~\n"
            "\n"
            "connector       now  conn/s   msg/s  rcpt/s  delayed  deferred  closed  refused\n"
            "erp               3     0.0    12.5     0.0      311         7       1       40\n"
            "printers          0     0.0     0.0     0.0        0         0       0        0\n"
            "\n"
            "limits of erp\n"
            "  messages/source  600/min, burst 100: delay\n"
            "    delayed 311  deferred 7 (+3)  last 5 s ago\n"
            "    192.168.5.10             [###############..............]  50 %  3 s ago\n"
            "    2001:db8:1234:5678:9abc~ [#............................]   1 %  0 s ago\n"
            "  max_inbound_connection  5000 at one time: close\n"
            "    all clients              [#............................]   0 %\n");
}

TEST(TopFrame, FortyColumnsHaveWhatMattersMost) {
  const Lines lines = top_frame(view(), 40, 0);
  expect_to_fit(lines, 40);
  EXPECT_EQ(line_with(lines, "connector"), "connector       now   msg/s  deferred");
  EXPECT_EQ(line_with(lines, "erp  "), "erp               3    12.5         7");
  EXPECT_EQ(line_with(lines, "192.168.5.10"), "    192.168.5.10    [######......]  50 %");
}

TEST(TopFrame, TwoHundredColumnsHaveAll) {
  const Lines lines = top_frame(view(), 200, 0);
  expect_to_fit(lines, 200);
  EXPECT_NE(lines[0].find("memory 12 % used"), std::string::npos);
  EXPECT_NE(lines[0].find("relais 0.1.0"), std::string::npos);
  EXPECT_NE(line_with(lines, "erp  ").find(" +3 "), std::string::npos);
  EXPECT_NE(line_with(lines, "2001").find("2001:db8:1234:5678:9abc:def0:1234:5678"),
            std::string::npos);
  EXPECT_NE(line_with(lines, "messages/source").find("last 5 s ago"), std::string::npos);
}

TEST(TopFrame, EveryWidthIsKept) {
  TopView odd = view();
  odd.now.server = "\xff\x1b[2J" + odd.now.server;
  odd.now.connectors[0].name = std::string(300, 'x');
  odd.now.connectors[1].name = "\xe5\xba\x83\xe5\xb3\xb6 \xf0\x9f\x93\xa0 e\xcc\x81";
  odd.now.limits[0].level = 1e9;
  for (size_t width = 0; width < 260; ++width) {
    const Lines lines = top_frame(odd, width, 0);
    expect_to_fit(lines, std::max<size_t>(width, 1));
    EXPECT_EQ(joined(lines).find('\x1b'), std::string::npos);
  }
}

TEST(TopFrame, EveryHeightIsKept) {
  const size_t all = top_frame(view(), 80, 0).size();
  for (size_t height = 1; height < all + 3; ++height) {
    const Lines lines = top_frame(view(), 80, height);
    EXPECT_EQ(lines.size(), std::min(height, all));
  }
  EXPECT_EQ(top_frame(view(), 80, 5).back(), "(9 more lines: a higher window shows them)");
}

TEST(TopFrame, NothingAtAll) {
  TopView empty;
  const Lines lines = top_frame(empty, 80, 24);
  expect_to_fit(lines, 80);
  EXPECT_EQ(lines.size(), 3U);
  empty.now = figures();
  EXPECT_NE(line_with(top_frame(empty, 80, 24), "erp ").find("      -       -       -"),
            std::string::npos);
}

TEST(TopFrame, AsManySourcesAsAreAskedFor) {
  TopView made = view();
  made.top = 1;
  const Lines lines = top_frame(made, 80, 0);
  EXPECT_EQ(line_with(lines, "more sources"), "    and 1 more sources");
  EXPECT_EQ(Json::parse(top_json(made))["limits"][1]["sources"].size(), 1U);
}

TEST(TopFrame, TroubleIsSaid) {
  TopView made = view();
  made.trouble = "No answer since noon";
  EXPECT_EQ(top_frame(made, 80, 0)[1], "No answer since noon");
}

TEST(TopFrame, JsonHasRates) {
  const Json json = Json::parse(top_json(view()));
  EXPECT_EQ(json["rates_over_s"], 2.0);
  EXPECT_EQ(json["connectors"][0]["messages_per_s"], 12.5);
  EXPECT_EQ(json["connectors"][0]["since"]["deferred"], 3);
  TopView first = view();
  first.before.reset();
  EXPECT_FALSE(Json::parse(top_json(first)).contains("rates_over_s"));
}

TEST(LiveFigures, GoOverTheSocketAndBack) {
  const LiveFigures before = figures();
  const std::string text = to_line(to_record(before));
  const auto after = live_figures_from_json(text);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(to_line(to_record(*after)), text);
  for (size_t i = 0; i < text.size(); ++i)
    EXPECT_FALSE(live_figures_from_json(text.substr(0, i)).has_value()) << i;
  EXPECT_FALSE(live_figures_from_json("{\"version\":2}").has_value());
}

TEST(LiveFigures, OfAnotherProcessAreNotCompared) {
  LiveFigures a = figures();
  LiveFigures b = figures();
  b.gathered = a.gathered + seconds(1);
  EXPECT_TRUE(comparable(a, b));
  EXPECT_FALSE(comparable(b, a));
  EXPECT_FALSE(comparable(a, a));
  b.pid = 1;
  EXPECT_FALSE(comparable(a, b));
}

TEST(LimitTimes, AreOfTheLastChange) {
  LimitTimes times;
  std::vector<LimitMetrics> limits(1);
  limits[0].connector = "erp";
  limits[0].limit = "messages/source";
  times.look(limits, kNoon);
  EXPECT_EQ(times.last("erp", "messages/source"), WallTime{});
  limits[0].events[1] = 1;
  times.look(limits, kNoon + seconds(1));
  times.look(limits, kNoon + seconds(2));
  EXPECT_EQ(times.last("erp", "messages/source"), kNoon + seconds(1));
  EXPECT_EQ(times.last("erp", "other"), WallTime{});
}

TEST(ScreenText, CountsColumns) {
  EXPECT_EQ(screen_width(""), 0U);
  EXPECT_EQ(screen_width("abc"), 3U);
  EXPECT_EQ(screen_width("Gr\xc3\xbc\xc3\x9f"
                         "e"),
            5U);
  EXPECT_EQ(screen_width("\xe5\xba\x83\xe5\xb3\xb6"), 4U);
  EXPECT_EQ(screen_width("e\xcc\x81"), 1U);
  EXPECT_EQ(fit_left("\xe5\xba\x83\xe5\xb3\xb6", 3), "\xe5\xba\x83~");
  EXPECT_EQ(fit_left("\xe5\xba\x83\xe5\xb3\xb6", 2), "~ ");
  EXPECT_EQ(fit_right("ab", 4), "  ab");
  EXPECT_EQ(fit_left("abcdef", 4), "abc~");
  EXPECT_EQ(cut("a\x1b[2J\xc3(", 80), "a?[2J?(");
  EXPECT_EQ(cut("abc", 0), "");
  EXPECT_EQ(cut("\xe2\x80\xae"
                "abc",
                80),
            "?abc");
}

}  // namespace
}  // namespace relais::admin
