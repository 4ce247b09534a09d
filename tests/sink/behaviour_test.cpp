#include "sink/behaviour.h"

#include <gtest/gtest.h>

namespace relais::sink {
namespace {

TEST(BehaviourTest, WithoutRulesNothingHappens) {
  Prng prng(1);
  const Behaviour behaviour;
  EXPECT_FALSE(behaviour.has_rules_for_verbs());
  EXPECT_TRUE(behaviour.act_at(Place::kEnd, prng).is_nothing());
  EXPECT_EQ(behaviour.code_for("kate@fabrikam.com"), 0);
  EXPECT_EQ(behaviour.draw_tarpit(prng), Duration{});
}

TEST(BehaviourTest, RulesOfAPlaceComeTogether) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_delay("rcpt=50ms"));
  EXPECT_FALSE(behaviour.add_delay("rcpt=1s"));
  EXPECT_FALSE(behaviour.add_answer("rcpt=451"));
  EXPECT_FALSE(behaviour.add_close("end"));
  Prng prng(1);
  const Act at_rcpt = behaviour.act_at(Place::kRecipient, prng);
  EXPECT_EQ(at_rcpt.delay, milliseconds(1050));
  EXPECT_EQ(at_rcpt.code, 451);
  EXPECT_FALSE(at_rcpt.close);
  EXPECT_TRUE(behaviour.act_at(Place::kEnd, prng).close);
  EXPECT_TRUE(behaviour.act_at(Place::kMail, prng).is_nothing());
  EXPECT_TRUE(behaviour.has_rules_for_verbs());
}

TEST(BehaviourTest, APlaceThatIsNoVerbNeedsNoLookAtVerbs) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_answer("end=554,50%"));
  EXPECT_FALSE(behaviour.add_delay("connect=1s"));
  EXPECT_FALSE(behaviour.add_close("content"));
  EXPECT_FALSE(behaviour.has_rules_for_verbs());
}

TEST(BehaviourTest, APercentageIsOfTries) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_answer("mail=450,12.5%"));
  Prng prng(1);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) refused += behaviour.act_at(Place::kMail, prng).code != 0;
  EXPECT_NEAR(refused, 12'500, 500);
}

TEST(BehaviourTest, TheSameSeedIsTheSameRun) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_delay("end=1ms-1s,30%"));
  Prng one(7);
  Prng other(7);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(behaviour.act_at(Place::kEnd, one).delay, behaviour.act_at(Place::kEnd, other).delay);
  }
}

TEST(BehaviourTest, ATimeIsDrawnFromItsRange) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_delay("end=10ms-20ms"));
  Prng prng(1);
  for (int i = 0; i < 1'000; ++i) {
    const Duration delay = behaviour.act_at(Place::kEnd, prng).delay;
    EXPECT_GE(delay, milliseconds(10));
    EXPECT_LE(delay, milliseconds(20));
  }
}

TEST(BehaviourTest, TheFirstPatternThatFitsARecipientCounts) {
  Behaviour behaviour;
  EXPECT_FALSE(behaviour.add_answer_to("*@slow.contoso.com=450"));
  EXPECT_FALSE(behaviour.add_answer_to("kate=*@*=451"));
  EXPECT_FALSE(behaviour.add_answer_to("*contoso.com=550"));
  EXPECT_EQ(behaviour.code_for("a@SLOW.contoso.com"), 450);
  EXPECT_EQ(behaviour.code_for("a@contoso.com"), 550);
  EXPECT_EQ(behaviour.code_for("kate=1@fabrikam.com"), 451);
  EXPECT_EQ(behaviour.code_for("a@fabrikam.com"), 0);
}

TEST(BehaviourTest, PatternsGoBackWhereTheyMust) {
  EXPECT_TRUE(fits("*", ""));
  EXPECT_TRUE(fits("a*b*c", "a-bb-b-c"));
  EXPECT_TRUE(fits("*ab", "aaab"));
  EXPECT_FALSE(fits("a*b", "a-b-c"));
  EXPECT_FALSE(fits("", "a"));
  EXPECT_FALSE(fits("*" + std::string(60, 'a') + "*b", std::string(10'000, 'a')));
}

TEST(BehaviourTest, TimesHaveAUnitAndALimit) {
  EXPECT_EQ(parse_time("50ms"), milliseconds(50));
  EXPECT_EQ(parse_time("2s"), seconds(2));
  EXPECT_EQ(parse_time("1m"), minutes(1));
  EXPECT_EQ(parse_time("1h"), hours(1));
  for (const std::string_view text : {"", "5", "ms", "-5ms", "5 ms", "61m", "5d", "99999999999s"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(BehaviourTest, EachMistakeIsNamed) {
  Behaviour behaviour;
  const auto problem = [](const Behaviour::Problem& found) { return found.value_or("none"); };
  EXPECT_EQ(problem(behaviour.add_delay("mial=2s")),
            "there is no place 'mial'; places are connect, hello, starttls, mail, rcpt, data, "
            "content, end, rset, noop, quit");
  EXPECT_EQ(problem(behaviour.add_delay("mail")), "'mail' is not of the form PLACE=WHAT");
  EXPECT_EQ(problem(behaviour.add_delay("mail=2")),
            "'2' is no time, as in 50ms, 2s or 10ms-2s, at most 1h");
  EXPECT_EQ(problem(behaviour.add_delay("mail=2s-1s")),
            "'2s-1s' is no time, as in 50ms, 2s or 10ms-2s, at most 1h");
  for (const std::string_view percentage : {"0%", "101%", "5", "-1%", "nan%", "%", ""}) {
    EXPECT_EQ(problem(behaviour.add_close("mail," + std::string(percentage))),
              "'" + std::string(percentage) + "' is no percentage from 0 to 100, as in 5%");
  }
  EXPECT_EQ(problem(behaviour.add_answer("mail=250")), "'250' is no code that refuses, 400 to 599");
  EXPECT_EQ(problem(behaviour.add_answer("quit=451")), "nothing is refused at 'quit'");
  EXPECT_EQ(problem(behaviour.add_answer_to("=451")), "'=451' is not of the form PLACE=WHAT");
  EXPECT_NE(problem(behaviour.set_tarpit("slow")), "none");
}

}  // namespace
}  // namespace relais::sink
