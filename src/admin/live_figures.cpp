#include "admin/live_figures.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "admin/when.h"

namespace relais::admin {
namespace {

constexpr int kLiveVersion = 1;

uint64_t events_of(const LimitMetrics& limit) {
  return std::accumulate(limit.events.begin(), limit.events.end(), uint64_t{0});
}

uint64_t& counter_of(LiveFigures::Connector& connector, policy::LimitAction action) {
  switch (action) {
    case policy::LimitAction::kDelay:
      return connector.delayed;
    case policy::LimitAction::kDefer:
      return connector.deferred;
    case policy::LimitAction::kClose:
      return connector.closed;
    case policy::LimitAction::kShadow:
      break;
  }
  return connector.shadowed;
}

std::vector<LimitedConnector> watched_sources(const LiveInput& input) {
  std::vector<LimitedConnector> all;
  for (const std::string& name : input.names) {
    LimitedConnector& one = all.emplace_back(LimitedConnector{name, {}});
    const auto found = input.usage.connectors.find(name);
    if (found == input.usage.connectors.end()) continue;
    for (const TopClients::Place& client : found->second.clients.places())
      one.sources.push_back(client.address);
  }
  return all;
}

void add_limit(LiveFigures& figures, const LimitMetrics& metrics, const LimitTimes& times,
               const std::map<std::string, WallTime>& seen) {
  LiveFigures::Limit limit{.connector = metrics.connector,
                           .name = metrics.limit,
                           .terms = metrics.terms,
                           .events = metrics.events,
                           .delayed_seconds = metrics.delayed_seconds,
                           .last_event = times.last(metrics.connector, metrics.limit),
                           .level = {},
                           .sources = {}};
  for (const LimitMetrics::Level& level : metrics.levels) {
    if (level.source.empty()) limit.level = level.level;
    if (level.source.empty() || level.level <= 0) continue;
    const auto found = seen.find(level.source);
    limit.sources.push_back(
        {level.source, level.level, found == seen.end() ? WallTime{} : found->second});
  }
  std::ranges::stable_sort(limit.sources, std::greater{}, &LiveFigures::Source::level);
  figures.limits.push_back(std::move(limit));
}

WallTime live_time(const Json& json) {
  if (json.is_null()) return {};
  const auto time = parse_time(json.get<std::string>());
  if (!time) throw std::runtime_error("no time");
  return *time;
}

Json record_of(const LiveFigures::Connector& one) {
  return {{"connector", one.name},          {"sessions", one.sessions},
          {"connections", one.connections}, {"messages", one.messages},
          {"recipients", one.recipients},   {"refused", one.refused},
          {"delayed", one.delayed},         {"deferred", one.deferred},
          {"closed", one.closed},           {"shadowed", one.shadowed}};
}

LiveFigures::Connector live_connector(const Json& json) {
  const auto number = [&](const char* key) { return json.at(key).get<uint64_t>(); };
  return {.name = json.at("connector").get<std::string>(),
          .sessions = number("sessions"),
          .connections = number("connections"),
          .messages = number("messages"),
          .recipients = number("recipients"),
          .refused = number("refused"),
          .delayed = number("delayed"),
          .deferred = number("deferred"),
          .closed = number("closed"),
          .shadowed = number("shadowed")};
}

constexpr std::array<const char*, LimitMetrics::kActions> kActionKeys = {"delayed", "deferred",
                                                                         "closed", "shadowed"};

Json record_of(const LiveFigures::Limit& limit) {
  Json json{{"connector", limit.connector}, {"limit", limit.name}, {"terms", limit.terms}};
  for (size_t i = 0; i < kActionKeys.size(); ++i) json[kActionKeys[i]] = limit.events[i];
  json["delayed_s"] = limit.delayed_seconds;
  json["last_event"] = time_json(limit.last_event);
  json["level"] = limit.level ? Json(*limit.level) : Json(nullptr);
  json["sources"] = Json::array();
  for (const LiveFigures::Source& source : limit.sources) {
    json["sources"].push_back({{"source", source.address},
                               {"level", source.level},
                               {"last_seen", time_json(source.last_seen)}});
  }
  return json;
}

LiveFigures::Limit live_limit(const Json& json) {
  LiveFigures::Limit limit;
  limit.connector = json.at("connector").get<std::string>();
  limit.name = json.at("limit").get<std::string>();
  limit.terms = json.at("terms").get<std::string>();
  for (size_t i = 0; i < kActionKeys.size(); ++i)
    limit.events[i] = json.at(kActionKeys[i]).get<uint64_t>();
  limit.delayed_seconds = json.at("delayed_s").get<double>();
  limit.last_event = live_time(json.at("last_event"));
  if (!json.at("level").is_null()) limit.level = json.at("level").get<double>();
  for (const Json& source : json.at("sources")) {
    limit.sources.push_back({source.at("source").get<std::string>(),
                             source.at("level").get<double>(), live_time(source.at("last_seen"))});
  }
  return limit;
}

}  // namespace

const LiveFigures::Connector* LiveFigures::find(std::string_view name) const {
  const auto found = std::ranges::find(connectors, name, &Connector::name);
  return found != connectors.end() ? &*found : nullptr;
}

const LiveFigures::Limit* LiveFigures::find_limit(std::string_view connector,
                                                  std::string_view name) const {
  const auto found = std::ranges::find_if(limits, [&](const Limit& limit) {
    return limit.connector == connector && limit.name == name;
  });
  return found != limits.end() ? &*found : nullptr;
}

// One that is new has done nothing yet, as far as anybody saw.
void LimitTimes::look(const std::vector<LimitMetrics>& limits, WallTime now) {
  for (const LimitMetrics& limit : limits) {
    Seen& seen = seen_[{limit.connector, limit.limit}];
    const uint64_t events = events_of(limit);
    if (events != seen.events) seen.last = now;
    seen.events = events;
  }
}

WallTime LimitTimes::last(const std::string& connector, const std::string& limit) const {
  const auto found = seen_.find({connector, limit});
  return found != seen_.end() ? found->second.last : WallTime{};
}

void gather(LiveFigures& figures, const LiveInput& input, const LimitTimes& times) {
  std::map<std::string, WallTime> seen;
  for (const std::string& name : input.names) {
    LiveFigures::Connector& one = figures.connectors.emplace_back();
    one.name = name;
    const auto found = input.usage.connectors.find(name);
    if (found == input.usage.connectors.end()) continue;
    const UsageFigures& sum = found->second.sum;
    one.sessions = sum.sessions();
    one.connections = sum.connections;
    one.messages = sum.messages;
    one.recipients = sum.recipients;
    one.refused = sum.refused();
    for (const TopClients::Place& client : found->second.clients.places()) {
      WallTime& last = seen[client.address.to_string()];
      last = std::max(last, client.last_seen);
    }
  }
  if (const auto nobody = input.usage.connectors.find(""); nobody != input.usage.connectors.end())
    figures.unserved = nobody->second.sum.refused();
  for (const LimitMetrics& limit : limit_metrics(input.limits, watched_sources(input), input.now)) {
    add_limit(figures, limit, times, seen);
    const auto of =
        std::ranges::find(figures.connectors, limit.connector, &LiveFigures::Connector::name);
    if (of == figures.connectors.end()) continue;
    for (size_t i = 0; i < LimitMetrics::kActions; ++i)
      counter_of(*of, static_cast<policy::LimitAction>(i)) += limit.events[i];
  }
  if (input.pressure.enabled) {
    for (const PressureReport::Entry& entry : input.pressure.resources) {
      figures.resources.push_back(
          {std::string(name_of(entry.resource)), std::string(name_of(entry.pressure)),
           entry.figure ? figure_text(entry.resource, *entry.figure) : std::string()});
    }
  }
  figures.queued = input.cores.waiting + input.cores.in_work;
  figures.delivered = input.cores.delivered;
}

Json to_record(const LiveFigures& figures) {
  Json json{{"version", kLiveVersion},
            {"pid", figures.pid},
            {"server", figures.server},
            {"relais", figures.version},
            {"started", time_json(figures.started)},
            {"gathered", time_json(figures.gathered)},
            {"queued", figures.queued},
            {"delivered", figures.delivered},
            {"unserved", figures.unserved},
            {"connectors", Json::array()},
            {"limits", Json::array()},
            {"resources", Json::array()}};
  for (const auto& one : figures.connectors) json["connectors"].push_back(record_of(one));
  for (const auto& limit : figures.limits) json["limits"].push_back(record_of(limit));
  for (const auto& one : figures.resources) {
    json["resources"].push_back(
        {{"resource", one.name}, {"state", one.state}, {"figure", one.figure}});
  }
  return json;
}

std::optional<LiveFigures> live_figures_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version") != kLiveVersion) return std::nullopt;
    LiveFigures figures;
    figures.pid = json.at("pid").get<int64_t>();
    figures.server = json.at("server").get<std::string>();
    figures.version = json.at("relais").get<std::string>();
    figures.started = live_time(json.at("started"));
    figures.gathered = live_time(json.at("gathered"));
    figures.queued = json.at("queued").get<uint64_t>();
    figures.delivered = json.at("delivered").get<uint64_t>();
    figures.unserved = json.at("unserved").get<uint64_t>();
    for (const Json& one : json.at("connectors")) figures.connectors.push_back(live_connector(one));
    for (const Json& limit : json.at("limits")) figures.limits.push_back(live_limit(limit));
    for (const Json& one : json.at("resources")) {
      figures.resources.push_back({one.at("resource").get<std::string>(),
                                   one.at("state").get<std::string>(),
                                   one.at("figure").get<std::string>()});
    }
    return figures;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace relais::admin
