// Reads [[limit]]: each key alone, then the keys of a table together, because what most of them may
// be depends on the measure.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "config/choose.h"
#include "config/rate.h"
#include "config/readers.h"
#include "config/section.h"

namespace relais::config {
namespace {

using policy::LimitAction;
using policy::LimitKey;
using policy::Measure;

constexpr uint64_t kBurstMax = 1ULL << 31;
constexpr uint64_t kOctetsMax = 1ULL << 40;
// Buckets count time in 54 bits and must never be in debt for longer (policy/bucket.h).
constexpr Duration kReturnMax = hours(24 * 30);
constexpr int64_t kPercentMax = 10'000;

constexpr Measure kAllMeasures[] = {
    Measure::kConnections, Measure::kConcurrent,   Measure::kMessages,
    Measure::kRecipients,  Measure::kBytes,        Measure::kCommands,
    Measure::kErrors,      Measure::kAuthFailures, Measure::kTlsHandshakes};
constexpr LimitKey kKeys[] = {LimitKey::kConnector, LimitKey::kSource,
                              LimitKey::kSender,    LimitKey::kSenderDomain,
                              LimitKey::kUser,      LimitKey::kRecipientDomain};
constexpr LimitAction kActions[] = {LimitAction::kDelay, LimitAction::kDefer, LimitAction::kClose,
                                    LimitAction::kShadow};

// ---- keys alone

// One or two lengths of prefixes behind "source/". Unexpected: what is wrong with them.
std::expected<void, std::string_view> read_prefixes(std::string_view text, LimitDraft& limit) {
  const auto take = [&]() -> std::optional<unsigned> {
    unsigned number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return number;
  };
  const auto first = take();
  const bool both = first && text.starts_with(',');
  if (both) text.remove_prefix(1);
  const auto second = both ? take() : std::nullopt;
  if (!first || (both && !second) || !text.empty()) {
    return std::unexpected("the length of the prefix is no whole number");
  }
  if (*first == 0 || (second && *second == 0)) {
    return std::unexpected("a network of every address is the connector itself");
  }
  if (both ? *first > 32 : *first > 128) {
    return std::unexpected(both ? "a prefix of IPv4 has at most 32 bits"
                                : "a prefix has at most 32 bits of IPv4 or 128 of IPv6");
  }
  if (second && *second > 128) return std::unexpected("a prefix of IPv6 has at most 128 bits");
  const bool is_v4 = both || *first <= 32;
  limit.prefix_v4 = static_cast<uint8_t>(is_v4 ? *first : 32);
  limit.prefix_v6 = static_cast<uint8_t>(second  ? *second
                                         : is_v4 ? policy::kUsualPrefixV6
                                                 : *first);
  const bool whole = limit.prefix_v4 == 32 && limit.prefix_v6 == 128;
  limit.key = whole ? LimitKey::kSource : LimitKey::kSourcePrefix;
  return {};
}

// ---- keys together

const Parameter<LimitDraft>& row_of(std::string_view key) {
  return *std::ranges::find(limit_parameters(), key, &Parameter<LimitDraft>::key);
}

Place place_of(const LimitDraft& limit, const Place& section, std::string_view key) {
  return section.key(key, limit.lines.of(key), allowed_text(row_of(key)));
}

// A key that this measure, or this action, has no use for.
bool refuse(const LimitDraft& limit, const Place& section, std::string_view key, std::string what,
            std::string cure) {
  if (!limit.lines.has(key)) return false;
  place_of(limit, section, key).error(Rule::kNotAllowed, std::move(what), std::move(cure));
  return true;
}

bool complete_key(const LimitDraft& limit, const Place& section) {
  if (goes_with(limit.measure, limit.key)) return true;
  std::vector<std::string_view> allowed;
  for (const LimitKey key : kKeys) {
    if (goes_with(limit.measure, key)) allowed.push_back(name_of(key));
    if (key == LimitKey::kSource) allowed.emplace_back("source/N");
  }
  place_of(limit, section, "per")
      .error(Rule::kNotAllowed,
             fmt::format("{} cannot be counted per {}", name_of(limit.measure), name_of(limit.key)),
             fmt::format("With this measure write one of {}", fmt::join(allowed, ", ")));
  return false;
}

bool complete_concurrent(LimitDraft& limit, const Place& section) {
  bool good = true;
  for (const std::string_view key : {"rate", "burst"}) {
    good &= !refuse(limit, section, key, "connections at one time have none",
                    "Write max, the most at one time; the measure \"connections\" has a rate");
  }
  if (!limit.lines.has("max")) {
    place_of(limit, section, "max").wrong("is missing", Rule::kMissing);
    return false;
  }
  limit.burst = limit.max;
  return good && limit.max != 0;
}

bool complete_burst(LimitDraft& limit, const Place& section) {
  static constexpr Parameter<LimitDraft> kCount{
      .key = "burst", .target = &LimitDraft::burst, .min = 1, .max = kBurstMax, .doc = {}};
  static constexpr Parameter<LimitDraft> kOctets{.key = "burst",
                                                 .target = &LimitDraft::burst,
                                                 .min = 1,
                                                 .max = kOctetsMax,
                                                 .unit = Unit::kOctets,
                                                 .doc = {}};
  const auto& row = limit.measure == Measure::kBytes ? kOctets : kCount;
  if (limit.lines.has("burst")) {
    const Place place = section.key("burst", limit.lines.of("burst"), allowed_text(row));
    const auto burst = read_number(row, limit.burst_value, place);
    if (burst) limit.burst = *burst;
    return burst.has_value();
  }
  limit.burst = limit.rate.count;
  if (limit.burst <= row.max) return true;
  place_of(limit, section, "rate")
      .error(
          Rule::kMissing,
          fmt::format("'{}': so many may not come at once, and there is no burst", limit.rate_text),
          fmt::format("Write burst, {}", allowed_text(row)));
  return false;
}

bool complete_rate(LimitDraft& limit, const Place& section) {
  bool good = !refuse(limit, section, "max", "only concurrent has one", "Write rate and burst");
  if (!limit.lines.has("rate")) {
    place_of(limit, section, "rate").wrong("is missing", Rule::kMissing);
    return false;
  }
  const auto rate = parse_rate(limit.rate_text, limit.measure == Measure::kBytes);
  if (!rate) {
    place_of(limit, section, "rate").wrong(fmt::format("'{}': {}", limit.rate_text, rate.error()));
    return false;
  }
  limit.rate = *rate;
  if (!complete_burst(limit, section)) return false;
  using Wide = unsigned __int128;
  const Wide back =
      Wide{limit.burst} * static_cast<uint64_t>(limit.rate.period.ns) / limit.rate.count;
  if (back > static_cast<uint64_t>(kReturnMax.ns)) {
    place_of(limit, section, limit.lines.has("burst") ? "burst" : "rate")
        .error(Rule::kOutOfRange,
               fmt::format("at {} a burst of {} returns only after more than 30 days",
                           limit.rate_text, limit.burst),
               "Write a smaller burst or a higher rate");
    return false;
  }
  return good;
}

bool complete_actions(LimitDraft& limit, const Place& section) {
  const bool concurrent = limit.measure == Measure::kConcurrent;
  if (!limit.lines.has("action")) {
    const bool closes = concurrent || limit.measure == Measure::kConnections;
    limit.actions = {closes ? LimitAction::kClose : LimitAction::kDefer};
  }
  const Place place = place_of(limit, section, "action");
  const std::string_view single = "Write one of \"defer\", \"close\" and \"shadow\"";
  if (concurrent && std::ranges::count(limit.actions, LimitAction::kDelay) != 0) {
    place.error(Rule::kNotAllowed,
                "a connection too many cannot be delayed: nobody knows when another one ends",
                std::string(single));
    return false;
  }
  if (concurrent && limit.actions.size() > 1) {
    place.error(Rule::kNotAllowed, "connections at one time have one action, not steps",
                std::string(single));
    return false;
  }
  const bool delays = std::ranges::count(limit.actions, LimitAction::kDelay) != 0;
  return delays || !refuse(limit, section, "max_delay", "no action of this limit delays",
                           "Add \"delay\" to action, or take max_delay away");
}

bool complete_steps(LimitDraft& limit, const Place& section) {
  if (!limit.has_action_list &&
      refuse(limit, section, "thresholds", "stands beside one action",
             "Write a list of actions, such as action = [\"delay\", \"defer\"]")) {
    return false;
  }
  const Place place = place_of(limit, section, "thresholds");
  const size_t count = limit.actions.size();
  if (!limit.lines.has("thresholds")) {
    for (size_t i = 0; i < count; ++i) limit.thresholds.push_back(100U << i);
  } else if (limit.thresholds.size() != count) {
    place.wrong(fmt::format("{} thresholds for {} actions", limit.thresholds.size(), count));
    return false;
  }
  limit.steps.clear();
  for (size_t i = 0; i < count; ++i) limit.steps.push_back({limit.actions[i], limit.thresholds[i]});
  if (limit.measure == Measure::kConcurrent || is_countable(limit.rate, limit.thresholds.back())) {
    return true;
  }
  place_of(limit, section, "rate")
      .wrong(fmt::format("'{}': {}% of it are more than {} a second", limit.rate_text,
                         limit.thresholds.back(), kRateMax));
  return false;
}

bool complete(LimitDraft& limit, const Place& section) {
  if (limit.refused || !limit.lines.has("measure")) return false;
  bool good = complete_key(limit, section);
  good &= limit.measure == Measure::kConcurrent ? complete_concurrent(limit, section)
                                                : complete_rate(limit, section);
  return complete_actions(limit, section) && complete_steps(limit, section) && good;
}

}  // namespace

void read_measure(const Value& value, const Place& place, LimitDraft& limit) {
  const auto* text = read_string(value, place);
  const auto measure =
      text == nullptr ? std::nullopt : choose(*text, place, std::span<const Measure>(kAllMeasures));
  limit.refused |= !measure;
  if (measure) limit.measure = *measure;
}

void read_limit_key(const Value& value, const Place& place, LimitDraft& limit) {
  constexpr std::string_view kNetwork = "source/";
  const auto* text = read_string(value, place);
  limit.refused |= text == nullptr;
  if (text == nullptr) return;
  const std::string_view view(*text);
  if (policy::equal_ignoring_case(view.substr(0, kNetwork.size()), kNetwork)) {
    const auto read = read_prefixes(view.substr(kNetwork.size()), limit);
    if (read) return;
    limit.refused = true;
    return place.wrong(fmt::format("'{}': {}", *text, read.error()));
  }
  const auto key = choose(*text, place, std::span<const LimitKey>(kKeys));
  limit.refused |= !key;
  if (key) limit.key = *key;
}

void read_rate(const Value& value, const Place& place, LimitDraft& limit) {
  const auto* text = read_string(value, place);
  limit.refused |= text == nullptr;
  if (text != nullptr) limit.rate_text = *text;
}

void read_burst(const Value& value, const Place&, LimitDraft& limit) { limit.burst_value = value; }

void read_actions(const Value& value, const Place& place, LimitDraft& limit) {
  const std::span<const LimitAction> known(kActions);
  limit.refused = true;  // until it has been read
  if (value.as<std::string>() != nullptr) {
    const auto action = choose(*value.as<std::string>(), place, known);
    if (!action) return;
    limit.actions = {*action};
  } else {
    size_t wrong = 0;
    const bool is_list =
        for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
          const auto action = choose(text, at(), known);
          if (action) limit.actions.push_back(*action);
          wrong += action ? 0 : 1;
        });
    if (!is_list || wrong > 0 || limit.actions.size() != value.as<Array>()->size()) return;
    limit.has_action_list = true;
  }
  if (limit.actions.empty()) return place.wrong("an empty list");
  for (size_t i = 1; i < limit.actions.size(); ++i) {
    const LimitAction action = limit.actions[i];
    const LimitAction before = limit.actions[i - 1];
    if (action == LimitAction::kShadow || before == LimitAction::kShadow) {
      return place.wrong("\"shadow\" stands beside other actions");
    }
    if (action <= before) {
      return place.wrong(
          fmt::format("\"{}\" stands behind \"{}\"", name_of(action), name_of(before)));
    }
  }
  limit.refused = false;
}

void read_thresholds(const Value& value, const Place& place, LimitDraft& limit) {
  const auto* list = value.as<Array>();
  limit.refused |= list == nullptr;
  if (list == nullptr) return place.wrong_type(value);
  for (const Value& element : *list) {
    const auto* percent = element.as<int64_t>();
    const uint32_t before = limit.thresholds.empty() ? 0 : limit.thresholds.back();
    std::string what;
    if (percent == nullptr) {
      what = "found " + describe(element);
    } else if (limit.thresholds.empty() && *percent != 100) {
      what = fmt::format("begins with {}", *percent);
    } else if (*percent <= before) {
      what = fmt::format("{} stands behind {}", *percent, before);
    } else if (*percent > kPercentMax) {
      what = fmt::format("{} is more than 10000", *percent);
    }
    if (!what.empty()) {
      limit.refused = true;
      return place.wrong(std::move(what));
    }
    limit.thresholds.push_back(static_cast<uint32_t>(*percent));
  }
}

std::optional<LimitDraft> read_limit(const Table& table, const Place& section) {
  LimitDraft limit;
  limit.lines = read_section(limit_parameters(), table, section, limit);
  if (!complete(limit, section)) return std::nullopt;
  return limit;
}

void read_limits(const Value& value, const Place& place, ReceiveDraft& connector) {
  auto drafts = read_tables(limit_parameters(), value, place);
  for (size_t i = 0; i < drafts.size(); ++i) {
    LimitDraft& draft = drafts[i];
    const Place section = place.element(i, draft.lines.section_line);
    if (i == kLimitsMax) {
      return section.error(Rule::kOutOfRange,
                           fmt::format("{} limits; a connector has at most 32", drafts.size()),
                           "Take some of them away");
    }
    if (!complete(draft, section)) continue;
    const auto twin =
        std::ranges::find(connector.limits, draft.name(), [](const auto& l) { return l.name(); });
    if (twin != connector.limits.end()) {
      const auto& first =
          connector.limit_places[static_cast<size_t>(twin - connector.limits.begin())];
      section.error(
          Rule::kRepeated,
          fmt::format("{} is limited twice (line {})", draft.name(), first.lines.section_line),
          "Keep one of the two; a list of actions makes steps of one limit");
      continue;
    }
    connector.limit_places.push_back({i, std::move(draft.lines)});
    connector.limits.push_back(std::move(draft));
  }
}

}  // namespace relais::config
