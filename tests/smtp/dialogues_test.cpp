// Every dialogue of tests/dialogues, under every cutting. RELAIS_UPDATE=1 rewrites the files
// instead, for review in `git diff`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/prng.h"
#include "dialogue.h"

namespace relais::smtp::test {
namespace {

std::vector<std::string> dialogue_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(RELAIS_DIALOGUES)) {
    if (entry.path().extension() == ".smtp") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Dialogues : public testing::TestWithParam<std::string> {};

TEST_P(Dialogues, GoTheSameWayHoweverTheBytesAreCut) {
  const std::string path = std::string(RELAIS_DIALOGUES) + "/" + GetParam() + ".smtp";
  const Dialogue dialogue = read_dialogue(path);
  if (std::getenv("RELAIS_UPDATE") != nullptr) {
    std::ofstream(path) << rewritten(dialogue);
    return;
  }
  const std::string expected = join(dialogue.trace);
  const size_t octets = dialogue.input.size();
  ASSERT_EQ(join(replay(dialogue, {})), expected) << "fed whole";

  for (size_t cut = 0; cut <= octets; ++cut) {
    ASSERT_EQ(join(replay(dialogue, {cut})), expected) << "cut at " << cut;
  }
  std::vector<size_t> every(octets);
  std::iota(every.begin(), every.end(), size_t{1});
  ASSERT_EQ(join(replay(dialogue, every)), expected) << "byte by byte";

  for (uint64_t seed = 0; seed < 50; ++seed) {
    Prng prng(seed);
    std::vector<size_t> cuts(prng.between(2, 12));
    for (size_t& cut : cuts) cut = prng.below(octets + 1);
    std::sort(cuts.begin(), cuts.end());
    ASSERT_EQ(join(replay(dialogue, cuts)), expected) << "seed " << seed;
  }
}

// A session may go over to another core between two commands.
TEST_P(Dialogues, GoTheSameWayInOtherHands) {
  if (std::getenv("RELAIS_UPDATE") != nullptr) GTEST_SKIP();
  const Dialogue dialogue =
      read_dialogue(std::string(RELAIS_DIALOGUES) + "/" + GetParam() + ".smtp");
  const std::string expected = join(dialogue.trace);
  for (size_t cut = 0; cut <= dialogue.input.size(); ++cut) {
    ASSERT_EQ(join(replay(dialogue, {cut}, true)), expected) << "cut at " << cut;
  }
}

TEST_P(Dialogues, ReadAsTheyWouldBeRewritten) {
  const std::string path = std::string(RELAIS_DIALOGUES) + "/" + GetParam() + ".smtp";
  const Dialogue dialogue = read_dialogue(path);
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, rewritten(dialogue));
}

INSTANTIATE_TEST_SUITE_P(All, Dialogues, testing::ValuesIn(dialogue_names()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace relais::smtp::test
