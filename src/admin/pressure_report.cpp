#include "admin/pressure_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "admin/when.h"

namespace relais::admin {
namespace {

using policy::Pressure;
using policy::Resource;

constexpr int kVersion = 1;

Json record_of(const PressureReport::Entry& entry) {
  Json record{{"resource", name_of(entry.resource)},
              {"state", name_of(entry.pressure)},
              {"figure", nullptr},
              {"unit", entry.resource == Resource::kQueue ? "messages" : "percent"},
              {"since", iso8601(entry.since)},
              {"medium", entry.thresholds.medium},
              {"high", entry.thresholds.high},
              {"high_ends", entry.thresholds.high_ends},
              {"medium_ends", entry.thresholds.medium_ends}};
  if (entry.figure) record["figure"] = *entry.figure;
  return record;
}

template <class All>
auto by_name(const All& all, const std::string& name) {
  const auto found = std::ranges::find_if(all, [&](auto one) { return name_of(one) == name; });
  if (found == std::end(all)) throw std::runtime_error("no such name");
  return *found;
}

WallTime time_of(const Json& text) {
  const auto time = parse_time(text.get<std::string>());
  if (!time) throw std::runtime_error("no time");
  return *time;
}

PressureReport::Entry entry_of(const Json& record) {
  static constexpr Pressure kPressures[] = {Pressure::kNormal, Pressure::kMedium, Pressure::kHigh};
  PressureReport::Entry entry;
  entry.resource = by_name(policy::all_resources(), record.at("resource").get<std::string>());
  entry.pressure = by_name(kPressures, record.at("state").get<std::string>());
  if (!record.at("figure").is_null()) entry.figure = record["figure"].get<uint64_t>();
  entry.since = time_of(record.at("since"));
  entry.thresholds = {.medium = record.at("medium").get<uint64_t>(),
                      .high = record.at("high").get<uint64_t>(),
                      .high_ends = record.at("high_ends").get<uint64_t>(),
                      .medium_ends = record.at("medium_ends").get<uint64_t>()};
  return entry;
}

const char* word_for(bool refused, bool delayed) {
  if (refused) return "refused";
  return delayed ? "delayed" : "taken";
}

std::string from_until(const PressureReport::Entry& entry, Pressure pressure) {
  return fmt::format("{}, below {}",
                     threshold_text(entry.resource, entry.thresholds.begin_of(pressure)),
                     threshold_text(entry.resource, entry.thresholds.end_of(pressure)));
}

}  // namespace

PressureReport::Mail mail_of(const policy::BackPressure& answers) {
  const policy::Decision external = answers.mail(false);
  return {.external_refused = !external.allowed,
          .internal_refused = !answers.mail(true).allowed,
          .delay_s = static_cast<uint64_t>(answers.wait(false).seconds()),
          .reply = external.allowed ? "" : fmt::format("452 4.3.1 {}", external.text)};
}

Json record_of(const PressureReport& report) {
  Json record{{"updated", iso8601(report.updated)},
              {"enabled", report.enabled},
              {"mail",
               {{"external", word_for(report.mail.external_refused, report.mail.delay_s > 0)},
                {"internal", word_for(report.mail.internal_refused, false)},
                {"delay_s", report.mail.delay_s},
                {"reply", report.mail.reply}}},
              {"resources", Json::array()}};
  for (const auto& entry : report.resources) record["resources"].push_back(record_of(entry));
  return record;
}

std::string to_json(const PressureReport& report) {
  Json record{{"version", kVersion}, {"pid", report.pid}};
  record.update(record_of(report));
  return to_line(record) + '\n';
}

std::optional<PressureReport> pressure_report_from_json(std::string_view text) {
  try {
    const Json record = Json::parse(text);
    if (record.at("version") != kVersion) return std::nullopt;
    PressureReport report{.pid = record.at("pid").get<int64_t>(),
                          .updated = time_of(record.at("updated")),
                          .enabled = record.at("enabled").get<bool>(),
                          .mail = {},
                          .resources = {}};
    const Json& mail = record.at("mail");
    report.mail = {.external_refused = mail.at("external") == "refused",
                   .internal_refused = mail.at("internal") == "refused",
                   .delay_s = mail.at("delay_s").get<uint64_t>(),
                   .reply = mail.at("reply").get<std::string>()};
    for (const Json& entry : record.at("resources")) report.resources.push_back(entry_of(entry));
    return report;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::string pressure_text(const PressureReport& report, WallTime now) {
  if (!report.enabled) return "Back pressure is off ([back_pressure] enabled = false).\n";
  std::string out;
  const auto line = [&out](const auto&... cells) {
    fmt::format_to(std::back_inserter(out), "{:<14} {:>9}  {:<7} {:<14} {:<24} {}\n", cells...);
  };
  line("resource", "now", "state", "since", "Medium from, until", "High from, until");
  for (const auto& entry : report.resources) {
    line(name_of(entry.resource),
         entry.figure ? threshold_text(entry.resource, *entry.figure) : std::string("?"),
         name_of(entry.pressure), ago(entry.since, now), from_until(entry, Pressure::kMedium),
         from_until(entry, Pressure::kHigh));
  }
  if (report.mail.external_refused) {
    out += fmt::format(
        "MAIL is refused to {}: {}\n",
        report.mail.internal_refused ? "everybody" : "clients that are not externally secured",
        report.mail.reply);
  } else if (report.mail.delay_s > 0) {
    out += fmt::format("MAIL waits {} s for clients that are not externally secured\n",
                       report.mail.delay_s);
  }
  return out;
}

}  // namespace relais::admin
