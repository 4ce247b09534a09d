// Every mistake that a [[limit]] can hold, and word for word what the operator reads about it.
#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

Texts findings_of(const std::string& tables) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", std::string(kGoodConnector) + tables);
  return folder.findings();
}

const std::string kMeasureText =
    " Write \"connections\", \"concurrent\", \"messages\", \"recipients\", \"bytes\", "
    "\"commands\", \"errors\", \"auth_failures\" or \"tls_handshakes\".";
const std::string kPerText =
    " Write \"connector\", \"source\", a network such as \"source/24\", \"source/48\" or "
    "\"source/24,48\", \"sender\", \"sender_domain\", \"user\" or \"recipient_domain\".";
const std::string kRateText =
    " Write a count and a time, such as \"600/min\", \"10/s\", \"100/h\", \"5000/d\", \"10/15s\" "
    "or, of bytes, \"50MB/min\".";
const std::string kActionText =
    " Write \"delay\", \"defer\", \"close\" or \"shadow\", or a list of the first three in that "
    "order, such as [\"delay\", \"defer\"].";
const std::string kThresholdsText =
    " Write a list of percents from 100 to 10000, one an action, that begins with 100 and rises, "
    "such as [100, 200].";

struct Mistake {
  std::string keys;      // behind [[limit]], which is line 5
  std::string expected;  // behind "limit[0]" and its line
};

void expect(const std::vector<Mistake>& mistakes) {
  for (const auto& [keys, expected] : mistakes) {
    EXPECT_EQ(findings_of("[[limit]]\n" + keys + '\n'), Texts{"DIR/connectors/in.toml:" + expected})
        << keys;
  }
}

TEST(LimitMistakes, InMeasureAndKey) {
  const std::string good = "measure = \"bytes\"\nrate = \"1GB/min\"\n";
  const auto per = [&](const std::string& text, const std::string& what) {
    return Mistake{good + "per = \"" + text + '"',
                   "8: limit[0].per: '" + text + "': " + what + '.' + kPerText};
  };
  const std::string no_number = "the length of the prefix is no whole number";
  expect({
      {"rate = \"5/s\"", "5: limit[0].measure: is missing." + kMeasureText},
      {"measure = \"mail\"\nrate = \"5/s\"",
       "6: limit[0].measure: 'mail' is not known." + kMeasureText},
      {"measure = 5\nrate = \"5/s\"",
       "6: limit[0].measure: found a whole number (5)." + kMeasureText},
      {good + "per = 5", "8: limit[0].per: found a whole number (5)." + kPerText},
      {good + "per = \"concurrent\"", "8: limit[0].per: 'concurrent' is not known." + kPerText},
      per("source/", no_number),
      per("source/x", no_number),
      per("source/-1", no_number),
      per("source/24,", no_number),
      per("source/24,x", no_number),
      per("source/24,48,64", no_number),
      per("source/24 ", no_number),
      per("source/99999999999", no_number),
      per("source/0", "a network of every address is the connector itself"),
      per("source/24,0", "a network of every address is the connector itself"),
      per("source/129", "a prefix has at most 32 bits of IPv4 or 128 of IPv6"),
      per("source/33,48", "a prefix of IPv4 has at most 32 bits"),
      per("source/24,129", "a prefix of IPv6 has at most 128 bits"),
      {good + "per = \"recipient_domain\"",
       "8: limit[0].per: bytes cannot be counted per recipient_domain. With this measure write one "
       "of connector, source, source/N, sender, sender_domain, user."},
      {"measure = \"concurrent\"\nmax = 5\nper = \"sender\"",
       "8: limit[0].per: concurrent cannot be counted per sender. With this measure write one of "
       "connector, source, source/N."},
      {"measure = \"connections\"\nrate = \"5/s\"\nper = \"user\"",
       "8: limit[0].per: connections cannot be counted per user. With this measure write one of "
       "connector, source, source/N."},
      {"measure = \"messages\"\nrate = \"5/s\"\nper = \"recipient_domain\"",
       "8: limit[0].per: messages cannot be counted per recipient_domain. With this measure write "
       "one of connector, source, source/N, sender, sender_domain, user."},
      {"measure = \"errors\"\nrate = \"5/s\"\nlevel = 5",
       "8: limit[0].level: unknown key. Known here: measure, per, rate, burst, max, action, "
       "thresholds, max_delay."},
  });
}

TEST(LimitMistakes, InRateBurstAndMax) {
  const std::string messages = "measure = \"messages\"\n";
  const auto rate = [&](const std::string& text, const std::string& what) {
    return Mistake{messages + "rate = \"" + text + '"',
                   "7: limit[0].rate: '" + text + "': " + what + '.' + kRateText};
  };
  const std::string count = " Write a whole number from 1 to 2147483648.";
  const std::string octets =
      " Write a size from 1 to 1TB, in octets or as in \"64KB\" or \"36MB\".";
  const std::string bytes = "measure = \"bytes\"\nrate = \"100MB/s\"\nburst = ";
  const std::string max = " Write a whole number from 1 to 2147483647.";
  const std::string none =
      ": connections at one time have none. Write max, the most at one time; the measure "
      "\"connections\" has a rate.";
  expect({
      {messages, "5: limit[0].rate: is missing." + kRateText},
      {messages + "rate = 600", "7: limit[0].rate: found a whole number (600)." + kRateText},
      rate("10/fortnight", "'fortnight' is no unit of time; those are s, min, h and d"),
      rate("0/min", "the count is 0"),
      rate("-5/min", "'-5' is no whole number above 0"),
      rate("600", "the period is missing"),
      rate("1000000001/s", "more than 1000000000 a second"),
      rate("1/366d", "the period is longer than 365 days"),
      rate("50MB/min", "sizes are for bytes only"),
      {messages + "rate = \"5/s\"\nburst = 0", "8: limit[0].burst: 0 is out of range." + count},
      {messages + "rate = \"5/s\"\nburst = -1", "8: limit[0].burst: -1 is out of range." + count},
      {messages + "rate = \"5/s\"\nburst = 2147483649",
       "8: limit[0].burst: 2147483649 is out of range." + count},
      {messages + "rate = \"5/s\"\nburst = \"5\"",
       "8: limit[0].burst: found a string ('5')." + count},
      {messages + "rate = \"5/s\"\nburst = 1.5",
       "8: limit[0].burst: found a number (1.5)." + count},
      {bytes + "\"0MB\"", "8: limit[0].burst: '0MB' is out of range." + octets},
      {bytes + "\"2TB\"", "8: limit[0].burst: '2TB' is out of range." + octets},
      {bytes + "\"much\"", "8: limit[0].burst: 'much' is no size." + octets},
      {messages + "rate = \"2147483649/min\"",
       "7: limit[0].rate: '2147483649/min': so many may not come at once, and there is no burst. "
       "Write burst, a whole number from 1 to 2147483648."},
      {messages + "rate = \"1/31d\"",
       "7: limit[0].rate: at 1/31d a burst of 1 returns only after more than 30 days. Write a "
       "smaller burst or a higher rate."},
      {messages + "rate = \"1/h\"\nburst = 721",
       "8: limit[0].burst: at 1/h a burst of 721 returns only after more than 30 days. Write a "
       "smaller burst or a higher rate."},
      {messages + "rate = \"5/s\"\nmax = 5",
       "8: limit[0].max: only concurrent has one. Write rate and burst."},
      {"measure = \"concurrent\"", "5: limit[0].max: is missing." + max},
      {"measure = \"concurrent\"\nmax = 0", "7: limit[0].max: 0 is out of range." + max},
      {"measure = \"concurrent\"\nmax = \"unlimited\"",
       "7: limit[0].max: found a string ('unlimited')." + max},
      {"measure = \"concurrent\"\nmax = 5\nrate = \"5/s\"", "8: limit[0].rate" + none},
      {"measure = \"concurrent\"\nmax = 5\nburst = 5", "8: limit[0].burst" + none},
  });
}

TEST(LimitMistakes, InActionsAndSteps) {
  const std::string start = "measure = \"errors\"\nrate = \"5/s\"\n";
  const std::string concurrent = "measure = \"concurrent\"\nmax = 5\n";
  const std::string list = start + "action = [\"delay\", \"defer\"]\n";
  const auto action = [&](const std::string& value, const std::string& what) {
    return Mistake{start + "action = " + value, "8: limit[0].action" + what + '.' + kActionText};
  };
  const auto thresholds = [&](const std::string& value, const std::string& what) {
    return Mistake{list + "thresholds = " + value,
                   "9: limit[0].thresholds: " + what + '.' + kThresholdsText};
  };
  expect({
      action("\"reject\"", ": 'reject' is not known"),
      action("5", ": found a whole number (5)"),
      action("[]", ": an empty list"),
      action("[\"delay\", 5]", "[1]: found a whole number (5)"),
      action("[\"delay\", \"reject\"]", "[1]: 'reject' is not known"),
      action("[\"defer\", \"delay\"]", ": \"delay\" stands behind \"defer\""),
      action("[\"defer\", \"defer\"]", ": \"defer\" stands behind \"defer\""),
      action("[\"shadow\", \"close\"]", ": \"shadow\" stands beside other actions"),
      action("[\"delay\", \"shadow\"]", ": \"shadow\" stands beside other actions"),
      {concurrent + "action = \"delay\"",
       "8: limit[0].action: a connection too many cannot be delayed: nobody knows when another one "
       "ends. Write one of \"defer\", \"close\" and \"shadow\"."},
      {concurrent + "action = [\"defer\", \"close\"]",
       "8: limit[0].action: connections at one time have one action, not steps. Write one of "
       "\"defer\", \"close\" and \"shadow\"."},
      {start + "action = \"delay\"\nthresholds = [100]",
       "9: limit[0].thresholds: stands beside one action. Write a list of actions, such as action "
       "= [\"delay\", \"defer\"]."},
      {start + "thresholds = [100]",
       "8: limit[0].thresholds: stands beside one action. Write a list of actions, such as action "
       "= [\"delay\", \"defer\"]."},
      thresholds("200", "found a whole number (200)"),
      thresholds("[]", "0 thresholds for 2 actions"),
      thresholds("[100]", "1 thresholds for 2 actions"),
      thresholds("[100, 200, 300]", "3 thresholds for 2 actions"),
      thresholds("[50, 100]", "begins with 50"),
      thresholds("[100, 100]", "100 stands behind 100"),
      thresholds("[100, -200]", "-200 stands behind 100"),
      thresholds("[100, 10001]", "10001 is more than 10000"),
      thresholds("[100, \"200\"]", "found a string ('200')"),
      {"measure = \"errors\"\nrate = \"600000000/s\"\naction = [\"defer\", \"close\"]",
       "7: limit[0].rate: '600000000/s': 200% of it are more than 1000000000 a second." +
           kRateText},
      {start + "max_delay = \"5s\"",
       "8: limit[0].max_delay: no action of this limit delays. Add \"delay\" to action, or take "
       "max_delay away."},
      {concurrent + "max_delay = \"5s\"",
       "8: limit[0].max_delay: no action of this limit delays. Add \"delay\" to action, or take "
       "max_delay away."},
      {start + "action = \"delay\"\nmax_delay = \"0s\"",
       "9: limit[0].max_delay: '0s' is out of range. Write a duration from 1ms to 10m, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
      {start + "action = \"delay\"\nmax_delay = \"11m\"",
       "9: limit[0].max_delay: '11m' is out of range. Write a duration from 1ms to 10m, such as "
       "\"90s\", \"5m\" or \"00:05:00\"."},
  });
}

TEST(LimitMistakes, OfATableAsAWhole) {
  EXPECT_EQ(
      findings_of("[limit]\nmeasure = \"errors\"\nrate = \"5/s\"\n"),
      Texts{"DIR/connectors/in.toml:5: limit: found a table. Write one table a limit, at most "
            "32: [[limit]]."});
  const std::string good = "[[limit]]\nmeasure = \"errors\"\nper = \"source\"\nrate = \"5/s\"\n";
  EXPECT_EQ(findings_of(good + "[[limit]]\nmeasure = \"errors\"\nper = \"source/32,128\"\n"
                               "rate = \"1/h\"\n"),
            Texts{"DIR/connectors/in.toml:9: limit[1]: errors/source is limited twice (line 5). "
                  "Keep one of the two; a list of actions makes steps of one limit."});
  // A table that is wrong has no measure and key to be the same as another's.
  EXPECT_EQ(findings_of("[[limit]]\nmeasure = \"errors\"\nper = \"source\"\n" + good),
            Texts{"DIR/connectors/in.toml:5: limit[0].rate: is missing." + kRateText});
  // Everything that is wrong is told at once.
  EXPECT_EQ(
      findings_of("[[limit]]\nmeasure = \"errors\"\nper = \"user\"\nrate = \"0/s\"\n"
                  "action = [\"close\"]\nthresholds = [100, 200]\n"),
      (Texts{"DIR/connectors/in.toml:7: limit[0].per: errors cannot be counted per user. With this "
             "measure write one of connector, source, source/N.",
             "DIR/connectors/in.toml:8: limit[0].rate: '0/s': the count is 0." + kRateText,
             "DIR/connectors/in.toml:10: limit[0].thresholds: 2 thresholds for 1 actions." +
                 kThresholdsText}));
  std::string many;
  for (int i = 1; i <= 33; ++i) {
    many += "[[limit]]\nmeasure = \"errors\"\nper = \"source/" + std::to_string(128 - i) +
            "\"\nrate = \"" + std::to_string(100 + i) + "/s\"\n";
  }
  const auto found = findings_of(many);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back(),
            "DIR/connectors/in.toml:133: limit[32]: 33 limits; a connector has at most 32. Take "
            "some of them away.");
}

}  // namespace
}  // namespace relais::config
