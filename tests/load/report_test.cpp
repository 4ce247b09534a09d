#include "load/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "load/options.h"
#include "load/plot.h"

namespace relais::load {
namespace {

Plan plan_of(const std::string& rate = {}) {
  Options options;
  options.targets = {"127.0.0.1:2525"};
  options.rate = rate;
  return std::move(*make_plan(options));
}

// A thousand messages in ten seconds that took 1 to 1,000 ms.
Tally thousand() {
  Tally tally(1);
  tally.count_from({});
  for (int64_t i = 1; i <= 1000; ++i) {
    const Instant due = Instant{} + milliseconds(i * 9);
    tally.answered(Step::kMail, due, due + microseconds(i));
    tally.accepted(0, due, due + milliseconds(i), 1000, {1, 1});
  }
  tally.refused(Step::kRecipient, 550, "5.7.1 <Unable> \"relay\" & more", Instant{1});
  tally.failed(0, Fate::kRefused, Instant{1}, Instant{2});
  return tally;
}

Run run_of(const Plan& plan, const Tally& tally) {
  return {.plan = plan,
          .tally = tally,
          .counted = seconds(10),
          .user_cpu = milliseconds(1),
          .system_cpu = milliseconds(9),
          .began = WallTime{1'500'000'000'000'000'000},
          .version = "1.2.3",
          .problem = {}};
}

TEST(Report, PrintsPercentilesOfEachStep) {
  const Plan plan = plan_of();
  const Tally tally = thousand();
  const std::string text = text_report(run_of(plan, tally));
  EXPECT_NE(text.find("closed loop, 10 sessions, lock-step, to 127.0.0.1:2525\n"),
            std::string::npos);
  EXPECT_NE(text.find("accepted    1000 messages in 10.00 s: 100 a second, 0.1 MB/s\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("failed      1 refused, 0 lost\n"), std::string::npos) << text;
  EXPECT_NE(text.find("own CPU     10.0 us a message"), std::string::npos) << text;
  // Percentiles are rounded up by less than 0.8 %.
  EXPECT_NE(text.find("MAIL              1000     0.502     0.901     0.991     0.999     1.000\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("         1  RCPT: 550 5.7.1 <Unable> \"relay\" & more\n"),
            std::string::npos);
}

TEST(Report, GivesJsonOfTheSame) {
  const Plan plan = plan_of("100");
  const Tally tally = thousand();
  const auto json = nlohmann::json::parse(json_report(run_of(plan, tally)));
  EXPECT_EQ(json["asked"]["loop"], "open");
  EXPECT_EQ(json["asked"]["rate"], nlohmann::json({100.0, 100.0}));
  EXPECT_EQ(json["messages"]["accepted"], 1000);
  EXPECT_EQ(json["messages"]["refused"], 1);
  EXPECT_EQ(json["messages_per_second"], 100.0);
  EXPECT_EQ(json["latency_ms"]["message"]["count"], 1000);
  EXPECT_NEAR(json["latency_ms"]["message"]["p99"], 990, 8);
  EXPECT_EQ(json["latency_ms"]["message"]["max"], 1000.0);
  EXPECT_FALSE(json["latency_ms"].contains("connect"));
  EXPECT_EQ(json["refusals"][0]["code"], 550);
  EXPECT_EQ(json["refusals"][0]["step"], "RCPT");
  EXPECT_EQ(json["own_cpu"]["us_per_message"].get<double>() * 1001, 10'000);
  EXPECT_TRUE(json["problem"].is_null());
  uint64_t in_rows = 0;
  for (const auto& row : json["series"]["rows"]) in_rows += row["accepted"].get<uint64_t>();
  EXPECT_EQ(in_rows, 1000U);
}

TEST(Report, EscapesWhatAServerSaidInHtml) {
  const Plan plan = plan_of();
  const Tally tally = thousand();
  const std::string page = html_report(run_of(plan, tally));
  EXPECT_NE(page.find("5.7.1 &lt;Unable&gt; &quot;relay&quot; &amp; more"), std::string::npos);
  EXPECT_EQ(page.find("<Unable>"), std::string::npos);
  EXPECT_EQ(page.find("http://www.w3.org/2000/svg"), page.find("http")) << "nothing from outside";
  size_t plots = 0;
  for (size_t at = 0; (at = page.find("<svg", at)) != std::string::npos; ++at) ++plots;
  EXPECT_EQ(plots, 3U);
}

TEST(Plot, ChoosesRoundTicks) {
  const Axis axis = linear_axis("x", 4321);
  EXPECT_GE(axis.high, 4321);
  EXPECT_EQ(axis.ticks.front().label, "0");
  EXPECT_EQ(axis.ticks[1].label, "1000");
  EXPECT_EQ(axis.ticks.back().at, axis.high);
  const Axis decades = log_axis("ms", 0.03, 250);
  EXPECT_DOUBLE_EQ(decades.low, 0.01);
  EXPECT_DOUBLE_EQ(decades.high, 1000);
  EXPECT_EQ(decades.ticks.size(), 6U);
}

TEST(Plot, HoldsNothingOfInfinity) {
  Plot plot{.title = "t", .x = linear_axis("x", 0), .y = log_axis("y", 0, 0)};
  plot.curves.push_back({.name = "c", .color = "#000", .points = {{0, 0}}});
  const std::string svg = draw(plot);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace relais::load
