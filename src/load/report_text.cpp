#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "load/report.h"

namespace relais::load {
namespace {

constexpr size_t kRefusalsShown = 20;

// "0.034", "12.5", "1,234": three digits that mean something.
std::string ms_text(uint64_t nanoseconds) {
  const double ms = in_ms(nanoseconds);
  if (ms < 10) return fmt::format("{:.3f}", ms);
  return ms < 1000 ? fmt::format("{:.1f}", ms) : fmt::format("{:.0f}", ms);
}

void add_latencies(std::string& out, const Tally& tally) {
  constexpr std::string_view kRow = "{:<10}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}\n";
  out += '\n';
  fmt::format_to(std::back_inserter(out), fmt::runtime(kRow), "ms", "count", "p50", "p90", "p99",
                 "p99.9", "max");
  for (size_t i = 0; i < kSteps; ++i) {
    const auto step = static_cast<Step>(i);
    const Histogram& latency = tally.latency(step);
    if (latency.count() == 0) continue;
    fmt::format_to(std::back_inserter(out), fmt::runtime(kRow), name_of(step), latency.count(),
                   ms_text(latency.percentile(0.5)), ms_text(latency.percentile(0.9)),
                   ms_text(latency.percentile(0.99)), ms_text(latency.percentile(0.999)),
                   ms_text(latency.maximum()));
  }
}

void add_refusals(std::string& out, const Tally& tally) {
  std::vector<std::pair<uint64_t, const Refusal*>> rows;
  for (const auto& [refusal, count] : tally.refusals()) rows.emplace_back(count, &refusal);
  if (rows.empty()) return;
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) { return a.first > b.first; });
  out += "\nrefusals and failures\n";
  for (size_t i = 0; i < std::min(rows.size(), kRefusalsShown); ++i) {
    const Refusal& refusal = *rows[i].second;
    const std::string code = refusal.code == 0 ? "" : fmt::format("{} ", refusal.code);
    fmt::format_to(std::back_inserter(out), "{:>10}  {}: {}{}\n", rows[i].first,
                   name_of(refusal.step), code, refusal.text);
  }
  if (rows.size() > kRefusalsShown)
    fmt::format_to(std::back_inserter(out), "            and {} more (--json names them)\n",
                   rows.size() - kRefusalsShown);
}

void add_open_loop(std::string& out, const Run& run) {
  if (!run.plan.rate) return;
  const Histogram& waits = run.tally.waits();
  fmt::format_to(std::back_inserter(out),
                 "begun late  {} ms p50, {} ms p99, {} ms max (part of the latency of a message)\n",
                 ms_text(waits.percentile(0.5)), ms_text(waits.percentile(0.99)),
                 ms_text(waits.maximum()));
}

std::string schedule_text(const RateSchedule& rate) {
  if (!rate.ramps()) return fmt::format("{:g} a second", rate.first());
  return fmt::format("{:g} to {:g} a second", rate.first(), rate.last());
}

}  // namespace

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::kLockStep:
      return "lock-step";
    case Mode::kPipelining:
      return "pipelining";
    case Mode::kBdat:
      return "bdat";
  }
  return {};
}

std::string describe(const Plan& plan) {
  std::string text =
      plan.rate ? "open loop, " + schedule_text(*plan.rate) + ", at most " : "closed loop, ";
  text += fmt::format("{} session{}, {}", plan.sessions, plan.sessions == 1 ? "" : "s",
                      name_of(plan.script.mode));
  if (plan.tls != TlsUse::kNone) text += ", TLS";
  if (plan.per_connection == 1)
    text += ", a connection for each message";
  else if (plan.per_connection > 1)
    text += fmt::format(", {} messages a connection", plan.per_connection);
  if (const size_t n = plan.script.recipients.size(); n > 1)
    text += fmt::format(", {} recipients", n);
  text += ", to ";
  for (const Target& target : plan.targets) {
    if (&target != &plan.targets.front()) text += ", ";
    text += target.name;
  }
  return text;
}

std::string rate_text(double rate) {
  return rate < 10 ? fmt::format("{:.3g}", rate) : fmt::format("{:.0f}", rate);
}

double per_second(const Run& run, uint64_t count) {
  return run.counted.ns <= 0
             ? 0
             : static_cast<double>(count) * 1e9 / static_cast<double>(run.counted.ns);
}

double cpu_us_per_message(const Run& run) {
  const Tally& tally = run.tally;
  const uint64_t decided = tally.messages(Fate::kAccepted) + tally.messages(Fate::kRefused) +
                           tally.messages(Fate::kLost);
  const auto cpu = static_cast<double>((run.user_cpu + run.system_cpu).ns) / 1000;
  return decided == 0 ? 0 : cpu / static_cast<double>(decided);
}

std::string text_report(const Run& run) {
  const Tally& tally = run.tally;
  std::string out = describe(run.plan) + "\n";
  const auto add = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  };
  const uint64_t accepted = tally.messages(Fate::kAccepted);
  add("accepted    {} message{} in {:.2f} s: {} a second, {:.1f} MB/s", accepted,
      accepted == 1 ? "" : "s", static_cast<double>(run.counted.ns) / 1e9,
      rate_text(per_second(run, accepted)), per_second(run, tally.octets()) / 1e6);
  if (const uint64_t n = tally.recipients(); n != accepted)
    add(", for {} recipient{}", n, n == 1 ? "" : "s");
  add("\nfailed      {} refused, {} lost", tally.messages(Fate::kRefused),
      tally.messages(Fate::kLost));
  if (run.plan.rate) add(", {} due and not begun", tally.messages(Fate::kNotBegun));
  if (tally.partial() > 0) add("; {} not for all recipients", tally.partial());
  if (tally.early_failures() > 0) add("; {} in the warm-up", tally.early_failures());
  add("\nconnections {}\n", tally.connections());
  add_open_loop(out, run);
  add("own CPU     {:.1f} us a message ({:.2f} s user, {:.2f} s system)\n", cpu_us_per_message(run),
      static_cast<double>(run.user_cpu.ns) / 1e9, static_cast<double>(run.system_cpu.ns) / 1e9);
  add_latencies(out, tally);
  add_refusals(out, tally);
  if (run.interrupted) out += "\nended by a signal\n";
  return out;
}

}  // namespace relais::load
