// A limit of a connector that an operator has changed on a live server, for a while: read and held
// against the connector as a file would be, with the file's own sentences, and put on top of what
// the file says. Pure.
//
// It names a [[limit]] by measure and key ("messages/source") or one of Exchange's parameters that
// are limits ("message_rate_limit"). Measure and key mean the connector's [[limit]]; where it has
// none, the parameter that stands for the same (limits_of.h); where there is none either, a new
// limit with the default action. Of a limit that exists only rate and burst are replaced.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/connector.h"

namespace relais::config {

struct LimitOverride {
  std::string connector;
  std::string limit;  // "messages/source", "message_rate_limit"
  std::string value;  // "1200/min"; of concurrent and of a parameter a number
  std::string burst;  // empty: that of the file, scaled as the rate is
};

inline constexpr Duration kOverrideTimeMax = hours(24 * 30);

// The one name under which an override is kept: "Messages" is "messages/connector". Unexpected:
// what is wrong with it.
[[nodiscard]] std::expected<std::string, std::string> limit_name(std::string_view text);

// How long it is meant to last, from 1 s to kOverrideTimeMax. Unexpected: what is wrong with it.
[[nodiscard]] std::expected<Duration, std::string> override_time(const std::string& text);

struct OverrideEffect {
  std::string was;  // what the file says; "none": nothing
  std::string now;
  std::vector<std::string> warnings;
};

struct OverriddenLimits {
  std::vector<policy::Limit> limits;  // all of the connector's, as limits_of() has them
  // Of each override; unexpected: why it cannot stand, and it was left out.
  std::vector<std::expected<OverrideEffect, std::string>> effects;
};
// `overrides`: of this connector, each limit_name() once. Parameters are taken first.
[[nodiscard]] OverriddenLimits override_limits(const policy::ReceiveConnector& connector,
                                               std::span<const LimitOverride> overrides);

}  // namespace relais::config
