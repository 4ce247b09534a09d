#include "admin/limit_metrics.h"

#include <algorithm>

#include "config/settings.h"

namespace relais::admin {
namespace {

using policy::LimitAction;
using policy::LimitKey;
using policy::LiveLimit;

size_t index_of(LimitAction action) { return static_cast<size_t>(action); }

double level_of(const policy::LimitSet& set, const LiveLimit& live,
                const policy::LimitSubject& subject, Instant now) {
  const policy::LimitLevel level = set.level(live, subject, now);
  if (level.of == 0) return level.used == 0 ? 0 : 1;
  return static_cast<double>(level.used) / static_cast<double>(level.of);
}

void add_levels(LimitMetrics& metrics, const policy::LimitSet& set, const LiveLimit& live,
                const std::vector<IpAddress>& sources, Instant now) {
  policy::LimitSubject subject;
  if (live.limit->key == LimitKey::kConnector)
    return metrics.levels.push_back({{}, level_of(set, live, subject, now)});
  if (live.limit->key != LimitKey::kSource && live.limit->key != LimitKey::kSourcePrefix) return;
  for (const IpAddress& source : sources) {
    subject.client = source;
    metrics.levels.push_back({source.to_string(), level_of(set, live, subject, now)});
  }
}

// A step of a limit; the first one tells the level.
void add_step(LimitMetrics& metrics, const LiveLimit& live) {
  const auto count = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  metrics.own[index_of(live.action())] = true;
  metrics.events[index_of(LimitAction::kDelay)] += count(live.state->delayed);
  metrics.events[index_of(LimitAction::kDefer)] += count(live.state->deferred);
  metrics.events[index_of(LimitAction::kClose)] += count(live.state->closed);
  metrics.events[index_of(LimitAction::kShadow)] += count(live.state->shadowed);
  metrics.delayed_seconds += static_cast<double>(count(live.state->delayed_ns)) / 1e9;
}

void add_slot(std::vector<LimitMetrics>& all, const policy::LimitSet& set, uint32_t slot,
              const LimitedConnector& connector, Instant now) {
  const size_t begin = all.size();
  for (size_t measure = 0; measure < policy::kMeasures; ++measure) {
    for (const LiveLimit& live : set.limits(slot, static_cast<policy::Measure>(measure))) {
      std::string label = live.limit->shown_name();
      auto known = std::find_if(all.begin() + static_cast<ptrdiff_t>(begin), all.end(),
                                [&](const LimitMetrics& other) { return other.limit == label; });
      if (known == all.end()) {
        all.push_back({.connector = connector.name, .limit = std::move(label), .levels = {}});
        known = all.end() - 1;
        known->terms = config::allowance_text(*live.limit);
      }
      add_step(*known, live);
      if (live.step == 0) add_levels(*known, set, live, connector.sources, now);
    }
  }
}

}  // namespace

std::vector<LimitMetrics> limit_metrics(const policy::LimitSet& set,
                                        const std::vector<LimitedConnector>& connectors,
                                        Instant now) {
  std::vector<LimitMetrics> all;
  add_slot(all, set, policy::LimitSet::server_slot(), {}, now);
  for (size_t i = 0; i < connectors.size() && i < set.slots().size(); ++i)
    add_slot(all, set, set.slots()[i], connectors[i], now);
  return all;
}

}  // namespace relais::admin
