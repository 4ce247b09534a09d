// The sum of all cores and lives, its file, and what is read out of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "admin/usage_file.h"
#include "admin/usage_json.h"
#include "admin/usage_keeper.h"
#include "admin/usage_report.h"
#include "admin/usage_totals.h"
#include "clients.h"
#include "ring/linux_kernel.h"

namespace relais::admin {
namespace {

using policy::AddressRange;
namespace fs = std::filesystem;

constexpr WallTime kLastSeen{1'800'000'000'123'000'000};
constexpr Duration kDay = hours(24);

void use(UsageTable& table, std::string_view connector, const AddressRange* range, WallTime when) {
  const auto [entry, place] = table.at(connector, range);
  ++entry->figures.connections;
  ++entry->figures.messages;
  entry->figures.recipients += 2;
  entry->figures.octets += 1000;
  entry->figures.see(when);
  TopClients::Place& who = place->clients.at(range != nullptr ? range->first : client(0));
  ++who.connections;
  ++who.messages;
  who.last_seen = when;
}

UsageTotals some_totals() {
  UsageTable table;
  const AddressRange a = *AddressRange::parse("10.0.0.0/24");
  const AddressRange b = *AddressRange::parse("2001:db8::1-2001:db8::7");
  use(table, "Anonymous \"Relay\"", &a, kLastSeen);
  use(table, "Anonymous \"Relay\"", &b, kLastSeen + seconds(5));
  use(table, "caf\xc3\xa9", &a, kLastSeen);
  const auto nobody = table.at("", nullptr);
  ++nobody.entry->figures.refusals[static_cast<size_t>(Refusal::kNoConnector)];
  nobody.entry->figures.see(kLastSeen);
  nobody.connector->last_refusal = {kLastSeen, client(9), "421 4.3.2 no", "nobody serves it"};
  UsageTotals totals;
  totals.add(table);
  totals.counted_since = kLastSeen;
  totals.updated = kLastSeen + seconds(9);
  totals.pid = 4711;
  return totals;
}

std::string text_of(const UsageTotals& totals) { return to_json(totals); }

TEST(usage_totals, sums_cores_and_intervals) {
  UsageTable core0;
  UsageTable core1;
  const AddressRange a = one(1);
  const AddressRange b = one(2);
  use(core0, "c", &a, kLastSeen);
  use(core1, "c", &a, kLastSeen + seconds(1));
  use(core1, "c", &b, kLastSeen);
  UsageTotals totals;
  totals.add(core0);
  totals.add(core1);
  core0.clear();
  use(core0, "c", &b, kLastSeen + seconds(2));
  totals.add(core0);
  const auto& connector = totals.connectors.at("c");
  EXPECT_EQ(connector.sum.messages, 4U);
  EXPECT_EQ(connector.sum.recipients, 8U);
  EXPECT_EQ(connector.sum.octets, 4000U);
  EXPECT_EQ(connector.ranges.at(a).messages, 2U);
  EXPECT_EQ(connector.ranges.at(b).messages, 2U);
  EXPECT_EQ(connector.ranges.at(a).first_seen, kLastSeen);
  EXPECT_EQ(connector.ranges.at(a).last_seen, kLastSeen + seconds(1));
  EXPECT_EQ(connector.sum.last_seen, kLastSeen + seconds(2));
  EXPECT_EQ(connector.sum.sessions(), 4U);
}

TEST(usage_totals, names_of_earlier_policies_do_not_come_back) {
  UsageTable table;
  const AddressRange a = one(1);
  use(table, "old", &a, kLastSeen);
  table.clear();
  use(table, "new", &a, kLastSeen);
  UsageTotals totals;
  totals.add(table);
  EXPECT_EQ(totals.connectors.size(), 1U);
  EXPECT_TRUE(totals.connectors.contains("new"));
}

TEST(usage_totals, forgets_what_nobody_used_for_long_but_keeps_the_sum) {
  UsageTable table;
  const AddressRange a = one(1);
  const AddressRange b = one(2);
  use(table, "c", &a, kLastSeen + kDay * -500);
  use(table, "c", &b, kLastSeen);
  use(table, "gone", &a, kLastSeen + kDay * -500);
  UsageTotals totals;
  totals.add(table);
  totals.end_sessions();
  totals.forget(kLastSeen);
  EXPECT_FALSE(totals.connectors.contains("gone"));
  EXPECT_FALSE(totals.connectors.at("c").ranges.contains(a));
  EXPECT_TRUE(totals.connectors.at("c").ranges.contains(b));
  EXPECT_EQ(totals.connectors.at("c").sum.messages, 2U);
}

TEST(usage_totals, keeps_who_is_there_however_long_ago_it_came) {
  UsageTable table;
  const AddressRange a = one(1);
  use(table, "c", &a, kLastSeen + kDay * -500);
  UsageTotals totals;
  totals.add(table);
  totals.forget(kLastSeen);
  EXPECT_TRUE(totals.connectors.at("c").ranges.contains(a));
}

TEST(usage_totals, beyond_its_limit_the_longest_unused_go) {
  UsageTable table;
  for (uint32_t i = 0; i < 1000; ++i) {
    const AddressRange range = one(i);
    use(table, "c", &range, kLastSeen + seconds(i));
  }
  UsageTotals totals;
  totals.add(table);
  totals.end_sessions();
  totals.forget(kLastSeen + seconds(1000), 1000);
  EXPECT_EQ(totals.connectors.at("c").ranges.size(), 1000U);
  totals.forget(kLastSeen + seconds(1000), 500);
  EXPECT_EQ(totals.connectors.at("c").ranges.size(), 450U);
  EXPECT_FALSE(totals.connectors.at("c").ranges.contains(one(549)));
  EXPECT_TRUE(totals.connectors.at("c").ranges.contains(one(550)));
}

TEST(usage_json, comes_back_as_it_went) {
  const UsageTotals totals = some_totals();
  const auto back = usage_from_json(text_of(totals));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(text_of(*back), text_of(totals));
  EXPECT_EQ(back->pid, 4711);
  EXPECT_EQ(back->counted_since, kLastSeen);
  const auto& connector = back->connectors.at("Anonymous \"Relay\"");
  EXPECT_EQ(connector.ranges.size(), 2U);
  EXPECT_EQ(connector.sum.sessions(), 2U);
  EXPECT_EQ(connector.clients.places().size(), 2U);
  EXPECT_EQ(back->connectors.at("").last_refusal.reason, "nobody serves it");
}

TEST(usage_json, one_record_a_line) {
  std::istringstream lines(text_of(some_totals()));
  std::string line;
  size_t ranges = 0;
  while (std::getline(lines, line))
    ranges += line.starts_with("{\"connector\"") && line.find("\"range\"") != std::string::npos;
  EXPECT_EQ(ranges, 3U);
}

// Whatever happens to the file, reading it says so and nothing worse.
TEST(usage_json, damage_is_an_error_not_a_crash) {
  const std::string good = text_of(some_totals());
  for (size_t cut = 0; cut + 2 < good.size(); ++cut)
    EXPECT_FALSE(usage_from_json(std::string_view(good).substr(0, cut))) << cut;
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"\"version\":1", "\"version\":2"},
      {"\"connections\":1", "\"connections\":-1"},
      {"\"connections\":1", "\"connections\":\"1\""},
      {"\"sessions\":1", "\"sessions\":99"},
      {"10.0.0.0/24", "10.0.0.0/33"},
      {"\"client\":\"10.0.0.9\"", "\"client\":\"nobody\""},
      {"2027-01-15T", "2027-13-15T"},
      {"\"connectors\":[", "\"connectors\":7,\"x\":["},
      {"\"pid\":4711", "\"pid\":[]"}};
  for (const auto& [what, instead] : changes) {
    std::string bad = good;
    const size_t at = bad.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    bad.replace(at, what.size(), instead);
    const auto read = usage_from_json(bad);
    if (instead.starts_with("\"connectors\":7")) continue;  // must not crash, no more
    EXPECT_FALSE(read) << instead;
  }
  for (const std::string_view text : {"", "[]", "7", "{}", "null", "{\"version\":1}", "\xff"})
    EXPECT_FALSE(usage_from_json(text)) << text;
}

class UsageFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("relais-usage-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string folder() const { return folder_.string(); }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  fs::path folder_;
};

TEST_F(UsageFile, is_read_as_it_was_written) {
  EXPECT_FALSE(read_usage_file(folder()).there);
  EXPECT_FALSE(read_usage(folder()));
  UsageTotals totals = some_totals();
  totals.pid = 0;
  ASSERT_TRUE(write_usage(folder(), totals));
  const UsageRead read = read_usage_file(folder());
  EXPECT_TRUE(read.there);
  EXPECT_EQ(read.problem, "");
  EXPECT_EQ(to_json(read.totals), to_json(totals));
  const auto present = read_usage(folder());
  ASSERT_TRUE(present);
  EXPECT_FALSE(present->running);
  EXPECT_EQ(present->connectors.size(), 2U) << "nobody's connections are no connector";
  EXPECT_EQ(present->connectors[0].sessions, 0U) << "a server that is gone has no sessions";
}

TEST_F(UsageFile, the_keeper_goes_on_where_the_last_one_stopped) {
  ring::LinuxKernel kernel;
  const AddressRange a = one(1);
  for (uint64_t life = 1; life <= 3; ++life) {
    UsageKeeper keeper(kernel, folder());
    keeper.begin(1);
    auto tray = std::make_shared<UsageTray>();
    keeper.add(tray);
    auto table = std::make_unique<UsageTable>();
    use(*table, "c", &a, kernel.wall_now());
    table = tray->exchange(std::move(table));
    EXPECT_TRUE(table->empty());
    keeper.tick();
    EXPECT_EQ(keeper.totals().connectors.at("c").sum.sessions(), 1U)
        << "sessions of an earlier life are over";
    EXPECT_EQ(keeper.since_start().connectors.at("c").sum.messages, 1U) << "of this life alone";
    EXPECT_TRUE(keeper.since_start().connectors.at("c").ranges.empty());
    keeper.finish();
    const UsageRead read = read_usage_file(folder());
    EXPECT_EQ(read.totals.connectors.at("c").ranges.at(a).messages, life);
    EXPECT_EQ(read.totals.connectors.at("c").sum.sessions(), 0U);
  }
}

TEST_F(UsageFile, what_the_cores_say_last_is_summed) {
  ring::LinuxKernel kernel;
  UsageKeeper keeper(kernel, folder());
  for (uint64_t core = 1; core <= 2; ++core) {
    auto tray = std::make_shared<UsageTray>();
    tray->put({.delivered = 1000, .waiting = 1000}, {});
    tray->put({.delivered = core, .waiting = 10 * core},
              {{.name = "10.0.0.2:25", .messages = core, .cores = 1, .shares = 50 * core},
               {.name = "10.0.0." + std::to_string(4 - core) + ":25", .opened = 1, .cores = 1}});
    keeper.add(tray);
  }
  EXPECT_EQ(keeper.cores(), (CoreFigures{.delivered = 3, .waiting = 30}));
  const auto upstreams = keeper.upstreams();
  ASSERT_EQ(upstreams.size(), 2U);
  EXPECT_EQ(upstreams[0],
            (upstream::HostFigures{
                .name = "10.0.0.2:25", .messages = 3, .opened = 1, .cores = 3, .shares = 150}));
  EXPECT_EQ(upstreams[1].name, "10.0.0.3:25");
}

TEST_F(UsageFile, a_damaged_one_is_set_aside) {
  ring::LinuxKernel kernel;
  put("usage.json", "{\"version\":1,");
  UsageKeeper keeper(kernel, folder());
  keeper.begin(1);
  EXPECT_TRUE(fs::exists(folder_ / "usage.json.damaged"));
  const UsageRead read = read_usage_file(folder());
  EXPECT_EQ(read.problem, "");
  EXPECT_TRUE(read.totals.connectors.empty());
  EXPECT_GT(read.totals.counted_since.ns, 0);
}

TEST_F(UsageFile, a_folder_that_cannot_be_written_stops_nothing) {
  ring::LinuxKernel kernel;
  UsageKeeper keeper(kernel, folder() + "/not/there");
  keeper.begin(1);
  keeper.tick();
  keeper.finish();
  fs::create_directory(folder_ / "usage.json");
  UsageKeeper other(kernel, folder());
  other.begin(1);
  other.finish();
}

// ---- the report

config::Model model() {
  config::Model model;
  model.receive_connectors.resize(2);
  model.receive_connectors[0].name = "Anonymous \"Relay\"";
  model.receive_connectors[0].remote_ranges = {*AddressRange::parse("10.0.0.0/24"), one(300),
                                               one(301)};
  model.receive_connectors[1].name = "new";
  model.receive_connectors[1].remote_ranges = {one(400)};
  return model;
}

TEST(usage_report, unused_are_those_never_used_or_not_since) {
  const UsageTotals totals = some_totals();
  const config::Model configured = model();
  UsageView view{
      .totals = totals, .model = configured, .now = kLastSeen + hours(1), .connector = {}};
  const auto names = [&](WallTime since) {
    std::string text;
    for (const UnusedRange& one : unused_ranges(view, since)) {
      text += configured.receive_connectors[one.connector].remote_ranges[one.range].to_string();
      text += one.last_seen.ns == 0 ? " never;" : " old;";
    }
    return text;
  };
  const std::string never = "10.0.1.44 never;10.0.1.45 never;10.0.1.144 never;";
  EXPECT_EQ(names(kLastSeen), never);
  EXPECT_EQ(names(kLastSeen + milliseconds(1)), "10.0.0.0/24 old;" + never);
  view.running = true;
  EXPECT_EQ(names(kLastSeen + milliseconds(1)), never) << "a session is there";
  view.connector = "new";
  EXPECT_EQ(names(kLastSeen), "10.0.1.144 never;");
}

TEST(usage_report, text_names_what_was_counted_and_what_is_no_longer_there) {
  const UsageTotals totals = some_totals();
  const config::Model configured = model();
  const UsageView view{
      .totals = totals, .model = configured, .now = kLastSeen + seconds(65), .connector = {}};
  const std::string text = usage_text(view);
  for (const std::string_view wanted :
       {"Anonymous \"Relay\"", "10.0.0.0/24 ", "2001:db8::1-2001:db8::7 (removed)",
        "2 of 3 ranges were never used", "1 of 1 ranges were never used", "caf\xc3\xa9 (removed)",
        "(no connector)", "no connector for the address 1", "65 s ago",
        "10.0.0.9: 421 4.3.2 no (nobody serves it)", "No server is running here"})
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << " is not in\n" << text;
}

}  // namespace
}  // namespace relais::admin
