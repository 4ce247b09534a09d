// [[limit]] against the rest of its connector: the size of messages, other limits, Exchange's
// parameters, and what clients do.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "config/rate.h"
#include "config/values.h"
#include "policy/limits_of.h"

namespace relais::config {
namespace {

using policy::Limit;
using policy::LimitAction;
using policy::LimitKey;
using policy::LimitOrigin;
using policy::Measure;

// RFC 5321 section 4.5.3.2: five minutes for the answers to MAIL and RCPT.
constexpr Duration kPatience = minutes(5);

Place place_of(const ReceiveDraft& connector, const Place& file, size_t limit) {
  const LimitPlace& place = connector.limit_places[limit];
  return file.key("limit", 0).element(place.index, place.lines.section_line);
}

Place key_of(const ReceiveDraft& connector, const Place& file, size_t limit, std::string_view key) {
  return key_of(place_of(connector, file, limit), connector.limit_places[limit].lines, key);
}

bool has_action(const Limit& limit, LimitAction action) {
  return std::ranges::find(limit.steps, action, &policy::LimitStep::action) != limit.steps.end();
}

bool is_shadow(const Limit& limit) { return has_action(limit, LimitAction::kShadow); }

// "messages/connector is 300/min with a burst of 50"
std::string said(const Limit& limit) {
  return fmt::format(
      "{} is {}", limit.shown_name(),
      limit.measure == Measure::kConcurrent ? std::to_string(limit.burst) : amount_text(limit));
}

// ---- each alone

void check_measure(const ReceiveDraft& connector, const Place& file, size_t i) {
  const Measure measure = connector.limits[i].measure;
  if (measure != Measure::kAuthFailures) return;
  if (connector.auth_mechanism.has(policy::AuthMechanism::kBasicAuth)) return;
  key_of(connector, file, i, "measure")
      .warning(Rule::kLimitWithoutEffect,
               fmt::format("nothing counts {}: AUTH is not offered", name_of(measure)),
               "Add BasicAuth to auth_mechanism, or take the limit away");
}

// The key to point at: burst where it is written, and else what it comes from.
Place burst_of(const ReceiveDraft& connector, const Place& file, size_t i) {
  const bool written = connector.limit_places[i].lines.has("burst");
  return key_of(connector, file, i, written ? "burst" : "rate");
}

// A message comes whole or not at all: what never fits is refused for ever.
void check_octets(const ReceiveDraft& connector, const Place& file, size_t i) {
  const Limit& limit = connector.limits[i];
  if (limit.measure != Measure::kBytes) return;
  const auto step = std::ranges::find_if(limit.steps, [](const policy::LimitStep& s) {
    return s.action == LimitAction::kDefer || s.action == LimitAction::kClose;
  });
  if (step == limit.steps.end()) return;
  const uint64_t most = limit.burst * step->percent / 100;
  if (most >= connector.max_message_size) return;
  const uint64_t needed = (connector.max_message_size * 100 + step->percent - 1) / step->percent;
  const std::string share = step->percent == 100
                                ? std::string()
                                : fmt::format(", {}% of it {},", step->percent, print_size(most));
  burst_of(connector, file, i)
      .error(Rule::kLimitStopsMail,
             fmt::format("the burst is {}{} and max_message_size {}: a message of that size would "
                         "never pass",
                         print_size(limit.burst), share, print_size(connector.max_message_size)),
             fmt::format("Write burst = \"{}\" or more, or a max_message_size of at most {}",
                         print_size(needed), print_size(most)));
}

void check_delay(const ReceiveDraft& connector, const Place& file, size_t i) {
  const Limit& limit = connector.limits[i];
  if (!has_action(limit, LimitAction::kDelay)) return;
  const Duration silence = connector.connection_inactivity_timeout;
  const bool patient = limit.max_delay <= kPatience;
  if (patient && limit.max_delay <= silence) return;
  const bool written = connector.limit_places[i].lines.has("max_delay");
  key_of(connector, file, i, written ? "max_delay" : "action")
      .warning(Rule::kLongDelay,
               patient ? fmt::format("replies would wait for up to {}, longer than "
                                     "connection_inactivity_timeout ({})",
                                     print_duration(limit.max_delay), print_duration(silence))
                       : fmt::format("replies would wait for up to {}, and clients give up after "
                                     "5 minutes (RFC 5321)",
                                     print_duration(limit.max_delay)),
               fmt::format("Write a max_delay of at most {}",
                           print_duration(std::min(silence, kPatience))));
}

void check_shadow(const ReceiveDraft& connector, const Place& file, size_t i) {
  if (!is_shadow(connector.limits[i]) || !connector.enabled) return;
  key_of(connector, file, i, "action")
      .warning(
          Rule::kShadowLimit,
          fmt::format("{} only counts and logs; it holds nobody back", connector.limits[i].name()),
          "Leave it as long as you watch the log; then write the action that is meant");
}

// ---- against each other

// Does one that counts by `wide` count every event that falls into a bucket of `narrow`?
bool holds(const Limit& wide, const Limit& narrow) {
  switch (wide.key) {
    case LimitKey::kConnector:
      return true;
    case LimitKey::kSourcePrefix:
      return narrow.key == LimitKey::kSource ||
             (narrow.key == LimitKey::kSourcePrefix && wide.prefix_v4 <= narrow.prefix_v4 &&
              wide.prefix_v6 <= narrow.prefix_v6);
    case LimitKey::kSenderDomain:
      return narrow.key == LimitKey::kSender || narrow.key == LimitKey::kSenderDomain;
    case LimitKey::kSource:
    case LimitKey::kSender:
    case LimitKey::kUser:
    case LimitKey::kRecipientDomain:
      return narrow.key == wide.key;
  }
  return false;
}

bool is_slower(const policy::Rate& a, const policy::Rate& b) {
  using Wide = unsigned __int128;
  return Wide{a.count} * static_cast<uint64_t>(b.period.ns) <=
         Wide{b.count} * static_cast<uint64_t>(a.period.ns);
}

// `other` refuses whatever would have been too much for `limit`. One that delays lets more pass
// than its burst, and steps above the first count what others have refused.
bool comes_first(const Limit& other, const Limit& limit) {
  if (other.measure != limit.measure || limit.steps.size() > 1) return false;
  if (has_action(other, LimitAction::kDelay) || is_shadow(other)) return false;
  if (other.origin == LimitOrigin::kPercentPerSource) return false;
  if (!holds(other, limit) || other.burst > limit.burst) return false;
  return limit.measure == Measure::kConcurrent || is_slower(other.rate, limit.rate);
}

bool is_same_key(const Limit& a, const Limit& b) {
  return a.measure == b.measure && a.name() == b.name();
}

// Parameters that the file does not write are nobody's mistake, but they bind all the same.
void check_others(const ReceiveDraft& connector, const Place& file, size_t i) {
  const Limit& limit = connector.limits[i];
  const auto all = policy::limits_of(connector);
  for (size_t k = 0; k < all.size(); ++k) {
    const Limit& other = all[k];
    if (k == i || !comes_first(other, limit)) continue;
    // An override stands in no file (limit_override.h).
    const uint32_t number =
        k < connector.limits.size() ? connector.limit_places[k].lines.section_line : 0;
    const std::string line = number != 0 ? fmt::format(" (line {})", number) : std::string();
    return place_of(connector, file, i)
        .warning(Rule::kLimitNeverBinds,
                 fmt::format("{} can never be reached: {}{}", limit.name(), said(other), line),
                 "Write lower numbers, or take the limit away");
  }
  for (const Limit& other : all) {
    const std::string_view key = policy::parameter_of(other.origin);
    if (key.empty() || !connector.lines.has(key) || !is_same_key(other, limit)) continue;
    place_of(connector, file, i)
        .warning(Rule::kLimitBesideParameter,
                 fmt::format("{} is also limited by {} (line {}): both are in force, and the lower "
                             "one binds",
                             limit.name(), key, connector.lines.of(key)),
                 "Leave it if both are meant, or take one of the two away");
  }
}

// The message rate that a [[limit]] makes idle. (Those of connections: check_connections().)
void check_message_rate(const ReceiveDraft& connector, const Place& file) {
  if (!connector.lines.has("message_rate_limit")) return;
  for (const Limit& limit : policy::limits_of(connector)) {
    if (limit.origin != LimitOrigin::kMessageRate) continue;
    for (size_t i = 0; i < connector.limits.size(); ++i) {
      const Limit& other = connector.limits[i];
      if (is_same_key(other, limit) || !comes_first(other, limit)) continue;
      return key_of(file, connector.lines, "message_rate_limit")
          .warning(Rule::kLimitNeverBinds,
                   fmt::format("{} a minute can never be reached: {} (line {})", limit.burst,
                               said(other), connector.limit_places[i].lines.section_line),
                   "Write a smaller number, or take one of the two away");
    }
  }
}

// ---- against what clients can do

bool is_chosen_by_client(const Limit& limit) {
  return limit.key == LimitKey::kSender || limit.key == LimitKey::kSenderDomain ||
         limit.key == LimitKey::kUser;
}

// Somebody who has proved nothing takes another sender for each message, unless another limit
// counts all of them together.
void check_senders(const ReceiveDraft& connector, const Place& file) {
  const auto principal = connector.session_principal();
  const bool may_send = has(connector.rights_of(principal), policy::Right::kSubmit);
  if (principal != policy::Principal::kAnonymous || !may_send) return;
  const auto all = policy::limits_of(connector);
  for (size_t i = 0; i < all.size(); ++i) {
    const Limit& limit = all[i];
    const std::string_view parameter = policy::parameter_of(limit.origin);
    if (!is_chosen_by_client(limit) || is_shadow(limit)) continue;
    if (!parameter.empty() && !connector.lines.has(parameter)) continue;
    const bool bounded = std::ranges::any_of(all, [&](const Limit& other) {
      const bool by_client = other.key == LimitKey::kConnector || other.key == LimitKey::kSource ||
                             other.key == LimitKey::kSourcePrefix;
      return other.measure == limit.measure && by_client && !is_shadow(other);
    });
    if (bounded) continue;
    const bool is_own = i < connector.limits.size();
    const Place place = is_own ? key_of(connector, file, i, "per")
                               : key_of(file, connector.lines, "message_rate_source");
    place.warning(Rule::kClientChoosesBucket,
                  fmt::format("anonymous clients choose their {} themselves: with another one they "
                              "get another bucket",
                              limit.key == LimitKey::kSenderDomain ? "sender's domain" : "sender"),
                  is_own ? fmt::format("Add a limit of {} per \"source\"", name_of(limit.measure))
                         : std::string("Write message_rate_source = \"All\" or \"IPAddress\""));
  }
}

}  // namespace

void check_limit_tables(const ReceiveDraft& connector, const Place& place) {
  for (size_t i = 0; i < connector.limits.size(); ++i) {
    check_measure(connector, place, i);
    check_octets(connector, place, i);
    check_delay(connector, place, i);
    check_shadow(connector, place, i);
    check_others(connector, place, i);
  }
  check_message_rate(connector, place);
  check_senders(connector, place);
}

}  // namespace relais::config
