#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "load/plot.h"
#include "load/report.h"

namespace relais::load {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>relais-load</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 900px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin: 2em 0 .5em; }
p.asked { color: #52606d; margin-top: .2em; }
dl { display: flex; flex-wrap: wrap; gap: 1em; margin: 1.5em 0; }
dl div { background: #f5f7fa; border-radius: 6px; padding: .6em 1em; min-width: 8em; }
dt { color: #52606d; font-size: .85em; } dd { margin: 0; font-size: 1.4em; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3em .6em; text-align: right; }
th { border-bottom: 2px solid #cbd2d9; }
td { border-bottom: 1px solid #e4e7eb; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, .text { text-align: left; } .bad { color: #ba2525; }
svg { width: 100%; height: auto; margin: .8em 0; }
</style></head><body>
)";

constexpr const char* kColors[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e",
                                   "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22"};

// Percentiles as an axis that gives each further nine the same room: x is 1 / (1 - share).
Plot percentile_plot(const Tally& tally) {
  Plot plot{.title = "Latency by percentile", .x = {.title = "percentile", .logarithmic = true}};
  const uint64_t count = tally.latency(Step::kMessage).count();
  const double nines = std::clamp(
      std::ceil(std::log10(static_cast<double>(std::max<uint64_t>(count, 10)))), 1.0, 6.0);
  plot.x.low = 1;
  plot.x.high = std::pow(10, nines);
  plot.x.ticks = {{1, "0"},      {2, "50"},      {10, "90"},      {100, "99"},
                  {1e3, "99.9"}, {1e4, "99.99"}, {1e5, "99.999"}, {1e6, "99.9999"}};
  std::erase_if(plot.x.ticks, [&](const Tick& tick) { return tick.at > plot.x.high; });
  double low = 1e9;
  double high = 0;
  size_t color = 0;
  for (const Step step : {Step::kMessage, Step::kConnect, Step::kBanner, Step::kHello, Step::kTls,
                          Step::kMail, Step::kRecipient, Step::kData, Step::kContent}) {
    const Histogram& latency = tally.latency(step);
    if (latency.count() == 0) continue;
    Curve curve{.name = std::string(name_of(step)), .color = kColors[color++]};
    for (double x = 1; x <= plot.x.high * 1.0001; x *= 1.1220184543) {  // 20 to a decade
      curve.points.emplace_back(x, in_ms(latency.percentile(1 - 1 / x)));
      if (x >= static_cast<double>(latency.count())) break;
    }
    low = std::min(low, std::max(0.001, curve.points.front().second));
    high = std::max(high, curve.points.back().second);
    plot.curves.push_back(std::move(curve));
  }
  plot.y = log_axis("milliseconds", std::min(low, high), high);
  return plot;
}

double in_s(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

Axis time_axis(const Run& run) {
  Axis axis = linear_axis("seconds", std::max(0.1, in_s(run.counted)));
  axis.high = std::max(0.1, in_s(run.counted));
  std::erase_if(axis.ticks, [&](const Tick& tick) { return tick.at > axis.high * 1.001; });
  return axis;
}

// The last row is of less time than the others.
double length_of_row(const Run& run, size_t index) {
  const double interval = in_s(run.tally.series().interval());
  const double left = in_s(run.counted) - static_cast<double>(index) * interval;
  return std::clamp(left, interval / 10, interval);
}

Plot throughput_plot(const Run& run) {
  Plot plot{.title = "Throughput", .x = time_axis(run), .y = {}};
  Curve accepted{.name = "accepted", .color = kColors[0]};
  Curve failed{.name = "failed", .color = kColors[1]};
  Curve asked{.name = "asked for", .color = kColors[8]};
  const Series& series = run.tally.series();
  double high = 1;
  bool any_failed = false;
  for (size_t i = 0; i < series.rows().size(); ++i) {
    const Series::Row& row = series.rows()[i];
    const double length = length_of_row(run, i);
    const double at = static_cast<double>(i) * in_s(series.interval()) + length / 2;
    accepted.points.emplace_back(at, static_cast<double>(row.accepted) / length);
    failed.points.emplace_back(at, static_cast<double>(row.failed) / length);
    any_failed |= row.failed > 0;
    high = std::max({high, accepted.points.back().second, failed.points.back().second});
    if (run.plan.rate)
      asked.points.emplace_back(
          at, run.plan.rate->rate_at({run.plan.warm_up.ns + static_cast<int64_t>(at * 1e9)}));
    if (run.plan.rate) high = std::max(high, asked.points.back().second);
  }
  plot.y = linear_axis("messages a second", high);
  plot.curves.push_back(std::move(accepted));
  if (any_failed) plot.curves.push_back(std::move(failed));
  if (run.plan.rate) plot.curves.push_back(std::move(asked));
  return plot;
}

Plot latency_plot(const Run& run) {
  Plot plot{.title = "Latency of messages over time", .x = time_axis(run), .y = {}};
  Curve p50{.name = "p50", .color = kColors[0]};
  Curve p99{.name = "p99", .color = kColors[4]};
  Curve max{.name = "max", .color = kColors[1]};
  const Series& series = run.tally.series();
  double low = 1e9;
  double high = 0.01;
  for (size_t i = 0; i < series.rows().size(); ++i) {
    const Histogram& latency = series.rows()[i].latency;
    if (latency.count() == 0) continue;
    const double at = static_cast<double>(i) * in_s(series.interval()) + length_of_row(run, i) / 2;
    p50.points.emplace_back(at, in_ms(latency.percentile(0.5)));
    p99.points.emplace_back(at, in_ms(latency.percentile(0.99)));
    max.points.emplace_back(at, in_ms(latency.maximum()));
    low = std::min(low, std::max(0.001, p50.points.back().second));
    high = std::max(high, max.points.back().second);
  }
  plot.y = log_axis("milliseconds", std::min(low, high), high);
  plot.curves = {std::move(max), std::move(p99), std::move(p50)};  // the lowest on top
  return plot;
}

void add_figure(std::string& out, std::string_view name, const std::string& value) {
  out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

void add_figures(std::string& out, const Run& run) {
  const Tally& tally = run.tally;
  const uint64_t accepted = tally.messages(Fate::kAccepted);
  const Histogram& latency = tally.latency(Step::kMessage);
  out += "<dl>\n";
  add_figure(out, "accepted", fmt::format("{}", accepted));
  add_figure(out, "a second", rate_text(per_second(run, accepted)));
  add_figure(out, "MB/s", fmt::format("{:.1f}", per_second(run, tally.octets()) / 1e6));
  add_figure(
      out, "failed",
      tally.failures() == 0 ? "0" : fmt::format("<span class=\"bad\">{}</span>", tally.failures()));
  add_figure(out, "p50", fmt::format("{:.3g} ms", in_ms(latency.percentile(0.5))));
  add_figure(out, "p99", fmt::format("{:.3g} ms", in_ms(latency.percentile(0.99))));
  add_figure(out, "max", fmt::format("{:.3g} ms", in_ms(latency.maximum())));
  add_figure(out, "own CPU", fmt::format("{:.1f} us", cpu_us_per_message(run)));
  out += "</dl>\n";
}

void add_latency_table(std::string& out, const Tally& tally) {
  out +=
      "<h2>Latency in "
      "milliseconds</h2>\n<table><tr><th>step<th>count<th>p50<th>p90<th>p99<th>p99.9<th>max</tr>\n";
  for (size_t i = 0; i < kSteps; ++i) {
    const Histogram& latency = tally.latency(static_cast<Step>(i));
    if (latency.count() == 0) continue;
    out += fmt::format("<tr><td>{}<td>{}", name_of(static_cast<Step>(i)), latency.count());
    for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0})
      out += fmt::format("<td>{:.3f}", in_ms(latency.percentile(share)));
    out += "</tr>\n";
  }
  out += "</table>\n";
}

void add_refusal_table(std::string& out, const Tally& tally) {
  if (tally.refusals().empty()) return;
  out +=
      "<h2>Refusals and failures</h2>\n<table><tr><th>step<th>count<th>code<th "
      "class=\"text\">text</tr>\n";
  for (const auto& [refusal, count] : tally.refusals()) {
    out += fmt::format("<tr><td>{}<td>{}<td>{}<td class=\"text\">{}</tr>\n", name_of(refusal.step),
                       count, refusal.code == 0 ? "" : std::to_string(refusal.code),
                       escape_html(refusal.text));
  }
  out += "</table>\n";
}

}  // namespace

std::string html_report(const Run& run) {
  std::string out(kHead);
  out += fmt::format(
      "<h1>relais-load</h1>\n<p class=\"asked\">{}<br>{}, {:.2f} s, version {}</p>\n",
      escape_html(describe(run.plan)), iso8601(run.began), in_s(run.counted), run.version);
  if (!run.problem.empty())
    out += fmt::format("<p class=\"bad\">{}</p>\n", escape_html(run.problem));
  add_figures(out, run);
  if (run.tally.latency(Step::kMessage).count() > 0) {
    out += draw(throughput_plot(run)) + draw(latency_plot(run)) + draw(percentile_plot(run.tally));
  }
  add_latency_table(out, run.tally);
  add_refusal_table(out, run.tally);
  return out + "</body></html>\n";
}

}  // namespace relais::load
