// The page of /metrics from given figures, line by line; and that docs/metrics.md is its table.
#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "admin/refusals.h"
#include "admin/usage_table.h"
#include "clients.h"
#include "policy/limits.h"

namespace relais::admin {
namespace {

using policy::AddressRange;

constexpr Instant kStart{5'000'000'000'000};
constexpr WallTime kGathered{1'800'000'000'250'000'000};

void take(UsageTable& table, std::string_view connector, uint32_t source, uint64_t messages) {
  const AddressRange range{client(0), client(255)};
  const auto [entry, place] = table.at(connector, &range);
  entry->figures.connections += 2;
  ++entry->figures.ended;
  entry->figures.messages += messages;
  entry->figures.recipients += 3 * messages;
  entry->figures.octets += 1000 * messages;
  place->clients.at(client(source)).messages += messages;
}

void refuse(UsageTable& table, std::string_view connector, uint32_t source, Refusal refusal) {
  const auto [entry, place] = table.at(connector, nullptr);
  ++entry->figures.refusals[static_cast<size_t>(refusal)];
  ++place->clients.at(client(source)).refused;
}

std::string page(const UsageTable& table, const std::vector<std::string>& configured = {}) {
  UsageTotals totals;
  totals.add(table, UsageTotals::Ranges::kLeaveOut);
  LimitMetrics limit{.connector = "Relay", .limit = "messages", .levels = {{"", 0.5}}};
  limit.own[0] = true;
  PressureReport::Entry disk;
  disk.resource = policy::Resource::kSpoolDisk;
  disk.pressure = policy::Pressure::kHigh;
  disk.figure = 97;
  PressureReport::Entry queue;
  queue.resource = policy::Resource::kQueue;
  Metrics metrics{.version = "1.2.3",
                  .gathered = kGathered,
                  .config_generation = 7,
                  .last_reload_taken = false,
                  .last_reload = kGathered + seconds(-10),
                  .connectors = connector_metrics(totals, configured),
                  .limits = {limit},
                  .resources = {disk, queue},
                  .cores = {.delivered = 11,
                            .deferred = 12,
                            .failed = 13,
                            .flushes = 14,
                            .failed_flushes = 15,
                            .sessions_moved = 21,
                            .kernel_tls_sessions = 22,
                            .waiting = 16,
                            .in_work = 17,
                            .connections = 18,
                            .spooled = 19,
                            .segments = 20},
                  .upstreams = {{.name = "10.0.0.20:25",
                                 .messages = 21,
                                 .opened = 22,
                                 .retries = 23,
                                 .failures = {0, 0, 0, 0, 24},
                                 .connections = 25,
                                 .outstanding = 26,
                                 .cores = 4,
                                 .left_alone = 1,
                                 .shares = 210}}};
  return metrics_text(metrics, {.cpu_seconds = 1.5,
                                .resident_octets = 4096,
                                .virtual_octets = 8192,
                                .open_descriptors = 9,
                                .descriptors_max = 1024,
                                .start_seconds = 1'700'000'000.5});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The samples (no comments) whose name is `metric`.
std::vector<std::string> samples(const std::string& text, const std::string& metric) {
  std::vector<std::string> found;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with(metric + ' ') || line.starts_with(metric + '{')) found.push_back(line);
  }
  return found;
}

using Lines = std::vector<std::string>;

TEST(metrics, a_connectors_figures_stand_under_its_name) {
  UsageTable table;
  take(table, "Relay", 1, 5);
  take(table, "Relay", 2, 1);
  refuse(table, "Relay", 3, Refusal::kRelay);
  const std::string text = page(table);
  EXPECT_EQ(samples(text, "relais_messages_accepted_total"),
            Lines{"relais_messages_accepted_total{connector=\"Relay\"} 6"});
  EXPECT_EQ(samples(text, "relais_recipients_accepted_total"),
            Lines{"relais_recipients_accepted_total{connector=\"Relay\"} 18"});
  EXPECT_EQ(samples(text, "relais_octets_accepted_total"),
            Lines{"relais_octets_accepted_total{connector=\"Relay\"} 6000"});
  EXPECT_EQ(samples(text, "relais_sessions"), Lines{"relais_sessions{connector=\"Relay\"} 2"});
  EXPECT_EQ(samples(text, "relais_sessions_opened_total"),
            Lines{"relais_sessions_opened_total{connector=\"Relay\"} 4"});
  EXPECT_EQ(samples(text, "relais_top_source_messages_total"),
            (Lines{"relais_top_source_messages_total{connector=\"Relay\",source=\"10.0.0.1\"} 5",
                   "relais_top_source_messages_total{connector=\"Relay\",source=\"10.0.0.2\"} 1",
                   "relais_top_source_messages_total{connector=\"Relay\",source=\"10.0.0.3\"} 0"}));
}

TEST(metrics, an_upstreams_figures_stand_under_its_name) {
  const std::string text = page({});
  const auto value = [&](const std::string& metric) {
    const Lines found = samples(text, metric);
    const std::string begin = metric + "{upstream=\"10.0.0.20:25\"} ";
    return found.size() == 1 && found[0].starts_with(begin) ? found[0].substr(begin.size()) : "";
  };
  EXPECT_EQ(value("relais_upstream_messages_total"), "21");
  EXPECT_EQ(value("relais_upstream_connections_opened_total"), "22");
  EXPECT_EQ(value("relais_upstream_retries_total"), "23");
  EXPECT_EQ(value("relais_upstream_connections"), "25");
  EXPECT_EQ(value("relais_upstream_outstanding_messages"), "26");
  EXPECT_EQ(value("relais_upstream_left_alone_cores"), "1");
  EXPECT_EQ(value("relais_upstream_share").substr(0, 5), "0.525");
  const Lines failures = samples(text, "relais_upstream_failures_total");
  ASSERT_EQ(failures.size(), upstream::kFailures);
  EXPECT_EQ(failures[4],
            "relais_upstream_failures_total{upstream=\"10.0.0.20:25\",cause=\"protocol\"} 24");
  EXPECT_EQ(failures[0],
            "relais_upstream_failures_total{upstream=\"10.0.0.20:25\",cause=\"connect\"} 0");
}

TEST(metrics, every_reason_of_a_refusal_is_there_from_the_start) {
  UsageTable table;
  refuse(table, "Relay", 3, Refusal::kRelay);
  const auto found = samples(page(table, {"Relay"}), "relais_refusals_total");
  ASSERT_EQ(found.size(), kRefusals);  // "no_connector" belongs to connector="" alone
  EXPECT_EQ(found[0], "relais_refusals_total{connector=\"\",reason=\"no_connector\"} 0");
  size_t ones = 0;
  for (size_t i = 1; i < found.size(); ++i) {
    const std::string_view reason = name_of(static_cast<Refusal>(i));
    const bool counted = reason == "relay";
    EXPECT_EQ(found[i], "relais_refusals_total{connector=\"Relay\",reason=\"" +
                            std::string(reason) + "\"} " + (counted ? "1" : "0"));
    ones += counted ? 1 : 0;
  }
  EXPECT_EQ(ones, 1U);
}

TEST(metrics, what_no_connector_served_has_refusals_only) {
  UsageTable table;
  refuse(table, "", 4, Refusal::kNoConnector);
  const std::string text = page(table);
  EXPECT_EQ(samples(text, "relais_refusals_total"),
            Lines{"relais_refusals_total{connector=\"\",reason=\"no_connector\"} 1"});
  EXPECT_EQ(samples(text, "relais_top_source_refusals_total"),
            Lines{"relais_top_source_refusals_total{connector=\"\",source=\"10.0.0.4\"} 1"});
  EXPECT_TRUE(samples(text, "relais_sessions").empty());
}

TEST(metrics, a_configured_connector_is_there_before_its_first_client_and_once) {
  UsageTable table;
  take(table, "Used", 1, 1);
  EXPECT_EQ(samples(page(table, {"Used", "Unused"}), "relais_messages_accepted_total"),
            (Lines{"relais_messages_accepted_total{connector=\"Unused\"} 0",
                   "relais_messages_accepted_total{connector=\"Used\"} 1"}));
}

TEST(metrics, names_are_escaped) {
  UsageTable table;
  const std::string text = page(table, {"a \"b\" \\c\nd \xc3\xa9"});
  EXPECT_EQ(samples(text, "relais_sessions"),
            Lines{"relais_sessions{connector=\"a \\\"b\\\" \\\\c\\nd \xc3\xa9\"} 0"});
}

TEST(metrics, of_many_clients_the_ten_busiest_are_named) {
  UsageTable table;
  for (uint32_t i = 1; i <= 200; ++i) take(table, "Relay", i, i);
  const auto found = samples(page(table), "relais_top_source_messages_total");
  ASSERT_EQ(found.size(), Metrics::kTopSources);
  EXPECT_TRUE(found[0].find("10.0.0.200") != std::string::npos) << found[0];
}

TEST(metrics, large_counts_are_whole_numbers) {
  UsageTable table;
  take(table, "Relay", 1, 123'456'789'012);
  EXPECT_EQ(samples(page(table), "relais_messages_accepted_total"),
            Lines{"relais_messages_accepted_total{connector=\"Relay\"} 123456789012"});
}

TEST(metrics, limits_tell_what_they_did_and_how_full_they_are) {
  policy::ReceiveConnector erp;
  erp.name = "erp";
  policy::Limit limit;
  limit.key = policy::LimitKey::kSource;
  limit.rate = {4, minutes(1)};
  limit.burst = 4;
  limit.steps = {{policy::LimitAction::kDelay, 100}, {policy::LimitAction::kClose, 200}};
  limit.max_delay = seconds(15);
  erp.limits = {limit};
  policy::Limits limits(1 << 20, {});
  const auto set = limits.compile({erp}, kStart, 1200);
  policy::LimitSubject subject;
  subject.client = client(1);
  policy::Charges charges;
  const auto message = [&] {
    return set->charge(set->slots()[0], policy::Measure::kMessages, subject, 1, kStart, charges)
        .kind;
  };
  using Kind = policy::LimitVerdict::Kind;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(message(), Kind::kPass);
  Metrics metrics;
  const auto read = [&](Instant now) {
    metrics.limits = limit_metrics(*set, {{"erp", {client(1), client(2)}}}, now);
    return metrics_text(metrics, {});
  };
  std::string text = read(kStart);
  const std::string erp_messages = "{connector=\"erp\",limit=\"messages/source\",";
  const auto levels = [&] {
    std::vector<std::string> found = samples(text, "relais_limit_level");
    std::erase_if(found, [](const auto& line) { return line.find("messages") == line.npos; });
    return found;
  };
  EXPECT_EQ(levels(), (Lines{"relais_limit_level" + erp_messages + "source=\"10.0.0.1\"} 0.75",
                             "relais_limit_level" + erp_messages + "source=\"10.0.0.2\"} 0"}));
  EXPECT_EQ(message(), Kind::kPass);
  EXPECT_EQ(message(), Kind::kDelay);  // 15 s until there is a place
  EXPECT_EQ(message(), Kind::kDefer);  // 30 s are more than max_delay
  text = read(kStart + seconds(60));
  for (const char* line : {"action=\"delay\"} 1", "action=\"defer\"} 1", "action=\"close\"} 0"})
    EXPECT_NE(text.find("relais_limited_total" + erp_messages + line), std::string::npos) << text;
  EXPECT_EQ(text.find("shadow"), text.find("shadow` (would"));  // in the explanation only
  const auto delayed = samples(text, "relais_delayed_seconds_total");
  ASSERT_EQ(delayed.size(), 2U);
  EXPECT_EQ(delayed[0], "relais_delayed_seconds_total{connector=\"\"} 0");
  EXPECT_NEAR(std::stod(delayed[1].substr(delayed[1].rfind(' '))), 15, 1e-6) << delayed[1];
  EXPECT_EQ(levels()[0], "relais_limit_level" + erp_messages + "source=\"10.0.0.1\"} 0.25");
  EXPECT_NE(text.find("relais_limit_level{connector=\"\",limit=\"max_connection_rate_per_minute\","
                      "source=\"\"} 0"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("{connector=\"erp\",limit=\"max_inbound_connection\",source=\"\"} 0"),
            std::string::npos);
}

TEST(metrics, levels_are_asked_of_each_connectors_busiest) {
  UsageTable table;
  take(table, "b", 7, 1);
  UsageTotals totals;
  totals.add(table);
  const auto limited = limited_connectors(connector_metrics(totals, {"c", "b"}), {"c", "b"});
  ASSERT_EQ(limited.size(), 2U);
  EXPECT_EQ(limited[0].name, "c");
  EXPECT_TRUE(limited[0].sources.empty());
  EXPECT_EQ(limited[1].sources, std::vector{client(7)});
}

TEST(metrics, resources_have_a_state_and_where_it_is_known_a_figure) {
  const std::string text = page(UsageTable{});
  EXPECT_EQ(samples(text, "relais_resource_state"),
            (Lines{"relais_resource_state{resource=\"spool_disk\"} 2",
                   "relais_resource_state{resource=\"queue\"} 0"}));
  EXPECT_EQ(samples(text, "relais_resource_figure"),
            Lines{"relais_resource_figure{resource=\"spool_disk\"} 97"});
}

TEST(metrics, the_server_as_a_whole) {
  const std::string text = page(UsageTable{});
  for (const char* line : {"relais_build_info{version=\"1.2.3\"} 1",
                           "relais_figures_timestamp_seconds 1800000000.25",
                           "relais_config_generation 7",
                           "relais_config_last_reload_success 0",
                           "relais_config_last_reload_timestamp_seconds 1799999990.25",
                           "relais_recipients_delivered_total 11",
                           "relais_recipients_deferred_total 12",
                           "relais_recipients_failed_total 13",
                           "relais_spool_flushes_total 14",
                           "relais_spool_failed_flushes_total 15",
                           "relais_sessions_moved_total 21",
                           "relais_tls_kernel_sessions_total 22",
                           "relais_queue_messages 16",
                           "relais_deliveries 17",
                           "relais_next_hop_connections 18",
                           "relais_spool_messages 19",
                           "relais_spool_segments 20",
                           "process_cpu_seconds_total 1.5",
                           "process_resident_memory_bytes 4096",
                           "process_virtual_memory_bytes 8192",
                           "process_open_fds 9",
                           "process_max_fds 1024",
                           "process_start_time_seconds 1700000000.5"}) {
    const std::string name(line, std::string_view(line).find_first_of(" {"));
    EXPECT_EQ(samples(text, name), Lines{line});
  }
}

TEST(metrics, every_metric_of_the_table_is_on_the_page_with_its_type_and_no_other) {
  UsageTable table;
  take(table, "Relay", 1, 1);
  std::vector<std::string> typed;
  for (const std::string& line : lines_of(page(table))) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string name = line.substr(7, line.rfind(' ') - 7);
    const bool counter = name.ends_with("_total");
    EXPECT_EQ(line.substr(line.rfind(' ') + 1), counter ? "counter" : "gauge") << line;
    typed.push_back(name);
  }
  const auto names = metric_names();
  EXPECT_EQ(typed, std::vector<std::string>(names.begin(), names.end()));
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
}

TEST(metrics, what_the_system_does_not_tell_is_left_out) {
  const std::string text = metrics_text({}, {});
  EXPECT_TRUE(samples(text, "process_open_fds").empty());
  EXPECT_TRUE(samples(text, "process_start_time_seconds").empty());
  EXPECT_EQ(text.find("process_open_fds"), std::string::npos);
}

TEST(metrics, the_process_can_be_read) {
  const ProcessFigures figures = read_process_figures();
  ASSERT_TRUE(figures.resident_octets && figures.virtual_octets && figures.open_descriptors);
  EXPECT_GT(*figures.resident_octets, 100'000U);
  EXPECT_GE(*figures.virtual_octets, *figures.resident_octets);
  EXPECT_GE(*figures.open_descriptors, 1U);
  EXPECT_GE(*figures.descriptors_max, *figures.open_descriptors);
  std::ifstream one_more("/proc/self/stat");
  EXPECT_EQ(*read_process_figures().open_descriptors, *figures.open_descriptors + 1);
  const auto now = static_cast<double>(time(nullptr));
  EXPECT_GT(read_process_start(), now - 3600);
  EXPECT_LT(read_process_start(), now + 2);
}

TEST(metrics, the_documentation_is_this_table) {
  const std::string path = std::string(RELAIS_SOURCE_DIR) + "/docs/metrics.md";
  if (std::getenv("RELAIS_UPDATE") != nullptr) std::ofstream(path) << metrics_markdown();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), metrics_markdown()) << "run RELAIS_UPDATE=1 admin_tests";
}

}  // namespace
}  // namespace relais::admin
