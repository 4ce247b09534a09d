// Which core a session is on, decided from loads that the test makes up.
#include "front/placement.h"

#include <gtest/gtest.h>

namespace relais::front {
namespace {

// So many cores that review in turn, each window one time.
class Cores {
 public:
  explicit Cores(size_t count, bool gathers = true) : times_(count) {
    for (size_t i = 0; i < count; ++i)
      neighbours_.cores.push_back(std::make_unique<Neighbours::Core>());
    neighbours_.gathers = gathers;
    for (uint16_t i = 0; i < count; ++i) parts_.emplace_back(neighbours_, i);
    if (gathers) pass(std::vector<uint32_t>(count));  // a start says nothing
  }

  // A window passes in which they were so busy, permille; `working` sessions finish a message on
  // the first core.
  void pass(const std::vector<uint32_t>& loads, uint32_t working = 0, uint32_t full = 0,
            uint32_t working_on_second = 0) {
    now_ = now_ + neighbours_.window;
    idle_ = idle_ + permille_of_window(left_);
    for (std::vector<uint32_t> seen(working_on_second); uint32_t & session : seen)
      parts_[1].saw_message_of(session);
    std::vector<uint32_t> seen(working);
    for (uint32_t& session : seen) {
      parts_[0].saw_message_of(session);
      parts_[0].saw_message_of(session);  // its second message in the window
    }
    for (size_t i = 0; i < parts_.size(); ++i) {
      times_[i].ran = times_[i].ran + permille_of_window(loads[i]);
      parts_[i].review(now_, times_[i], i == 0 ? full : 0);
    }
  }
  void pass_quietly(Duration time) { now_ = now_ + time; }

  // How many sessions the core gives away now, and to whom.
  std::pair<uint32_t, uint16_t> given(size_t core, uint32_t most = 1000) {
    std::pair<uint32_t, uint16_t> given{};
    while (given.first < most) {
      const auto to = parts_[core].wants_away(now_);
      if (!to || !parts_[core].give_one()) break;
      given = {given.first + 1, *to};
    }
    return given;
  }
  // From now on the CPUs have so much left in each window, permille of one CPU.
  void leave_idle(uint32_t part) {
    left_ = part;
    neighbours_.idle_time = [this] { return idle_; };
  }
  // All that the cores do.
  void finish_messages(uint32_t count) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; ++i) parts_[0].saw_message_of(seen);
  }
  uint32_t open() { return parts_[0].open(); }
  Placement& part(size_t core) { return parts_[core]; }
  Neighbours& neighbours() { return neighbours_; }
  [[nodiscard]] Instant now() const { return now_; }

 private:
  [[nodiscard]] Duration permille_of_window(uint32_t part) const {
    return {neighbours_.window.ns / 1000 * part};
  }

  Neighbours neighbours_;
  Instant now_ = Instant{} + seconds(1000);
  std::vector<Placement> parts_;
  std::vector<ring::ThreadTime> times_;
  uint32_t left_ = 0;
  Duration idle_{};
};

TEST(Placement, OneCoreIsEnoughForALittle) {
  Cores cores(4);
  for (int i = 0; i < 100; ++i) {
    cores.pass({850, 0, 0, 0}, 5);
    EXPECT_EQ(cores.given(0).first, 0U);
  }
  EXPECT_EQ(cores.open(), 1U);
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), true, 0).has_value());
}

TEST(Placement, ABusyCoreOpensAnotherOneAndGivesHalfAway) {
  Cores cores(4);
  cores.pass({1000, 0, 0, 0}, 10);
  EXPECT_EQ(cores.open(), 2U);
  EXPECT_EQ(cores.given(0), std::pair(5U, uint16_t{1}));
  // What it gave has to show first.
  cores.pass({1000, 0, 0, 0}, 10);
  EXPECT_EQ(cores.given(0).first, 0U);
}

TEST(Placement, FourHeavySessionsAreSharedByTwoCores) {
  Cores cores(2);
  cores.pass({1000, 0}, 4);
  EXPECT_EQ(cores.given(0), std::pair(2U, uint16_t{1}));
  for (int i = 0; i < 100; ++i) {
    cores.pass({950, 950}, 2, 0, 2);
    EXPECT_EQ(cores.given(0).first, 0U);
  }
}

TEST(Placement, ASessionThatIsHeavyAloneStays) {
  Cores cores(2);
  for (int i = 0; i < 100; ++i) {
    cores.pass({1000, 0}, 1);
    EXPECT_EQ(cores.given(0).first, 0U);
  }
}

TEST(Placement, OpensAsManyAsThereAreAndNoMore) {
  Cores cores(3);
  for (int i = 0; i < 10; ++i) cores.pass({1000, 1000, 1000}, 10);
  EXPECT_EQ(cores.open(), 3U);
}

TEST(Placement, WhatOneFewerCouldCarryGathersAgainAfterAWhile) {
  Cores cores(2);
  cores.pass({1000, 0}, 10);
  ASSERT_EQ(cores.open(), 2U);
  for (uint32_t i = 0; i < Placement::kSteadyWindows; ++i) cores.pass({200, 200});
  EXPECT_EQ(cores.open(), 2U) << "too soon";
  cores.pass({400, 400});
  for (uint32_t i = 0; i < Placement::kSteadyWindows; ++i) cores.pass({200, 200});
  EXPECT_EQ(cores.open(), 2U) << "a busy window in between begins it anew";
  for (int i = 0; i < 2; ++i) cores.pass({200, 200});  // the other's load is that of the one before
  EXPECT_EQ(cores.open(), 1U);
  // The one that is closed gives away all that come to a rest.
  cores.pass({200, 200});
  EXPECT_TRUE(cores.part(1).is_closed());
  EXPECT_EQ(cores.given(1, 50), std::pair(50U, uint16_t{0}));
  EXPECT_EQ(cores.part(1).place_new(cores.now(), true, 0), std::optional<uint16_t>(0));
}

TEST(Placement, NobodyIsGivenToACoreThatHasNoRoom) {
  Cores cores(2);
  cores.pass({950, 300}, 0);
  ASSERT_EQ(cores.open(), 2U);
  cores.neighbours().open = 1;
  cores.pass({890, 300});
  EXPECT_EQ(cores.given(1, 10).first, 10U);
  cores.neighbours().open = 1;
  cores.pass({900, 300});
  EXPECT_EQ(cores.given(1, 10).first, 0U);
}

TEST(Placement, AFullCoreCountsAsBusy) {
  Cores cores(2);
  cores.pass({100, 0}, 10, 950);
  EXPECT_EQ(cores.open(), 2U);
  EXPECT_GT(cores.given(0).first, 0U);
}

constexpr uint32_t kTrial = Placement::kTrialBegins + Placement::kTrialWindows;

// So many messages in each window, before and while another core is open.
uint32_t open_after_a_trial(uint32_t before, uint32_t meanwhile) {
  Cores cores(2);
  for (uint32_t i = 0; i <= Placement::kSteadyWindows; ++i) {
    EXPECT_EQ(cores.open(), 1U) << "not before it has lasted";
    cores.finish_messages(before);
    cores.pass({150, 0}, 10);
  }
  EXPECT_EQ(cores.open(), 2U);
  EXPECT_EQ(cores.given(0), std::pair(5U, uint16_t{1})) << "half of those that work";
  for (uint32_t i = 0; i < kTrial; ++i) {
    EXPECT_EQ(cores.open(), 2U);
    cores.finish_messages(meanwhile);
    cores.pass({150, 150}, 10);
  }
  return cores.open();
}

TEST(Placement, AnotherCoreIsTriedAndStaysIfThatPays) {
  EXPECT_EQ(open_after_a_trial(100, 200), 2U);
  EXPECT_EQ(open_after_a_trial(100, 125), 2U);
  EXPECT_EQ(open_after_a_trial(100, 115), 1U);
  EXPECT_EQ(open_after_a_trial(100, 80), 1U);
}

TEST(Placement, ABusyCoreOpensAnotherOneIfThatFindsACpu) {
  Cores cores(2);
  cores.leave_idle(300);
  for (uint32_t i = 0; i < Placement::kLookWindows; ++i) {
    cores.pass({1000, 0}, 10);
    EXPECT_EQ(cores.open(), 1U) << "it has to look first";
  }
  cores.pass({1000, 0}, 10);
  EXPECT_EQ(cores.open(), 2U);
}

// So many messages in each window before and while another core is open, which others' CPUs have
// to give.
uint32_t open_after_a_contended_trial(uint32_t before, uint32_t meanwhile) {
  Cores cores(2);
  cores.leave_idle(100);
  for (uint32_t i = 0; i <= Placement::kSteadyWindows; ++i) {
    EXPECT_EQ(cores.open(), 1U);
    cores.finish_messages(before);
    cores.pass({1000, 0}, 10);
  }
  EXPECT_EQ(cores.open(), 2U);
  for (uint32_t i = 0; i < kTrial; ++i) {
    cores.finish_messages(meanwhile);
    cores.pass({600, 600}, 10);
  }
  return cores.open();
}

TEST(Placement, WhereOthersHaveTheCpusItIsTriedFirst) {
  EXPECT_EQ(open_after_a_contended_trial(100, 130), 2U);
  EXPECT_EQ(open_after_a_contended_trial(100, 110), 1U);
}

// With both cores open and busy; `others` have so much of the CPUs, and nothing is idle.
bool tries_one_fewer(uint32_t load, uint32_t idle) {
  Cores cores(2);
  cores.leave_idle(idle);
  cores.neighbours().open = 2;
  for (uint32_t i = 0; i < 2 * Placement::kSteadyWindows; ++i) {
    cores.finish_messages(100);
    cores.pass({load, load}, 10, 0, 10);
    if (cores.open() == 1) return true;
  }
  return false;
}

TEST(Placement, WhereOthersWantTheCpusOneFewerIsTried) {
  EXPECT_TRUE(tries_one_fewer(650, 0)) << "others have 700";
  EXPECT_FALSE(tries_one_fewer(650, 300)) << "there is enough for all";
  EXPECT_FALSE(tries_one_fewer(850, 0)) << "it is all ours";
}

TEST(Placement, AFullCoreNeedsNoCpuToOpenAnotherOne) {
  Cores cores(2);
  cores.leave_idle(0);
  cores.pass({1000, 0}, 10, 950);
  EXPECT_EQ(cores.open(), 2U);
}

TEST(Placement, NothingIsTriedForALittle) {
  Cores cores(2);
  for (uint32_t i = 0; i < 10 * Placement::kSteadyWindows; ++i) {
    cores.pass({150, 0}, 10);  // 20 messages
    EXPECT_EQ(cores.open(), 1U);
  }
}

TEST(Placement, ATrialIsNotRepeatedSoon) {
  Cores cores(2);
  uint32_t trials = 0;
  const Instant end = cores.now() + seconds(65);
  uint32_t before = 1;
  while (cores.now() < end) {
    cores.finish_messages(100);
    cores.pass({500, 0}, 10);
    if (cores.open() > before) ++trials;
    before = cores.open();
  }
  EXPECT_EQ(trials, 3U);
}

TEST(Placement, ACoreThatWasOfUseIsClosedOnTrial) {
  for (const bool is_of_use : {false, true}) {
    Cores cores(2);
    cores.neighbours().open = 2;
    for (uint32_t i = 0; i <= Placement::kSteadyWindows; ++i) {
      EXPECT_EQ(cores.open(), 2U);
      cores.finish_messages(100);
      cores.pass({150, 150}, 5);
    }
    EXPECT_EQ(cores.open(), 1U);
    for (uint32_t i = 0; i < kTrial; ++i) {
      cores.finish_messages(is_of_use ? 50 : 98);
      cores.pass({150, 0}, 10);
    }
    EXPECT_EQ(cores.open(), is_of_use ? 2U : 1U);
    // It gets back what it had.
    EXPECT_EQ(cores.given(0).first, is_of_use ? 5U : 0U);
  }
}

TEST(Placement, NewOnesGoWhereThereIsMoreRoom) {
  Cores cores(3);
  cores.neighbours().open = 3;
  cores.pass({800, 600, 400});
  EXPECT_EQ(cores.part(0).place_new(cores.now(), true, 0), std::optional<uint16_t>(2));
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), true, 1).has_value()) << "only half of them";
  EXPECT_FALSE(cores.part(1).place_new(cores.now(), true, 0).has_value()) << "not for so little";
  cores.pass({950, 600, 400});
  EXPECT_EQ(cores.part(0).place_new(cores.now(), true, 1), std::optional<uint16_t>(2))
      << "all of them";
}

TEST(Placement, WhoHasNoRoomGivesNewOnesAway) {
  Cores cores(2);
  cores.neighbours().open = 2;
  cores.pass({100, 600});
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), true, 0).has_value());
  EXPECT_EQ(cores.part(0).place_new(cores.now(), false, 1), std::optional<uint16_t>(1));
  cores.neighbours().open = 1;
  EXPECT_EQ(cores.part(0).place_new(cores.now(), false, 1), std::optional<uint16_t>(1))
      << "to one that is closed rather than to nobody";
  cores.neighbours().draining = true;
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), false, 1).has_value());
}

TEST(Placement, NobodyIsGivenBeyondWhatACoreMayHave) {
  Cores cores(2);
  cores.neighbours().sessions_max = 100;
  cores.neighbours().cores[1]->sessions = 60;
  cores.neighbours().open = 2;
  cores.pass({990, 0}, 30);
  cores.neighbours().cores[1]->sessions = 98;
  EXPECT_EQ(cores.given(0).first, 2U);
  EXPECT_EQ(cores.neighbours().cores[1]->sessions, 100U);
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), false, 0).has_value());
}

TEST(Placement, AFullCoreThatHasNoTurnsIsStillFull) {
  Cores cores(2);
  cores.neighbours().sessions_max = 100;
  cores.neighbours().cores[1]->sessions = 95;
  cores.pass_quietly(Placement::kStale);
  EXPECT_EQ(cores.part(0).load_of(1, cores.now()).busy, 950U);
}

TEST(Placement, WhatWasDecidedLongAgoIsNotDone) {
  Cores cores(2);
  cores.pass({1000, 0}, 10);
  cores.pass_quietly(Placement::kStale);
  EXPECT_EQ(cores.given(0).first, 0U);
}

TEST(Placement, ALoadThatIsNotRenewedIsForgotten) {
  Cores cores(2);
  cores.neighbours().open = 2;
  cores.pass({100, 900});
  EXPECT_EQ(cores.part(0).load_of(1, cores.now()).busy, 900U);
  cores.pass_quietly(Placement::kStale);
  EXPECT_EQ(cores.part(0).load_of(1, cores.now()).busy, 0U);
}

TEST(Placement, SpreadsByCountWhereItIsToldTo) {
  Cores cores(2, false);
  EXPECT_FALSE(cores.part(0).review_due(cores.now() + hours(1)));
  cores.neighbours().cores[0]->sessions = 1;
  EXPECT_FALSE(cores.part(0).place_new(cores.now(), true, 0).has_value()) << "a wake-up must pay";
  cores.neighbours().cores[0]->sessions = 2;
  EXPECT_EQ(cores.part(0).place_new(cores.now(), true, 1), std::optional<uint16_t>(1));
  EXPECT_FALSE(cores.part(1).place_new(cores.now(), true, 1).has_value());
}

}  // namespace
}  // namespace relais::front
