// What a good [[limit]] becomes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "config/settings.h"
#include "folder.h"

namespace relais::config {
namespace {

using policy::Limit;
using policy::LimitAction;
using policy::LimitKey;
using policy::Measure;

std::vector<Limit> read(const std::string& tables, const std::string& connector = {}) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", std::string(kGoodConnector) + connector + tables);
  EXPECT_EQ(folder.findings(), std::vector<std::string>{}) << tables;
  const Loaded loaded = folder.load();
  EXPECT_EQ(loaded.lines.at(0).limits.size(), loaded.model.receive_connectors.at(0).limits.size());
  return loaded.model.receive_connectors.at(0).limits;
}

std::string texts(const std::string& tables, const std::string& connector = {}) {
  std::string texts;
  for (const Limit& limit : read(tables, connector)) {
    texts += (texts.empty() ? "" : "\n") + limit_text(limit);
  }
  return texts;
}

TEST(LimitTable, TheLeastHasTheDefaults) {
  const auto limits = read("[[limit]]\nmeasure = \"messages\"\nrate = \"600/min\"\n");
  Limit expected;
  expected.measure = Measure::kMessages;
  expected.key = LimitKey::kConnector;
  expected.rate = {600, minutes(1)};
  expected.burst = 600;
  expected.steps = {{LimitAction::kDefer, 100}};
  EXPECT_EQ(limits, std::vector<Limit>{expected});
}

TEST(LimitTable, EveryKeyReachesTheModel) {
  const auto limits = read(
      "[[limit]]\nmax_delay = \"90s\"\nthresholds = [100, 150, 1000]\n"
      "action = [\"Delay\", \"defer\", \"close\"]\nburst = 30\nrate = \"10/15s\"\n"
      "per = \"sender_domain\"\nmeasure = \"Recipients\"\n"
      "[[limit]]\nmeasure = \"recipients\"\nper = \"source\"\nrate = \"1/s\"\n");
  Limit expected;
  expected.measure = Measure::kRecipients;
  expected.key = LimitKey::kSenderDomain;
  expected.rate = {10, seconds(15)};
  expected.burst = 30;
  expected.steps = {
      {LimitAction::kDelay, 100}, {LimitAction::kDefer, 150}, {LimitAction::kClose, 1000}};
  expected.max_delay = seconds(90);
  ASSERT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits[0], expected);
}

TEST(LimitTable, EachMeasureHasItsDefaultAction) {
  const auto first = [](const std::string& measure, const std::string& keys) {
    return texts("[[limit]]\nmeasure = \"" + measure + "\"\n" + keys);
  };
  const std::string rate = "rate = \"9/s\"\n";
  EXPECT_EQ(first("connections", rate), "connections/connector 9/s burst 9 close");
  EXPECT_EQ(first("concurrent", "max = 9\n"), "concurrent/connector at most 9 close");
  EXPECT_EQ(first("messages", rate), "messages/connector 9/s burst 9 defer");
  EXPECT_EQ(first("recipients", rate), "recipients/connector 9/s burst 9 defer");
  EXPECT_EQ(first("bytes", "rate = \"40MB/s\"\n"), "bytes/connector 40MB/s burst 40MB defer");
  EXPECT_EQ(first("commands", rate), "commands/connector 9/s burst 9 defer");
  EXPECT_EQ(first("errors", rate), "errors/connector 9/s burst 9 defer");
}

TEST(LimitTable, StepsBeginAtTwiceAndFourTimesTheLimitUnlessItSays) {
  const std::string start = "[[limit]]\nmeasure = \"commands\"\nrate = \"9/s\"\naction = ";
  EXPECT_EQ(texts(start + "[\"delay\", \"defer\", \"close\"]\n"),
            "commands/connector 9/s burst 9 delay up to 30s, defer at 200%, close at 400%");
  EXPECT_EQ(texts(start + "[\"delay\", \"close\"]\n"),
            "commands/connector 9/s burst 9 delay up to 30s, close at 200%");
  EXPECT_EQ(texts(start + "[\"close\"]\nthresholds = [100]\n"),
            "commands/connector 9/s burst 9 close");
  EXPECT_EQ(texts(start + "[\"defer\", \"close\"]\nthresholds = [100, 101]\n"),
            "commands/connector 9/s burst 9 defer, close at 101%");
}

TEST(LimitTable, NetworksAreCountedByBothFamilies) {
  const auto prefixes = [](const std::string& per) {
    const auto limits =
        read("[[limit]]\nmeasure = \"errors\"\nper = \"" + per + "\"\nrate = \"1/s\"\n");
    const Limit& limit = limits.at(0);
    return std::pair(static_cast<int>(limit.prefix_v4), static_cast<int>(limit.prefix_v6));
  };
  EXPECT_EQ(prefixes("source/24"), std::pair(24, 64));
  EXPECT_EQ(prefixes("source/1"), std::pair(1, 64));
  EXPECT_EQ(prefixes("source/32"), std::pair(32, 64));
  EXPECT_EQ(prefixes("source/33"), std::pair(32, 33));
  EXPECT_EQ(prefixes("source/48"), std::pair(32, 48));
  EXPECT_EQ(prefixes("source/24,48"), std::pair(24, 48));
  EXPECT_EQ(prefixes("source/24,20"), std::pair(24, 20));
  const auto whole =
      read("[[limit]]\nmeasure = \"errors\"\nper = \"source/128\"\nrate = \"1/s\"\n");
  EXPECT_EQ(whole.at(0).key, LimitKey::kSource);
}

// What a limit is called can be written as the key of another one.
TEST(LimitTable, ItsNameIsReadAsItself) {
  for (const char* per : {"connector", "source", "source/24", "source/32", "source/48",
                          "source/24,48", "source/24,128", "source/32,20", "source/128"}) {
    const auto read_one = [](const std::string& text) {
      return read("[[limit]]\nmeasure = \"errors\"\nrate = \"1/s\"\nper = \"" + text + "\"\n")
          .at(0);
    };
    const Limit limit = read_one(per);
    EXPECT_EQ(read_one(limit.name().substr(7)), limit) << per << ' ' << limit.name();
  }
}

TEST(LimitTable, TheBoundsAreAllowed) {
  const std::string commands = "[[limit]]\nmeasure = \"commands\"\n";
  EXPECT_EQ(texts(commands + "rate = \"2147483648/min\"\n"),
            "commands/connector 2147483648/min burst 2147483648 defer");
  EXPECT_EQ(texts(commands + "rate = \"1/30d\"\n"), "commands/connector 1/2592000s burst 1 defer");
  EXPECT_EQ(texts(commands + "rate = \"365/365d\"\nburst = 30\n"),
            "commands/connector 365/31536000s burst 30 defer");
  EXPECT_EQ(texts(commands + "rate = \"10/s\"\naction = \"delay\"\nmax_delay = \"5m\"\n"),
            "commands/connector 10/s burst 10 delay up to 5m");
  EXPECT_EQ(texts("[[limit]]\nmeasure = \"bytes\"\nrate = \"100MB/s\"\nburst = \"1TB\"\n"),
            "bytes/connector 100MB/s burst 1TB defer");
  EXPECT_EQ(texts("[[limit]]\nmeasure = \"bytes\"\nrate = \"1MB/s\"\nburst = 1048576\n",
                  "max_message_size = \"1MB\"\n"),
            "bytes/connector 1MB/s burst 1MB defer");
  EXPECT_EQ(texts("[[limit]]\nmeasure = \"bytes\"\nrate = \"2MB/s\"\naction = \"delay\"\n"),
            "bytes/connector 2MB/s burst 2MB delay up to 30s");
  // Refused is what is more than twice the limit, so a message has room in twice the burst.
  EXPECT_EQ(texts("[[limit]]\nmeasure = \"bytes\"\nrate = \"18MB/s\"\n"
                  "action = [\"delay\", \"defer\"]\n"),
            "bytes/connector 18MB/s burst 18MB delay up to 30s, defer at 200%");
}

// The examples of the manual, each a whole connector, and the words that it quotes.
TEST(LimitTable, TheManualIsTrue) {
  std::ifstream file(RELAIS_SOURCE_DIR "/docs/limits.md");
  const std::string manual(std::istreambuf_iterator<char>(file), {});
  const std::string fence = "```toml\n# connectors/";
  size_t examples = 0;
  for (size_t at = manual.find(fence); at != std::string::npos; at = manual.find(fence, at + 1)) {
    const size_t begin = manual.find('\n', at) + 1;
    Folder folder;
    folder.write("relais.toml", kGoodMain);
    folder.write("connectors/in.toml", manual.substr(begin, manual.find("```", begin) - begin));
    EXPECT_EQ(folder.findings(), std::vector<std::string>{}) << manual.substr(begin, 40);
    const Loaded loaded = folder.load();
    EXPECT_FALSE(loaded.model.receive_connectors.at(0).limits.empty());
    ++examples;
  }
  EXPECT_EQ(examples, 4U);
  for (const Rule rule : {Rule::kLimitNeverBinds, Rule::kLimitBesideParameter, Rule::kLongDelay,
                          Rule::kClientChoosesBucket, Rule::kShadowLimit}) {
    EXPECT_NE(manual.find('(' + id_of(rule) + ')'), std::string::npos) << id_of(rule);
  }
}

TEST(LimitTable, ThereMayBe32) {
  std::string tables;
  for (int i = 1; i <= 32; ++i) {
    tables += "[[limit]]\nmeasure = \"errors\"\nper = \"source/" + std::to_string(i) +
              ",20\"\nrate = \"" + std::to_string(100 - i) + "/s\"\n";
  }
  EXPECT_EQ(read(tables).size(), 32U);
}

}  // namespace
}  // namespace relais::config
