#include "admin/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "admin/json.h"
#include "admin/notices.h"
#include "admin/when.h"

namespace relais::admin {
namespace {

using Outcome = ReplayConnector::Outcome;

struct OutcomeRow {
  std::string_view key;
  std::string_view label;
  uint64_t Outcome::*figure;
};
constexpr OutcomeRow kOutcomeRows[] = {
    {"connections", "connections", &Outcome::connections},
    {"connections_refused", "  refused", &Outcome::connections_refused},
    {"messages", "messages", &Outcome::messages},
    {"accepted", "  accepted", &Outcome::accepted},
    {"deferred", "  deferred", &Outcome::deferred},
    {"closed", "  closed", &Outcome::closed},
    {"recipients_refused", "recipients refused", &Outcome::recipients_refused},
    {"delayed_sessions", "sessions delayed", &Outcome::delayed_sessions},
};

int64_t change(uint64_t was, uint64_t would) { return static_cast<int64_t>(would - was); }

double in_seconds(Duration time) { return static_cast<double>(time.ns) / 1e9; }

bool says_something(const ReplayLimit& limit) {
  const LoggedLimit& was = limit.was;
  return limit.would.any() ||
         was.delayed_sessions + was.shadowed_sessions + was.deferred + was.closed != 0;
}

class ReplayText {
 public:
  ReplayText(const Replay& replay, const ReplayReading& reading)
      : replay_(replay), reading_(reading) {}

  std::string print() {
    print_head();
    for (const ReplayConnector& connector : replay_.connectors) print(connector);
    line("\nWhat replay cannot know:\n");
    for (const std::string_view sentence : replay_limits()) line("- {}\n", sentence);
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  void print_head() {
    line("{} of {}, {} to {}, {}, against the limits of {}\n", plural(reading_.used, "line"),
         reading_.lines, for_people(replay_.from), for_people(replay_.until),
         plural(replay_.sessions, "session"), reading_.config);
    if (reading_.unreadable > 0) {
      line("{} could not be read; the first is {}\n", plural(reading_.unreadable, "line"),
           reading_.first_unreadable);
    }
    if (replay_.without_local > 0) {
      line(
          "{} without the local address (of an older version): their connector is the one of the "
          "same name\n",
          plural(replay_.without_local, "line"));
    }
    if (replay_.unserved > 0) {
      line("{} that no connector of the new configuration would serve: under (server) as refused\n",
           plural(replay_.unserved, "session"));
    }
  }

  void print(const ReplayConnector& connector) {
    const bool seen = std::ranges::any_of(kOutcomeRows, [&](const OutcomeRow& row) {
      return connector.was.*row.figure + connector.would.*row.figure != 0;
    });
    if (!seen && std::ranges::none_of(connector.limits, says_something)) return;
    line("\n{:<34} {:>10} {:>10} {:>11}\n",
         connector.name.empty() ? std::string("(server)") : connector.name, "was", "would be",
         "difference");
    for (const OutcomeRow& row : kOutcomeRows) {
      const uint64_t was = connector.was.*row.figure;
      const uint64_t would = connector.would.*row.figure;
      if (was + would != 0) print("  ", row.label, was, would);
    }
    if (connector.delayed > 0) {
      line("  {} would wait {:.1f} s in all, {:.3f} s at most\n",
           plural(connector.delayed, "message"), in_seconds(connector.delay),
           in_seconds(connector.longest));
    }
    for (const ReplayLimit& limit : connector.limits) {
      if (says_something(limit)) print(limit);
    }
    print_quiet(connector);
  }

  void print(std::string_view indent, std::string_view label, uint64_t was, uint64_t would) {
    const int64_t difference = change(was, would);
    line("{}{:<{}} {:>10} {:>10} {:>11}\n", indent, label, 34 - indent.size(), was, would,
         difference == 0 ? std::string("=") : fmt::format("{:+}", difference));
  }

  void print(const ReplayLimit& limit) {
    line("  {} ({})\n", limit.name, limit.terms.empty() ? "not in the new limits" : limit.terms);
    const auto row = [&](std::string_view label, uint64_t was, uint64_t would) {
      if (was + would != 0) print("    ", label, was, would);
    };
    row("deferred", limit.was.deferred, limit.would.deferred);
    row("closed", limit.was.closed, limit.would.closed);
    row("sessions delayed", limit.was.delayed_sessions, limit.delayed_sessions);
    row("sessions shadowed", limit.was.shadowed_sessions, limit.shadowed_sessions);
    if (!limit.would.any()) return;
    line(
        "    of {} asked: delayed {} ({:.1f} s, {:.3f} s at most), deferred {}, closed {}, "
        "shadowed {}\n",
        limit.asked, limit.would.delayed, in_seconds(limit.would.delay),
        in_seconds(limit.would.longest), limit.would.deferred, limit.would.closed,
        limit.would.shadowed);
    line("    first {}\n", for_people(limit.first));
    for (const ReplayLimit::Source& source : limit.sources) {
      line("    {:<32} deferred {}, closed {}, delayed {}, shadowed {}\n",
           source.address.to_string(), source.counts.deferred, source.counts.closed,
           source.counts.delayed, source.counts.shadowed);
    }
  }

  void print_quiet(const ReplayConnector& connector) {
    std::string quiet;
    std::string unreplayed;
    for (const ReplayLimit& limit : connector.limits) {
      if (says_something(limit) || limit.terms.empty()) continue;
      std::string& names = limit.replayed ? quiet : unreplayed;
      names += (names.empty() ? "" : ", ") + limit.name;
    }
    if (!quiet.empty()) line("  would do nothing: {}\n", quiet);
    if (!unreplayed.empty()) line("  not replayed: {}\n", unreplayed);
  }

  const Replay& replay_;
  const ReplayReading& reading_;
  std::string out_;
};

Json counts_json(const ReplayCounts& counts) {
  return {{"delayed", counts.delayed},
          {"delay_s", in_seconds(counts.delay)},
          {"longest_s", in_seconds(counts.longest)},
          {"deferred", counts.deferred},
          {"closed", counts.closed},
          {"shadowed", counts.shadowed}};
}

Json limit_json(const ReplayLimit& limit) {
  Json would = counts_json(limit.would);
  would["delayed_sessions"] = limit.delayed_sessions;
  would["shadowed_sessions"] = limit.shadowed_sessions;
  Json json{{"limit", limit.name},
            {"terms", limit.terms},
            {"in_new", !limit.terms.empty()},
            {"replayed", limit.replayed},
            {"asked", limit.asked},
            {"was",
             {{"delayed_sessions", limit.was.delayed_sessions},
              {"shadowed_sessions", limit.was.shadowed_sessions},
              {"deferred", limit.was.deferred},
              {"closed", limit.was.closed}}},
            {"would_be", std::move(would)},
            {"first", nullptr},
            {"top_sources", Json::array()}};
  if (limit.first.ns != 0) json["first"] = iso8601(limit.first);
  for (const ReplayLimit::Source& source : limit.sources) {
    Json entry{{"source", source.address.to_string()}};
    entry.update(counts_json(source.counts));
    json["top_sources"].push_back(std::move(entry));
  }
  return json;
}

Json connector_json(const ReplayConnector& connector) {
  Json was;
  Json would;
  Json difference;
  for (const OutcomeRow& row : kOutcomeRows) {
    was[std::string(row.key)] = connector.was.*row.figure;
    would[std::string(row.key)] = connector.would.*row.figure;
    difference[std::string(row.key)] =
        change(connector.was.*row.figure, connector.would.*row.figure);
  }
  would["delayed"] = connector.delayed;
  would["delay_s"] = in_seconds(connector.delay);
  would["longest_s"] = in_seconds(connector.longest);
  Json json{{"connector", connector.name},
            {"was", std::move(was)},
            {"would_be", std::move(would)},
            {"difference", std::move(difference)},
            {"limits", Json::array()}};
  for (const ReplayLimit& limit : connector.limits) json["limits"].push_back(limit_json(limit));
  return json;
}

}  // namespace

std::string replay_text(const Replay& replay, const ReplayReading& reading) {
  return ReplayText(replay, reading).print();
}

std::string replay_json(const Replay& replay, const ReplayReading& reading) {
  Json json{{"files", reading.files},
            {"config", reading.config},
            {"lines", reading.lines},
            {"used", reading.used},
            {"other", reading.other},
            {"unreadable", reading.unreadable},
            {"first_unreadable", nullptr},
            {"from", iso8601(replay.from)},
            {"until", iso8601(replay.until)},
            {"sessions", replay.sessions},
            {"without_local", replay.without_local},
            {"unserved_sessions", replay.unserved},
            {"unknown_sizes", replay.unknown_sizes},
            {"connectors", Json::array()},
            {"cannot_know", Json::array()}};
  if (reading.unreadable > 0) json["first_unreadable"] = reading.first_unreadable;
  for (const ReplayConnector& connector : replay.connectors)
    json["connectors"].push_back(connector_json(connector));
  for (const std::string_view sentence : replay_limits()) json["cannot_know"].push_back(sentence);
  return to_line(json) + '\n';
}

}  // namespace relais::admin
