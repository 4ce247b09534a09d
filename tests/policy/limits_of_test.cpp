// Which limits a connector has, and what they are called.
#include "policy/limits_of.h"

#include <gtest/gtest.h>

#include <set>

namespace relais::policy {
namespace {

// "concurrent/source 20 close from 2": origin by its number.
std::vector<std::string> texts(const ReceiveConnector& connector) {
  std::vector<std::string> texts;
  for (const Limit& limit : limits_of(connector)) {
    std::string text = limit.name() + ' ';
    if (limit.rate.count != 0) text += to_string(limit.rate) + ' ';
    text += std::to_string(limit.burst);
    for (const LimitStep& step : limit.steps) {
      text += ' ';
      text += name_of(step.action);
      text += '@' + std::to_string(step.percent);
    }
    texts.push_back(text + " from " + std::to_string(static_cast<int>(limit.origin)));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(LimitsOf, AConnectorThatSaysNothingHasExchangesLimitsOfConnections) {
  EXPECT_EQ(texts({}), (Texts{"concurrent/connector 5000 close@100 from 2",
                              "concurrent/source 20 close@100 from 3",
                              "concurrent/source 2 close@100 from 4"}));
}

ReceiveConnector without_limits() {
  ReceiveConnector connector;
  connector.max_inbound_connection = UINT32_MAX;
  connector.max_inbound_connection_per_source = UINT32_MAX;
  return connector;
}

TEST(LimitsOf, UnlimitedMakesNoneAndNoShareOfIt) {
  EXPECT_EQ(texts(without_limits()), Texts{});
  ReceiveConnector connector;
  connector.max_inbound_connection_percentage_per_source = 100;
  EXPECT_EQ(texts(connector), (Texts{"concurrent/connector 5000 close@100 from 2",
                                     "concurrent/source 20 close@100 from 3"}));
}

TEST(LimitsOf, TheMessageRateIsCountedByItsSource) {
  ReceiveConnector connector = without_limits();
  connector.message_rate_limit = 600;
  const std::string by_source = "messages/source 600/min 600 close@100 from 1";
  const std::string by_user = "messages/user 600/min 600 close@100 from 1";
  EXPECT_EQ(texts(connector), Texts{by_source});  // IPAddress, the default
  connector.message_rate_source = MessageRateSource::kUser;
  EXPECT_EQ(texts(connector), Texts{by_user});
  connector.message_rate_source = MessageRateSource::kAll;
  EXPECT_EQ(texts(connector), (Texts{by_source, by_user}));
  connector.message_rate_source = MessageRateSource::kNone;
  EXPECT_EQ(texts(connector), Texts{});
}

TEST(LimitsOf, ItsOwnStandInFrontAndBesideThoseOfTheSameKey) {
  ReceiveConnector connector = without_limits();
  connector.message_rate_limit = 600;
  Limit limit;
  limit.measure = Measure::kMessages;
  limit.key = LimitKey::kSource;
  limit.rate = {10, seconds(15)};
  limit.burst = 30;
  limit.steps = {{LimitAction::kDelay, 100}, {LimitAction::kDefer, 150}};
  connector.limits = {limit};
  EXPECT_EQ(texts(connector), (Texts{"messages/source 10/15s 30 delay@100 defer@150 from 0",
                                     "messages/source 600/min 600 close@100 from 1"}));
}

TEST(LimitsOf, NamesOfNetworksAreShortAndNeverTheSame) {
  Limit limit;
  limit.key = LimitKey::kSourcePrefix;
  const auto name = [&](int v4, int v6) {
    limit.prefix_v4 = static_cast<uint8_t>(v4);
    limit.prefix_v6 = static_cast<uint8_t>(v6);
    return limit.name();
  };
  EXPECT_EQ(name(24, 64), "messages/source/24");
  EXPECT_EQ(name(32, 48), "messages/source/48");
  EXPECT_EQ(name(32, 64), "messages/source/64");
  EXPECT_EQ(name(24, 48), "messages/source/24,48");
  EXPECT_EQ(name(24, 128), "messages/source/24,128");
  EXPECT_EQ(name(32, 20), "messages/source/32,20");
  std::set<std::string> names;
  for (int v4 = 1; v4 <= 32; ++v4) {
    for (int v6 = 1; v6 <= 128; ++v6) EXPECT_TRUE(names.insert(name(v4, v6)).second) << v4 << v6;
  }
}

}  // namespace
}  // namespace relais::policy
