#include "config/limit_override.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "config/checks.h"
#include "config/rate.h"
#include "config/readers.h"
#include "config/section.h"
#include "policy/ascii.h"
#include "policy/limits_of.h"

namespace relais::config {
namespace {

using policy::Limit;
using policy::LimitOrigin;
using policy::Measure;

constexpr std::string_view kLimitParameters[] = {
    "max_inbound_connection", "max_inbound_connection_per_source",
    "max_inbound_connection_percentage_per_source", "message_rate_limit"};

using ParameterRow = Parameter<ReceiveDraft>;

// nullptr: the name is none of a parameter.
const ParameterRow* parameter_called(std::string_view name) {
  for (const ParameterRow& row : receive_connector_parameters()) {
    if (std::ranges::find(kLimitParameters, row.key) == std::end(kLimitParameters)) continue;
    if (policy::equal_ignoring_case(name, row.key) ||
        policy::equal_ignoring_case(name, row.exchange)) {
      return &row;
    }
  }
  return nullptr;
}

// What the file would hold.
Value value_of(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  if (code == std::errc() && stop == end) return {.line = 0, .data = number};
  return {.line = 0, .data = std::string(text)};
}

void put_entry(Table& table, std::string_view key, Value value) {
  table.push_back({std::string(key), 0, std::move(value)});
}

// The errors as sentences; empty: none.
std::string errors_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    if (finding.severity != Finding::Severity::kError) continue;
    if (!text.empty()) text += ' ';
    text += sentence(finding);
  }
  return text;
}

std::string_view measure_part(std::string_view name) { return name.substr(0, name.find('/')); }
std::string_view key_part(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? "connector" : name.substr(slash + 1);
}

// Burst to rate as before, so that as much may come at once as in the same time.
int64_t scaled_burst(const Limit& base, const policy::Rate& rate) {
  const long double now =
      static_cast<long double>(rate.count) / static_cast<long double>(rate.period.ns);
  const long double before =
      static_cast<long double>(base.rate.count) / static_cast<long double>(base.rate.period.ns);
  const long double burst = std::round(static_cast<long double>(base.burst) * (now / before));
  const int shift = base.measure == Measure::kBytes ? 40 : 31;
  return static_cast<int64_t>(
      std::clamp(burst, 1.0L, static_cast<long double>(int64_t{1} << shift)));
}

void put_actions(Table& table, const Limit& base) {
  bool delays = false;
  Array actions;
  Array thresholds;
  for (const policy::LimitStep& step : base.steps) {
    delays |= step.action == policy::LimitAction::kDelay;
    actions.push_back({.line = 0, .data = std::string(name_of(step.action))});
    thresholds.push_back({.line = 0, .data = int64_t{step.percent}});
  }
  if (actions.size() == 1) {
    put_entry(table, "action", actions.front());
  } else {
    put_entry(table, "action", {.line = 0, .data = std::move(actions)});
    put_entry(table, "thresholds", {.line = 0, .data = std::move(thresholds)});
  }
  if (delays) put_entry(table, "max_delay", {.line = 0, .data = print_duration(base.max_delay)});
}

// The [[limit]] that the file would have to hold. `base`: the limit that it changes; null: none.
Table table_of(const LimitOverride& wanted, const Limit* base) {
  Table table;
  const std::string_view measure = measure_part(wanted.limit);
  const bool is_count = policy::equal_ignoring_case(measure, name_of(Measure::kConcurrent));
  put_entry(table, "measure", {.line = 0, .data = std::string(measure)});
  put_entry(table, "per", {.line = 0, .data = std::string(key_part(wanted.limit))});
  if (is_count) {
    put_entry(table, "max", value_of(wanted.value));
  } else {
    put_entry(table, "rate", {.line = 0, .data = wanted.value});
  }
  if (!wanted.burst.empty()) {
    put_entry(table, "burst", value_of(wanted.burst));
  } else if (base != nullptr && !is_count) {
    const auto rate = parse_rate(wanted.value, base->measure == Measure::kBytes);
    if (rate) put_entry(table, "burst", {.line = 0, .data = scaled_burst(*base, *rate)});
  }
  if (base != nullptr) put_actions(table, *base);
  return table;
}

// What limits and their checks look at; ranges may be a million.
ReceiveDraft limited_part(const policy::ReceiveConnector& connector) {
  ReceiveDraft draft;
  draft.name = connector.name;
  draft.enabled = connector.enabled;
  draft.auth_mechanism = connector.auth_mechanism;
  draft.permission_groups = connector.permission_groups;
  draft.max_message_size = connector.max_message_size;
  draft.connection_inactivity_timeout = connector.connection_inactivity_timeout;
  draft.max_inbound_connection = connector.max_inbound_connection;
  draft.max_inbound_connection_per_source = connector.max_inbound_connection_per_source;
  draft.max_inbound_connection_percentage_per_source =
      connector.max_inbound_connection_percentage_per_source;
  draft.message_rate_limit = connector.message_rate_limit;
  draft.message_rate_source = connector.message_rate_source;
  draft.limits = connector.limits;
  return draft;
}

// One connector with one override after the other put on top.
class Overriding {
 public:
  using Effect = std::expected<OverrideEffect, std::string>;

  explicit Overriding(const policy::ReceiveConnector& connector)
      : draft_(limited_part(connector)) {}

  Effect take_parameter(const ParameterRow& row, const LimitOverride& wanted) {
    if (!wanted.burst.empty()) {
      return std::unexpected(
          fmt::format("{} has no burst of its own. Write a limit by its measure and key, such as "
                      "messages/source=1200/min burst=100",
                      row.key));
    }
    const auto member = std::get<uint32_t ReceiveDraft::*>(row.target);
    const uint32_t before = draft_.*member;
    std::vector<Finding> findings;
    read_value(row, value_of(wanted.value),
               Place(findings, {}, {}).key(row.key, 0, allowed_text(row)), draft_);
    if (!findings.empty()) return std::unexpected(errors_of(findings));
    OverrideEffect effect{print_number(row, before), print_number(row, draft_.*member), {}};
    if (member == &ReceiveDraft::message_rate_limit &&
        draft_.message_rate_source == policy::MessageRateSource::kNone) {
      effect.warnings.emplace_back(
          "message_rate_source is \"None\", so nothing is counted by message_rate_limit");
    }
    return effect;
  }

  Effect take_limit(const LimitOverride& wanted) {
    const auto own = std::ranges::find(draft_.limits, wanted.limit, &Limit::name);
    if (own != draft_.limits.end()) {
      return take_own(wanted, static_cast<size_t>(own - draft_.limits.begin()));
    }
    for (const Limit& limit : policy::limits_of(draft_)) {
      // A share of what is left is no number that could be replaced by another one.
      if (limit.origin == LimitOrigin::kPercentPerSource || limit.name() != wanted.limit) continue;
      auto changed = read(wanted, &limit);
      if (!changed) return std::unexpected(changed.error());
      changed->origin = limit.origin;
      OverrideEffect effect{amount_text(limit), amount_text(*changed), {}};
      of_parameters_.push_back(std::move(*changed));
      return effect;
    }
    if (draft_.limits.size() >= kLimitsMax) {
      return std::unexpected(fmt::format("a connector has at most {} limits", kLimitsMax));
    }
    return take_own(wanted, draft_.limits.size());
  }

  [[nodiscard]] std::vector<Limit> result() const {
    std::vector<Limit> limits = policy::limits_of(draft_);
    for (Limit& limit : limits) {
      const auto changed = std::ranges::find_if(of_parameters_, [&](const Limit& other) {
        return other.origin == limit.origin && other.name() == limit.name();
      });
      if (changed != of_parameters_.end()) limit = *changed;
    }
    return limits;
  }

 private:
  static std::expected<Limit, std::string> read(const LimitOverride& wanted, const Limit* base) {
    std::vector<Finding> findings;
    const auto limit = read_limit(table_of(wanted, base), Place(findings, {}, {}));
    if (!limit) return std::unexpected(errors_of(findings));
    return static_cast<const Limit&>(*limit);
  }

  // `at`: the one that it changes, or behind all of them.
  Effect take_own(const LimitOverride& wanted, size_t at) {
    const bool is_new = at == draft_.limits.size();
    auto changed = read(wanted, is_new ? nullptr : &draft_.limits[at]);
    if (!changed) return std::unexpected(changed.error());
    OverrideEffect effect{
        is_new ? "none" : amount_text(draft_.limits[at]), amount_text(*changed), {}};
    const std::vector<Limit> before = draft_.limits;
    if (is_new) {
      draft_.limits.push_back(std::move(*changed));
    } else {
      draft_.limits[at] = std::move(*changed);
    }
    const std::string errors = check(at, effect.warnings);
    if (errors.empty()) return effect;
    draft_.limits = before;
    return std::unexpected(errors);
  }

  // Of the limits in the place `at` alone: what is wrong with the others stands in the file.
  std::string check(size_t at, std::vector<std::string>& warnings) {
    draft_.limit_places.clear();
    for (size_t i = 0; i < draft_.limits.size(); ++i) draft_.limit_places.push_back({i, {}});
    std::vector<Finding> findings;
    check_limit_tables(draft_, Place(findings, {}, {}));
    const std::string prefix = fmt::format("limit[{}]", at);
    std::vector<Finding> errors;
    for (Finding& finding : findings) {
      if (!finding.key.starts_with(prefix)) continue;
      finding.key.erase(0, prefix.size() + (finding.key.size() > prefix.size() ? 1 : 0));
      if (finding.severity == Finding::Severity::kError) {
        errors.push_back(std::move(finding));
      } else {
        warnings.push_back(sentence(finding));
      }
    }
    return errors_of(errors);
  }

  ReceiveDraft draft_;
  std::vector<Limit> of_parameters_;  // changed, by origin and name
};

}  // namespace

std::expected<std::string, std::string> limit_name(std::string_view text) {
  if (const ParameterRow* row = parameter_called(text)) return std::string(row->key);
  const std::vector<std::string_view> parameters(std::begin(kLimitParameters),
                                                 std::end(kLimitParameters));
  if (text.find('_') != std::string_view::npos && text.find('/') == std::string_view::npos) {
    const std::string_view near = nearest(text, parameters);
    if (!near.empty()) {
      return std::unexpected(fmt::format("there is no limit '{}'. Did you mean '{}'?", text, near));
    }
  }
  std::vector<Finding> findings;
  LimitDraft limit;
  Table table;
  put_entry(table, "measure", {.line = 0, .data = std::string(measure_part(text))});
  put_entry(table, "per", {.line = 0, .data = std::string(key_part(text))});
  (void)read_section(limit_parameters(), table, Place(findings, {}, {}), limit);
  if (!findings.empty()) return std::unexpected(errors_of(findings));
  return limit.name();
}

std::expected<Duration, std::string> override_time(const std::string& text) {
  struct Wanted {
    Duration time;
  };
  static constexpr Parameter<Wanted> kTime{.key = "--for",
                                           .target = &Wanted::time,
                                           .min = static_cast<uint64_t>(seconds(1).ns),
                                           .max = static_cast<uint64_t>(kOverrideTimeMax.ns),
                                           .doc = {}};
  std::vector<Finding> findings;
  const Place place = Place(findings, {}, {}).key(kTime.key, 0, allowed_text(kTime));
  const auto time = read_number(kTime, {.line = 0, .data = text}, place);
  if (time) return Duration{static_cast<int64_t>(*time)};
  return std::unexpected(errors_of(findings));
}

OverriddenLimits override_limits(const policy::ReceiveConnector& connector,
                                 std::span<const LimitOverride> overrides) {
  Overriding overriding(connector);
  OverriddenLimits result;
  result.effects.resize(overrides.size());
  for (size_t i = 0; i < overrides.size(); ++i) {
    const ParameterRow* row = parameter_called(overrides[i].limit);
    if (row != nullptr) result.effects[i] = overriding.take_parameter(*row, overrides[i]);
  }
  for (size_t i = 0; i < overrides.size(); ++i) {
    if (parameter_called(overrides[i].limit) == nullptr)
      result.effects[i] = overriding.take_limit(overrides[i]);
  }
  result.limits = overriding.result();
  return result;
}

}  // namespace relais::config
