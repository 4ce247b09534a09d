// `relais stats`: who uses which connector and range, from the file that a server keeps (or kept).
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "admin/json.h"
#include "admin/notices.h"
#include "admin/override_book.h"
#include "admin/pressure_file.h"
#include "admin/usage_file.h"
#include "admin/usage_report.h"
#include "admin/when.h"
#include "config/load.h"
#include "main/commands.h"
#include "policy/ascii.h"
#include "ring/linux_kernel.h"

namespace relais {
namespace {

using admin::UnusedRange;
using admin::UsageView;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// As the configuration or the counts spell it; empty: unknown, and that was said.
std::string find_connector(const std::string& name, const UsageView& view) {
  std::string known;
  for (const auto& connector : view.model.receive_connectors) {
    if (policy::equal_ignoring_case(connector.name, name)) return connector.name;
    known += (known.empty() ? "\"" : ", \"") + connector.name + '"';
  }
  for (const auto& [counted, figures] : view.totals.connectors) {
    if (!counted.empty() && policy::equal_ignoring_case(counted, name)) return counted;
  }
  admin::say("relais: no connector is called \"{}\"; there are {}\n", name, known);
  return {};
}

struct Source {
  std::string_view file;
  uint32_t line;
};
Source source_of(const config::Loaded& loaded, const UnusedRange& unused) {
  return {loaded.model.receive_connectors[unused.connector].source,
          loaded.lines[unused.connector].ranges[unused.range].line};
}

void print_unused_json(const config::Loaded& loaded, const UsageView& view, WallTime since,
                       const std::vector<UnusedRange>& unused) {
  admin::Json report{{"running", view.running},
                     {"counted_since", iso8601(view.totals.counted_since)},
                     {"since", iso8601(since)},
                     {"covered", view.totals.counted_since <= since},
                     {"unused", admin::Json::array()}};
  for (const UnusedRange& one : unused) {
    const auto& connector = loaded.model.receive_connectors[one.connector];
    const Source source = source_of(loaded, one);
    admin::Json entry{{"file", source.file},
                      {"line", source.line},
                      {"connector", connector.name},
                      {"enabled", connector.enabled},
                      {"range", connector.remote_ranges[one.range].to_string()},
                      {"last_seen", nullptr}};
    if (one.last_seen.ns != 0) entry["last_seen"] = iso8601(one.last_seen);
    report["unused"].push_back(std::move(entry));
  }
  print(admin::to_line(report) + '\n');
}

void print_unused(const config::Loaded& loaded, const UsageView& view, WallTime since,
                  const std::vector<UnusedRange>& unused) {
  size_t all = 0;
  for (const auto& connector : loaded.model.receive_connectors) {
    if (view.connector.empty() || view.connector == connector.name)
      all += connector.remote_ranges.size();
  }
  for (const UnusedRange& one : unused) {
    const auto& connector = loaded.model.receive_connectors[one.connector];
    const Source source = source_of(loaded, one);
    print(fmt::format(
        "{}:{}: {} of \"{}\"{}: {}\n", source.file, source.line,
        connector.remote_ranges[one.range].to_string(), connector.name,
        connector.enabled ? "" : " (disabled)",
        one.last_seen.ns == 0 ? "never used" : "last used " + admin::for_people(one.last_seen)));
  }
  print(fmt::format("{} of {} range{} not used since {}.\n", unused.size(), all,
                    all == 1 ? " was" : "s were", admin::for_people(since)));
  if (view.totals.counted_since > since) {
    print(fmt::format("Counting began {}, later than that: what was used before it is not known.\n",
                      admin::for_people(view.totals.counted_since)));
  }
  if (!view.running) print(admin::usage_age(view) + "\n");
}

}  // namespace

int stats(const StatsOptions& options) {
  const WallTime now = ring::LinuxKernel().wall_now();
  std::optional<WallTime> since;
  if (!options.since.empty()) {
    since = admin::parse_time_or_age(options.since, now);
    if (!since) {
      admin::say(
          "relais: --since {}: write a day or time (UTC) such as 2026-01-31 or "
          "2026-01-31T10:20, or an age such as 30d, 12h\n",
          options.since);
      return 2;
    }
  }
  const config::Loaded loaded = config::load(options.folder);
  if (!loaded.ok) {
    admin::say("relais: the configuration in {} is not valid: see relais check --config {}\n",
               options.folder, options.folder);
    return 1;
  }
  const std::string& data_dir = loaded.model.server.data_dir;
  const admin::UsageRead read = admin::read_usage_file(data_dir);
  if (read.problem == "damaged") {
    admin::say(
        "relais: {} is damaged; a running server sets it aside at its next start. Restart the "
        "server, or move the file away; counting begins anew\n",
        admin::usage_path(data_dir));
    return 1;
  }
  if (!read.there || !read.problem.empty()) {
    admin::say("relais: {}: {}\n", admin::usage_path(data_dir),
               read.there ? read.problem : "not there: no server has counted anything yet");
    return 1;
  }
  UsageView view{.totals = read.totals,
                 .model = loaded.model,
                 .now = now,
                 .running = admin::server_runs(read.totals),
                 .connector = {},
                 .pressure = nullptr,
                 .overrides = nullptr,
                 .top = options.top.value_or(options.json ? SIZE_MAX : 10)};
  const auto pressure = admin::read_pressure(data_dir);
  if (view.running && pressure && pressure->pid == read.totals.pid) view.pressure = &*pressure;
  const auto overrides = admin::read_overrides(data_dir);
  if (view.running && overrides && overrides->pid == read.totals.pid) view.overrides = &*overrides;
  if (!options.connector.empty()) {
    view.connector = find_connector(options.connector, view);
    if (view.connector.empty()) return 1;
  }
  if (!options.unused) {
    print(options.json ? admin::usage_json(view) : admin::usage_text(view));
    return 0;
  }
  const WallTime from = since.value_or(read.totals.counted_since);
  const auto unused = admin::unused_ranges(view, from);
  if (options.json)
    print_unused_json(loaded, view, from, unused);
  else
    print_unused(loaded, view, from, unused);
  return 0;
}

}  // namespace relais
