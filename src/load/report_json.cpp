#include <nlohmann/json.hpp>

#include "load/report.h"

namespace relais::load {
namespace {

using Json = nlohmann::ordered_json;

double in_seconds(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

Json latency_json(const Histogram& latency) {
  return {{"count", latency.count()},
          {"mean", latency.mean() / 1e6},
          {"p50", in_ms(latency.percentile(0.5))},
          {"p90", in_ms(latency.percentile(0.9))},
          {"p99", in_ms(latency.percentile(0.99))},
          {"p99.9", in_ms(latency.percentile(0.999))},
          {"max", in_ms(latency.maximum())}};
}

Json targets_json(const Run& run) {
  Json targets = Json::array();
  for (size_t i = 0; i < run.plan.targets.size(); ++i) {
    const Tally::OfTarget& of = run.tally.by_target()[i];
    targets.push_back(
        {{"target", run.plan.targets[i].name}, {"accepted", of.accepted}, {"failed", of.failed}});
  }
  return targets;
}

Json refusals_json(const Tally& tally) {
  Json refusals = Json::array();
  for (const auto& [refusal, count] : tally.refusals()) {
    refusals.push_back({{"step", name_of(refusal.step)},
                        {"code", refusal.code},
                        {"text", refusal.text},
                        {"count", count}});
  }
  return refusals;
}

Json series_json(const Series& series) {
  Json rows = Json::array();
  const double interval = in_seconds(series.interval());
  for (size_t i = 0; i < series.rows().size(); ++i) {
    const Series::Row& row = series.rows()[i];
    rows.push_back({{"at", static_cast<double>(i) * interval},
                    {"accepted", row.accepted},
                    {"failed", row.failed},
                    {"p50", in_ms(row.latency.percentile(0.5))},
                    {"p99", in_ms(row.latency.percentile(0.99))},
                    {"max", in_ms(row.latency.maximum())}});
  }
  return {{"interval_s", interval}, {"rows", std::move(rows)}};
}

Json plan_json(const Plan& plan) {
  Json json = {{"loop", plan.rate ? "open" : "closed"},
               {"mode", name_of(plan.script.mode)},
               {"sessions", plan.sessions},
               {"recipients", plan.script.recipients.size()},
               {"messages_per_connection", plan.per_connection},
               {"tls", plan.tls == TlsUse::kNone       ? "none"
                       : plan.tls == TlsUse::kStartTls ? "starttls"
                                                       : "implicit"},
               {"warm_up_s", in_seconds(plan.warm_up)}};
  if (plan.rate) json["rate"] = {plan.rate->first(), plan.rate->last()};
  return json;
}

}  // namespace

std::string json_report(const Run& run) {
  const Tally& tally = run.tally;
  const uint64_t accepted = tally.messages(Fate::kAccepted);
  Json json = {
      {"version", run.version}, {"began", iso8601(run.began)}, {"asked", plan_json(run.plan)}};
  json["seconds"] = in_seconds(run.counted);
  json["messages"] = {{"accepted", accepted},
                      {"refused", tally.messages(Fate::kRefused)},
                      {"lost", tally.messages(Fate::kLost)},
                      {"not_begun", tally.messages(Fate::kNotBegun)},
                      {"partly_accepted", tally.partial()},
                      {"failed_in_warm_up", tally.early_failures()}};
  json["recipients_accepted"] = tally.recipients();
  json["octets_accepted"] = tally.octets();
  json["messages_per_second"] = per_second(run, accepted);
  json["octets_per_second"] = per_second(run, tally.octets());
  json["connections"] = tally.connections();
  json["targets"] = targets_json(run);
  json["own_cpu"] = {{"us_per_message", cpu_us_per_message(run)},
                     {"user_s", in_seconds(run.user_cpu)},
                     {"system_s", in_seconds(run.system_cpu)}};
  json["latency_ms"] = Json::object();
  for (size_t i = 0; i < kSteps; ++i) {
    const auto step = static_cast<Step>(i);
    if (tally.latency(step).count() > 0)
      json["latency_ms"][std::string(name_of(step))] = latency_json(tally.latency(step));
  }
  if (run.plan.rate) json["begun_late_ms"] = latency_json(tally.waits());
  json["refusals"] = refusals_json(tally);
  json["series"] = series_json(tally.series());
  json["problem"] = run.problem.empty() ? Json(nullptr) : Json(run.problem);
  json["interrupted"] = run.interrupted;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace relais::load
