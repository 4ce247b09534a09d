#include "policy/limits_of.h"

namespace relais::policy {
namespace {

constexpr uint32_t kUnlimited = UINT32_MAX;

Limit closing(Measure measure, LimitKey key, uint64_t burst, LimitOrigin origin) {
  Limit limit;
  limit.measure = measure;
  limit.key = key;
  limit.burst = burst;
  limit.steps = {{LimitAction::kClose, 100}};
  limit.origin = origin;
  return limit;
}

void add_connections(const ReceiveConnector& connector, std::vector<Limit>& limits) {
  const auto add = [&](LimitKey key, uint32_t most, LimitOrigin origin) {
    limits.push_back(closing(Measure::kConcurrent, key, most, origin));
  };
  const uint32_t all = connector.max_inbound_connection;
  const uint32_t per_source = connector.max_inbound_connection_per_source;
  const uint32_t percent = connector.max_inbound_connection_percentage_per_source;
  if (all != kUnlimited) add(LimitKey::kConnector, all, LimitOrigin::kMaxInbound);
  if (per_source != kUnlimited) add(LimitKey::kSource, per_source, LimitOrigin::kMaxPerSource);
  // A share of what is left needs something that it is left of.
  if (percent < 100 && all != kUnlimited) {
    add(LimitKey::kSource, percent, LimitOrigin::kPercentPerSource);
  }
}

void add_message_rate(const ReceiveConnector& connector, std::vector<Limit>& limits) {
  const uint32_t a_minute = connector.message_rate_limit;
  if (a_minute == kUnlimited) return;
  const auto add = [&](LimitKey key) {
    Limit limit = closing(Measure::kMessages, key, a_minute, LimitOrigin::kMessageRate);
    limit.rate = {a_minute, minutes(1)};
    limits.push_back(std::move(limit));
  };
  const MessageRateSource source = connector.message_rate_source;
  const bool all = source == MessageRateSource::kAll;
  if (all || source == MessageRateSource::kIpAddress) add(LimitKey::kSource);
  if (all || source == MessageRateSource::kUser) add(LimitKey::kUser);
}

}  // namespace

std::vector<Limit> limits_of(const ReceiveConnector& connector) {
  std::vector<Limit> limits = connector.limits;
  add_connections(connector, limits);
  add_message_rate(connector, limits);
  return limits;
}

// Connections that come too fast wait; nobody is refused, whatever the wait.
std::vector<Limit> server_limits(uint32_t connection_rate) {
  if (connection_rate == UINT32_MAX) return {};
  Limit limit;
  limit.measure = Measure::kConnections;
  limit.rate = {connection_rate, minutes(1)};
  limit.burst = connection_rate;
  limit.steps = {{LimitAction::kDelay, 100}};
  limit.max_delay = hours(24);
  limit.origin = LimitOrigin::kConnectionRate;
  return {limit};
}

}  // namespace relais::policy
