#include "load/options.h"

#include <gtest/gtest.h>

namespace relais::load {
namespace {

Options good() {
  Options options;
  options.targets = {"127.0.0.1:2525"};
  return options;
}

std::string complaint(const Options& options) {
  const auto plan = make_plan(options);
  return plan ? "" : plan.error();
}

void expect_says(const Options& options, std::string_view words) {
  EXPECT_NE(complaint(options).find(words), std::string::npos) << complaint(options);
  EXPECT_EQ(complaint(options).find('\n'), std::string::npos);
}

TEST(Options, MakeAPlanOfLittle) {
  const auto plan = make_plan(good());
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_EQ(plan->sessions, 10U);
  EXPECT_EQ(plan->targets[0].endpoint.port, 2525);
  EXPECT_EQ(plan->script.mail, "MAIL FROM:<sender@example.com>");
  EXPECT_FALSE(plan->rate);
}

TEST(Options, NumberSeveralRecipients) {
  Options options = good();
  options.recipients = "3";
  const auto plan = make_plan(options);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->script.recipients.size(), 3U);
  EXPECT_EQ(plan->script.recipients[2], "RCPT TO:<recipient3@example.com>\r\n");
}

TEST(Options, LetOnlyThisMachineBeLoadedWithoutAWord) {
  for (const char* target : {"127.0.0.1:25", "127.9.9.9:25", "[::1]:25", "localhost:25",
                             "198.18.0.1:25", "198.19.255.255", "[2001:2::1]:25"}) {
    Options options = good();
    options.targets = {target};
    EXPECT_EQ(complaint(options), "") << target;
  }
  for (const char* target :
       {"10.0.0.1:25", "192.168.1.1:25", "172.16.0.1:25", "192.0.2.1:25", "8.8.8.8:25",
        "198.20.0.1:25", "[fd00::1]:25", "[2001:db8::1]:25", "0.0.0.0:25"}) {
    Options options = good();
    options.targets = {"127.0.0.1:25", target};
    expect_says(options, "--i-own-this-server");
    options.own_server = true;
    EXPECT_EQ(complaint(options), "") << target;
  }
}

TEST(Options, ComplainOfTargets) {
  for (const char* target : {"", ":25", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x"}) {
    Options options = good();
    options.targets = {target};
    expect_says(options, "write ADDRESS:PORT");
  }
  Options none = good();
  none.targets.clear();
  expect_says(none, "no target");
}

TEST(Options, ComplainOfNumbersWithTheirCure) {
  Options options = good();
  options.count = "0";
  expect_says(options, "--count 0: write a whole number from 1");
  options = good();
  options.sessions = "0";
  expect_says(options, "--sessions 0: write");
  options = good();
  options.rate = "0";
  expect_says(options, "--rate: a rate of 0 never sends");
  options = good();
  options.sizes = "0";
  expect_says(options, "--size: a message of size 0 cannot be sent");
  options = good();
  options.sizes = "gauss:10k";
  expect_says(options, "--size: 'gauss' is no size");
  options = good();
  options.run_for = "soon";
  expect_says(options, "--for soon: write a time");
  options = good();
  options.corpus = "/nonexistent";
  expect_says(options, "--corpus: cannot read the corpus /nonexistent");
  options = good();
  options.recipients = "0";
  expect_says(options, "--recipients 0");
  options = good();
  options.mode = "fast";
  expect_says(options, "write lock-step, pipelining or bdat");
}

TEST(Options, ComplainOfWhatDoesNotGoTogether) {
  Options options = good();
  options.ramp = "5s";
  expect_says(options, "--ramp without --rate");
  options.rate = "100";
  expect_says(options, "--ramp with a constant --rate");
  options.rate = "100..200";
  EXPECT_EQ(complaint(options), "");
  options.ramp.clear();
  expect_says(options, "how long the ramp takes");
  options.run_for = "5s";
  EXPECT_EQ(complaint(options), "");
  options = good();
  options.source = "fd00::1";
  expect_says(options, "all sources must be IPv4");
  options = good();
  options.user = "me";
  expect_says(options, "--password-file FILE");
  options.password_file = "/nonexistent";
  expect_says(options, "--password-file /nonexistent: cannot be read");
  options = good();
  options.tls_resume = true;
  expect_says(options, "--tls-resume without --tls");
}

TEST(Options, NeverLetAnAddressBecomeACommand) {
  for (const char* address : {"a@b>\r\nQUIT", "a b@c", "<a@b>", "\x80@b"}) {
    Options options = good();
    options.recipient = address;
    expect_says(options, "no address");
    options = good();
    options.sender = address;
    expect_says(options, "no address");
  }
}

}  // namespace
}  // namespace relais::load
