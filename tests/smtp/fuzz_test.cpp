// Deterministic mutation fuzz over the dialogues. For every case: no ASSERT, invariants after each
// call, output that is clean lines (Replay checks both), and the same trace however the bytes are
// cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/prng.h"
#include "dialogue.h"

namespace relais::smtp::test {
namespace {

using namespace std::string_view_literals;

std::vector<Dialogue> all_dialogues() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(RELAIS_DIALOGUES))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Dialogue> dialogues;
  for (const auto& path : paths) dialogues.push_back(read_dialogue(path));
  return dialogues;
}

std::string_view token(Prng& prng) {
  static constexpr std::string_view kTokens[] = {"\r\n"sv,
                                                 "\r"sv,
                                                 "\n"sv,
                                                 "\0"sv,
                                                 "."sv,
                                                 "\r\n.\r\n"sv,
                                                 "\n.\n"sv,
                                                 "\r\n.\r"sv,
                                                 "<"sv,
                                                 ">"sv,
                                                 "@"sv,
                                                 "\""sv,
                                                 "\\"sv,
                                                 " "sv,
                                                 "\t"sv,
                                                 "\xff"sv,
                                                 "MAIL FROM:<a@contoso.com>\r\n"sv,
                                                 "RCPT TO:<b@contoso.com>\r\n"sv,
                                                 "DATA\r\n"sv,
                                                 "RSET\r\n"sv,
                                                 "EHLO x\r\n"sv,
                                                 "NOOP\r\n"sv,
                                                 "QUIT\r\n"sv,
                                                 "Received: by a\r\n"sv,
                                                 "X-MS-Exchange-Organization-A: b\r\n "sv,
                                                 " SIZE="sv,
                                                 " BODY=8BITMIME"sv,
                                                 "[IPv6:"sv,
                                                 "99999999999999999999"sv};
  return kTokens[prng.below(std::size(kTokens))];
}

void mutate(std::string& input, Prng& prng) {
  const size_t at = prng.below(input.size() + 1);
  const size_t length = prng.below(std::min<size_t>(input.size() - at, 40) + 1);
  switch (prng.below(6)) {
    case 0:
      input.insert(at, token(prng));
      break;
    case 1:
      input.erase(at, length);
      break;
    case 2:
      input.insert(prng.below(input.size() + 1), input.substr(at, length));
      break;
    case 3:
      input.replace(at, length, token(prng));
      break;
    case 4:
      if (at < input.size()) input[at] = static_cast<char>(prng.below(256));
      break;
    default:
      if (prng.one_in(8)) input.insert(at, prng.below(4000), 'x');
      break;
  }
}

std::vector<Answer> random_answers(Prng& prng) {
  static constexpr Reply kAnswers[] = {{250, {2, 0, 0}, ""},
                                       {250, {}, ""},
                                       {451, {4, 3, 0}, ""},
                                       {550, {5, 7, 1}, ""},
                                       {421, {4, 3, 2}, ""}};
  std::vector<Answer> answers(40);
  for (Answer& answer : answers) {
    answer.verdict.reply = kAnswers[prng.one_in(4) ? prng.below(std::size(kAnswers)) : 0];
    answer.verdict.close = answer.verdict.reply.code == 421;
    answer.text = prng.one_in(20) ? "text \xff\r\nfrom a next hop \0"sv : "text"sv;
  }
  return answers;
}

void vary_options(ServerOptions& options, Prng& prng) {
  if (prng.one_in(4)) options.max_protocol_errors = static_cast<uint32_t>(prng.below(4));
  if (prng.one_in(2)) options.max_protocol_errors = UINT32_MAX;
  if (prng.one_in(4)) options.max_recipients = static_cast<uint32_t>(prng.between(1, 3));
  if (prng.one_in(4)) options.max_message_size = prng.below(200);
  if (prng.one_in(4)) options.max_header_size = static_cast<uint32_t>(prng.below(100));
  if (prng.one_in(4)) options.reject_bare_line_ends = false;
  if (prng.one_in(2)) options.header.keep_routing = false;
}

TEST(ServerFuzz, MutatedDialoguesHaveOneResultHoweverTheyAreCut) {
  const std::vector<Dialogue> dialogues = all_dialogues();
  ASSERT_FALSE(dialogues.empty());
  const char* wanted = std::getenv("RELAIS_FUZZ_CASES");
  const uint64_t cases = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 30'000;
  uint64_t ended = 0;
  for (uint64_t seed = 0; seed < cases && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    Dialogue dialogue = dialogues[prng.below(dialogues.size())];
    for (uint64_t i = prng.between(1, 8); i > 0; --i) mutate(dialogue.input, prng);
    if (prng.one_in(2)) dialogue.answers = random_answers(prng);
    vary_options(dialogue.options, prng);

    std::vector<size_t> cuts(prng.between(1, 20));
    for (size_t& cut : cuts) cut = prng.below(dialogue.input.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    const Trace whole = replay(dialogue, {});
    ASSERT_EQ(join(replay(dialogue, cuts)), join(whole)) << escape(dialogue.input);
    ended += static_cast<uint64_t>(std::count(whole.begin(), whole.end(), "? end"));
  }
  EXPECT_GT(ended, cases / 10) << "the cases reach the end of messages";
}

}  // namespace
}  // namespace relais::smtp::test
