// Which limit binds first, and at what load.
#include "admin/binding_limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/limits_of.h"

namespace relais::admin {
namespace {

using policy::Limit;
using policy::LimitAction;
using policy::LimitKey;
using policy::Measure;
using Sentences = std::vector<std::string>;

Limit rate_limit(Measure measure, LimitKey key, uint64_t count, Duration period, uint64_t burst,
                 LimitAction action = LimitAction::kDefer) {
  Limit limit;
  limit.measure = measure;
  limit.key = key;
  limit.rate = {count, period};
  limit.burst = burst;
  limit.steps = {{action, 100}};
  return limit;
}

Sentences lines(const std::vector<BindingLimit>& limits) {
  Sentences texts;
  for (const BindingLimit& limit : limits) texts.push_back(load_text(limit) + " " + limit.name);
  return texts;
}

TEST(BindingLimits, AllInMessagesAMinuteTheLowestFirst) {
  const std::vector<Limit> limits = {
      rate_limit(Measure::kMessages, LimitKey::kConnector, 600, minutes(1), 600),
      rate_limit(Measure::kMessages, LimitKey::kSource, 2, seconds(1), 10),
      rate_limit(Measure::kRecipients, LimitKey::kSource, 300, minutes(1), 50),
      rate_limit(Measure::kBytes, LimitKey::kSource, 1 << 20, minutes(1), 1 << 20),
      rate_limit(Measure::kCommands, LimitKey::kSource, 140, minutes(1), 70),
      rate_limit(Measure::kErrors, LimitKey::kSource, 1, minutes(1), 1)};
  const MessageShape shape{.recipients = 3, .in_one_domain = 2, .octets = 1 << 14};
  const auto binding = binding_limits(limits, shape);
  EXPECT_EQ(lines(binding),
            (Sentences{"20/min commands/source", "64/min bytes/source", "100/min recipients/source",
                       "120/min messages/source", "600/min messages/connector"}));
  EXPECT_EQ(binding[2].at_once, 16U);
  EXPECT_EQ(what_binds_first(binding),
            (Sentences{"this client alone: commands/source binds first, at 20 messages a minute",
                       "all clients together: messages/connector binds first, at 600 messages a "
                       "minute"}));
}

TEST(BindingLimits, TheBurstMayBindAnother) {
  const auto binding =
      binding_limits({rate_limit(Measure::kMessages, LimitKey::kSource, 10, minutes(1), 100),
                      rate_limit(Measure::kMessages, LimitKey::kSender, 5, seconds(1), 4)},
                     {});
  EXPECT_EQ(what_binds_first(binding)[1],
            "after silence, many at once: messages/sender binds first, with more than 4 messages");
}

TEST(BindingLimits, WithoutASizeBytesHaveNoLoad) {
  const auto binding =
      binding_limits({rate_limit(Measure::kBytes, LimitKey::kSource, 100, seconds(1), 100)}, {});
  EXPECT_EQ(lines(binding), Sentences{"by size bytes/source"});
  EXPECT_EQ(what_binds_first(binding), Sentences{"no limit holds the rate of messages"});
}

TEST(BindingLimits, AShadowBindsNobody) {
  const auto binding = binding_limits(
      {rate_limit(Measure::kMessages, LimitKey::kSource, 1, hours(1), 1, LimitAction::kShadow),
       rate_limit(Measure::kMessages, LimitKey::kSender, 30, hours(1), 5)},
      {});
  EXPECT_TRUE(binding[0].shadow);
  EXPECT_EQ(load_text(binding[0]), "0.017/min");
  EXPECT_EQ(what_binds_first(binding)[0],
            "this client alone: messages/sender binds first, at 0.5 messages a minute");
}

TEST(BindingLimits, ConnectionsOfAConnectorAsItComes) {
  EXPECT_EQ(lines(binding_limits(policy::limits_of({}), {})),
            (Sentences{"20 open max_inbound_connection_per_source",
                       "100 open max_inbound_connection_percentage_per_source",
                       "5000 open max_inbound_connection"}));
}

TEST(BindingLimits, WhatTheServerPacesCountsConnections) {
  const auto binding =
      binding_limits(policy::server_limits(1200), {.recipients = 50, .octets = {}});
  EXPECT_EQ(what_binds_first(binding),
            Sentences{"this client alone: max_connection_rate_per_minute binds first, at 1200 "
                      "messages a minute"});
  EXPECT_TRUE(binding_limits(policy::server_limits(UINT32_MAX), {}).empty());
}

}  // namespace
}  // namespace relais::admin
