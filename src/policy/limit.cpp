#include "policy/limit.h"

#include <array>

#include "base/assert.h"

namespace relais::policy {
namespace {

constexpr std::array<std::string_view, kMeasures> kMeasureNames{
    "connections", "concurrent", "messages",      "recipients",    "bytes",
    "commands",    "errors",     "auth_failures", "tls_handshakes"};
constexpr std::array<std::string_view, kLimitKeys> kKeyNames{
    "connector", "source", "source/", "sender", "sender_domain", "user", "recipient_domain"};

}  // namespace

std::string_view name_of(Measure measure) { return kMeasureNames[static_cast<size_t>(measure)]; }

std::string_view name_of(LimitKey key) { return kKeyNames[static_cast<size_t>(key)]; }

std::string_view parameter_of(LimitOrigin origin) {
  switch (origin) {
    case LimitOrigin::kLimit:
      return {};
    case LimitOrigin::kMessageRate:
      return "message_rate_limit";
    case LimitOrigin::kMaxInbound:
      return "max_inbound_connection";
    case LimitOrigin::kMaxPerSource:
      return "max_inbound_connection_per_source";
    case LimitOrigin::kPercentPerSource:
      return "max_inbound_connection_percentage_per_source";
    case LimitOrigin::kConnectionRate:
      return "max_connection_rate_per_minute";
  }
  return {};
}

std::string_view name_of(LimitAction action) {
  switch (action) {
    case LimitAction::kDelay:
      return "delay";
    case LimitAction::kDefer:
      return "defer";
    case LimitAction::kClose:
      return "close";
    case LimitAction::kShadow:
      return "shadow";
  }
  ASSERT(false);
}

std::string period_text(Duration period) {
  if (period == seconds(1)) return "s";
  if (period == minutes(1)) return "min";
  if (period == hours(1)) return "h";
  if (period == hours(24)) return "d";
  return std::to_string(period.seconds()) + 's';
}

std::string to_string(const Rate& rate) {
  return std::to_string(rate.count) + '/' + period_text(rate.period);
}

std::string Limit::shown_name() const {
  const std::string_view parameter = parameter_of(origin);
  return parameter.empty() ? name() : std::string(parameter);
}

std::string Limit::name() const {
  std::string text(name_of(measure));
  text += '/';
  text += name_of(key);
  if (key != LimitKey::kSourcePrefix) return text;
  // In the shortest form that a configuration would be read from (limit.h).
  if (prefix_v6 == kUsualPrefixV6 && prefix_v4 < 32) return text += std::to_string(prefix_v4);
  if (prefix_v4 == 32 && prefix_v6 > 32) return text += std::to_string(prefix_v6);
  text += std::to_string(prefix_v4);
  text += ',';
  text += std::to_string(prefix_v6);
  return text;
}

// A connection has no sender yet, octets have no recipient of their own, and only a recipient has a
// domain to be counted by.
bool goes_with(Measure measure, LimitKey key) {
  switch (key) {
    case LimitKey::kConnector:
    case LimitKey::kSource:
    case LimitKey::kSourcePrefix:
      return true;
    case LimitKey::kSender:
    case LimitKey::kSenderDomain:
      return measure == Measure::kMessages || measure == Measure::kRecipients ||
             measure == Measure::kBytes;
    case LimitKey::kUser:  // of a failed AUTH: who it was to be
      return measure == Measure::kMessages || measure == Measure::kRecipients ||
             measure == Measure::kBytes || measure == Measure::kAuthFailures;
    case LimitKey::kRecipientDomain:
      return measure == Measure::kRecipients;
  }
  ASSERT(false);
}

}  // namespace relais::policy
