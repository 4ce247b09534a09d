// Limits that are overridden on a live server: what becomes of the limits of the file, and word for
// word what the operator reads about an override that cannot be.
#include "config/limit_override.h"

#include <gtest/gtest.h>

#include "folder.h"
#include "policy/limits_of.h"

namespace relais::config {
namespace {

using policy::Limit;
using policy::LimitAction;
using policy::LimitOrigin;

policy::ReceiveConnector connector_with(const std::string& more) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", std::string(kGoodConnector) + more);
  Loaded loaded = folder.load();
  EXPECT_TRUE(loaded.ok);
  return loaded.model.receive_connectors.at(0);
}

LimitOverride wanted(std::string limit, std::string value, std::string burst = {}) {
  return {"In", std::move(limit), std::move(value), std::move(burst)};
}

OverriddenLimits overridden(const std::string& more, const std::vector<LimitOverride>& overrides) {
  return override_limits(connector_with(more), overrides);
}

// Why one override cannot stand; it must leave everything as it was.
std::string refusal(const std::string& more, const LimitOverride& override) {
  const auto before = connector_with(more);
  const auto result = override_limits(before, std::vector{override});
  EXPECT_EQ(result.limits, policy::limits_of(before));
  EXPECT_FALSE(result.effects.at(0));
  return result.effects[0] ? "" : result.effects[0].error();
}

const Limit& find(const std::vector<Limit>& limits, std::string_view name, LimitOrigin origin) {
  static const Limit kNone;
  for (const Limit& limit : limits) {
    if (limit.name() == name && limit.origin == origin) return limit;
  }
  ADD_FAILURE() << "no " << name;
  return kNone;
}

constexpr const char* kSource =
    "[[limit]]\nmeasure = \"messages\"\nper = \"source\"\nrate = \"600/min\"\nburst = 100\n"
    "action = [\"delay\", \"defer\"]\nmax_delay = \"20s\"\n";

TEST(LimitOverride, ReplacesTheRateScalesTheBurstAndKeepsTheRest) {
  const auto result = overridden(kSource, {wanted("messages/source", "1200/min")});
  ASSERT_TRUE(result.effects[0]) << result.effects[0].error();
  EXPECT_EQ(result.effects[0]->was, "600/min with a burst of 100");
  EXPECT_EQ(result.effects[0]->now, "1200/min with a burst of 200");
  Limit expected = connector_with(kSource).limits[0];
  expected.rate.count = 1200;
  expected.burst = 200;
  EXPECT_EQ(result.limits.at(0), expected);
  EXPECT_EQ(result.limits.size(), policy::limits_of(connector_with(kSource)).size());
}

TEST(LimitOverride, TakesABurstThatIsGiven) {
  const auto result = overridden(kSource, {wanted("messages/source", "20/s", "7")});
  ASSERT_TRUE(result.effects[0]) << result.effects[0].error();
  EXPECT_EQ(result.limits[0].burst, 7);
  EXPECT_EQ(result.limits[0].rate, (policy::Rate{20, seconds(1)}));
}

TEST(LimitOverride, ABurstThatIsTheCountStaysTheCount) {
  const char* const kLimit = "[[limit]]\nmeasure = \"recipients\"\nrate = \"600/min\"\n";
  const auto same_time = overridden(kLimit, {wanted("recipients/connector", "900/min")});
  EXPECT_EQ(same_time.effects[0]->now, "900/min");
  // 10 a second is as fast as 600 a minute, so as many may come at once.
  const auto same_rate = overridden(kLimit, {wanted("recipients/connector", "10/s")});
  EXPECT_EQ(same_rate.effects[0]->now, "10/s with a burst of 600");
  const auto slow = overridden(kLimit, {wanted("recipients/connector", "1/h")});
  EXPECT_EQ(slow.limits[0].burst, 1);
}

TEST(LimitOverride, MakesALimitThatTheFileHasNot) {
  const auto result = overridden(
      "", {wanted("messages/source/24", "10/min"), wanted("connections/source", "5/s", "9")});
  ASSERT_TRUE(result.effects[0]) << result.effects[0].error();
  ASSERT_TRUE(result.effects[1]) << result.effects[1].error();
  EXPECT_EQ(result.effects[0]->was, "none");
  EXPECT_EQ(result.effects[0]->now, "10/min");
  EXPECT_EQ(result.effects[1]->now, "5/s with a burst of 9");
  EXPECT_EQ(find(result.limits, "messages/source/24", LimitOrigin::kLimit).steps[0].action,
            LimitAction::kDefer);
  EXPECT_EQ(find(result.limits, "connections/source", LimitOrigin::kLimit).steps[0].action,
            LimitAction::kClose);
}

TEST(LimitOverride, MeasureAndKeyFindExchangesParameter) {
  const auto result = overridden("message_rate_limit = 600\n", {wanted("messages/source", "20/s"),
                                                                wanted("concurrent/source", "40")});
  ASSERT_TRUE(result.effects[0]) << result.effects[0].error();
  ASSERT_TRUE(result.effects[1]) << result.effects[1].error();
  EXPECT_EQ(result.effects[0]->was, "600/min");
  EXPECT_EQ(result.effects[0]->now, "20/s with a burst of 1200");
  EXPECT_EQ(result.effects[1]->was, "20 at one time");
  const Limit& messages = find(result.limits, "messages/source", LimitOrigin::kMessageRate);
  EXPECT_EQ(messages.burst, 1200);
  EXPECT_EQ(messages.steps[0].action, LimitAction::kClose);
  EXPECT_EQ(find(result.limits, "concurrent/source", LimitOrigin::kMaxPerSource).burst, 40);
  // The share of what is left is another limit of the same key.
  EXPECT_EQ(find(result.limits, "concurrent/source", LimitOrigin::kPercentPerSource).burst, 2);
  EXPECT_EQ(result.limits.size(), 4);
}

TEST(LimitOverride, AParameterHasItsOwnName) {
  const auto result = overridden(
      "message_rate_limit = 600\nmessage_rate_source = \"All\"\n",
      {wanted("message_rate_limit", "1200"), wanted("max_inbound_connection", "unlimited")});
  EXPECT_EQ(result.effects[0]->was, "600");
  EXPECT_EQ(result.effects[0]->now, "1200");
  EXPECT_EQ(result.effects[1]->was, "5000");
  EXPECT_EQ(result.effects[1]->now, "unlimited");
  EXPECT_EQ(find(result.limits, "messages/source", LimitOrigin::kMessageRate).rate.count, 1200);
  EXPECT_EQ(find(result.limits, "messages/user", LimitOrigin::kMessageRate).rate.count, 1200);
  EXPECT_EQ(result.limits.size(), 3);  // without the two of connections: no share of unlimited
}

TEST(LimitOverride, AnOwnLimitComesBeforeTheParameterAndThatIsSaid) {
  const auto result = overridden(
      "message_rate_limit = 700\n"
      "[[limit]]\nmeasure = \"messages\"\nper = \"source\"\nrate = \"600/min\"\n",
      {wanted("messages/source", "1200/min")});
  EXPECT_EQ(find(result.limits, "messages/source", LimitOrigin::kLimit).rate.count, 1200);
  EXPECT_EQ(find(result.limits, "messages/source", LimitOrigin::kMessageRate).rate.count, 700);
  EXPECT_EQ(result.effects[0]->warnings,
            (std::vector<std::string>{
                "messages/source can never be reached: message_rate_limit is 700/min. Write lower "
                "numbers, or take the limit away. [R032]"}));
}

TEST(LimitOverride, WhatCannotBeIsRefusedInTheFilesWords) {
  const std::string rate =
      " Write a count and a time, such as \"600/min\", \"10/s\", \"100/h\", \"5000/d\", \"10/15s\" "
      "or, of bytes, \"50MB/min\". [R007]";
  const std::vector<std::tuple<LimitOverride, std::string>> cases = {
      {wanted("messages/source", "10/fortnight"),
       "rate: '10/fortnight': 'fortnight' is no unit of time; those are s, min, h and d." + rate},
      {wanted("messages/source", "0/min"), "rate: '0/min': the count is 0." + rate},
      {wanted("messages/source", "-5/min"),
       "rate: '-5/min': '-5' is no whole number above 0." + rate},
      {wanted("messages/source", "1200"), "rate: '1200': the period is missing." + rate},
      {wanted("messages/source", "600/min", "0"),
       "burst: 0 is out of range. Write a whole number from 1 to 2147483648. [R006]"},
      {wanted("messages/source", "600/min", "ten"),
       "burst: found a string ('ten'). Write a whole number from 1 to 2147483648. [R005]"},
      {wanted("messages/source", "1/d", "100"),
       "burst: at 1/d a burst of 100 returns only after more than 30 days. Write a smaller burst "
       "or a higher rate. [R006]"},
      {wanted("bytes/recipient_domain", "50MB/min"),
       "per: bytes cannot be counted per recipient_domain. With this measure write one of "
       "connector, source, source/N, sender, sender_domain, user. [R007]"},
      {wanted("bytes/source", "1MB/min"),
       "rate: the burst is 1MB and max_message_size 36MB: a message of that size would never pass. "
       "Write burst = \"36MB\" or more, or a max_message_size of at most 1MB. [R036]"},
      {wanted("concurrent/source/24", "0"),
       "max: 0 is out of range. Write a whole number from 1 to 2147483647. [R006]"},
      {wanted("concurrent/source/24", "5/min"),
       "max: found a string ('5/min'). Write a whole number from 1 to 2147483647. [R005]"},
      {wanted("message_rate_limit", "0"),
       "message_rate_limit: 0 is out of range. Write a whole number from 1 to 2147483647, or "
       "\"unlimited\". [R006]"},
      {wanted("message_rate_limit", "600", "5"),
       "message_rate_limit has no burst of its own. Write a limit by its measure and key, such as "
       "messages/source=1200/min burst=100"},
  };
  for (const auto& [override, said] : cases) EXPECT_EQ(refusal(kSource, override), said);
}

TEST(LimitOverride, OneThatCannotBeLeavesTheOthersInForce) {
  const auto result = overridden(
      kSource, {wanted("messages/source", "1200/min"), wanted("recipients/source", "0/min")});
  EXPECT_TRUE(result.effects[0]);
  EXPECT_FALSE(result.effects[1]);
  EXPECT_EQ(result.limits[0].rate.count, 1200);
}

TEST(LimitOverride, AtMost32LimitsAConnector) {
  std::string limits;
  for (int bits = 1; bits <= 31; ++bits) {
    limits += "[[limit]]\nmeasure = \"messages\"\nper = \"source/" + std::to_string(bits) +
              "\"\nrate = \"" + std::to_string(bits) + "/min\"\n";
  }
  const auto result = overridden(
      limits, {wanted("recipients/source", "5/min"), wanted("recipients/connector", "9/min")});
  EXPECT_TRUE(result.effects[0]);
  ASSERT_FALSE(result.effects[1]);
  EXPECT_EQ(result.effects[1].error(), "a connector has at most 32 limits");
}

TEST(LimitOverride, NamesAreKnownInOneForm) {
  EXPECT_EQ(limit_name("messages/source"), "messages/source");
  EXPECT_EQ(limit_name("Messages"), "messages/connector");
  EXPECT_EQ(limit_name("bytes/source/24,64"), "bytes/source/24");
  EXPECT_EQ(limit_name("MessageRateLimit"), "message_rate_limit");
  EXPECT_EQ(limit_name("max_inbound_conection").error(),
            "there is no limit 'max_inbound_conection'. Did you mean 'max_inbound_connection'?");
  EXPECT_EQ(limit_name("mesages/source").error(),
            "measure: 'mesages' is not known. Write \"connections\", \"concurrent\", \"messages\", "
            "\"recipients\", \"bytes\", \"commands\", \"errors\", \"auth_failures\" or "
            "\"tls_handshakes\". [R007]");
  EXPECT_FALSE(limit_name("messages/client"));
  EXPECT_FALSE(limit_name("messages/source/33,64"));
  EXPECT_FALSE(limit_name(""));
}

TEST(LimitOverride, TheTimeIsADurationOfAtMost30Days) {
  EXPECT_EQ(override_time("2h"), hours(2));
  EXPECT_EQ(override_time("30d"), hours(24 * 30));
  const std::string allowed =
      " Write a duration from 1s to 30d, such as \"90s\", \"5m\" or \"00:05:00\". ";
  EXPECT_EQ(override_time("2 h").error(), "--for: '2 h' is no duration." + allowed + "[R007]");
  EXPECT_EQ(override_time("31d").error(), "--for: '31d' is out of range." + allowed + "[R006]");
  EXPECT_EQ(override_time("0s").error(), "--for: '0s' is out of range." + allowed + "[R006]");
}

}  // namespace
}  // namespace relais::config
