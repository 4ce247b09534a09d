// What clients are told when a resource is short.
#include "policy/back_pressure.h"

#include <gtest/gtest.h>

namespace relais::policy {
namespace {

constexpr PressureThresholds kPercent{.medium = 89, .high = 99, .high_ends = 90, .medium_ends = 80};
constexpr PressureLimits kLimits{
    kPercent,
    kPercent,
    kPercent,
    kPercent,
    {.medium = 9999, .high = 15'000, .high_ends = 10'000, .medium_ends = 2000}};
// memory 1 minute, the queue 10: Exchange's history of 30 and 300 polls.
constexpr PressureHistory kHistory{minutes(1), {}, {}, {}, minutes(10)};
constexpr size_t kQueue = static_cast<size_t>(Resource::kQueue);

class Story {
 public:
  // Polled every 2 s for so long.
  BackPressure after(const PressureFigures& figures, Duration time = seconds(2)) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ = now_ + seconds(2);
      (void)states_.poll(figures, kLimits, now_);
    }
    return {states_, kHistory, now_};
  }

 private:
  ResourceStates states_;
  Instant now_ = Instant{} + hours(1);
};

PressureFigures only(Resource resource, uint64_t figure) {
  PressureFigures figures{0, 0, 0, 0, 0};
  figures[static_cast<size_t>(resource)] = figure;
  return figures;
}

void expect_refused(const Decision& decision, std::string_view text, std::string_view reason) {
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.code, 452);
  EXPECT_EQ(decision.enhanced[0], 4);
  EXPECT_EQ(decision.enhanced[1], 3);
  EXPECT_EQ(decision.enhanced[2], 1);
  EXPECT_EQ(decision.text, text);
  EXPECT_EQ(decision.reason, reason);
}

TEST(BackPressure, WithoutTroubleEverybodyIsTaken) {
  for (const bool internal : {false, true}) {
    EXPECT_TRUE(BackPressure().mail(internal).allowed);
    EXPECT_TRUE(Story().after({0, 0, 0, 0, 0}).mail(internal).allowed);
    EXPECT_EQ(Story().after({88, 88, 88, 88, 9998}).wait(internal), Duration{});
  }
}

TEST(BackPressure, MediumRefusesThoseWhoAreNotInternal) {
  const BackPressure medium = Story().after(only(Resource::kSpoolDisk, 91));
  expect_refused(
      medium.mail(false), "Insufficient system resources (spool_disk Medium, 91 % used)",
      "back pressure: spool_disk is Medium with 91 % used (from 89 %, until below 80 %)");
  EXPECT_TRUE(medium.mail(true).allowed);
  EXPECT_FALSE(Story().after(only(Resource::kSpool, 91)).mail(false).allowed);
}

TEST(BackPressure, HighRefusesEverybody) {
  for (const Resource resource : all_resources()) {
    const uint64_t figure = resource == Resource::kQueue ? 15'000 : 99;
    for (const bool internal : {false, true}) {
      EXPECT_FALSE(Story().after(only(resource, figure)).mail(internal).allowed)
          << name_of(resource);
    }
  }
  expect_refused(
      Story().after(only(Resource::kQueue, 20'000)).mail(true),
      "Insufficient system resources (queue High, 20000 messages)",
      "back pressure: queue is High with 20000 messages (from 15000, until below 10000)");
}

TEST(BackPressure, SystemMemoryAtMediumRefusesNobody) {
  const BackPressure medium = Story().after(only(Resource::kSystemMemory, 95), hours(24));
  EXPECT_TRUE(medium.mail(false).allowed);
  EXPECT_EQ(medium.wait(false), Duration{});
}

TEST(BackPressure, MemoryAtMediumRefusesAfterItsHistory) {
  Story story;
  const PressureFigures figures = only(Resource::kMemory, 89);
  // The first poll sees it, the history counts from there.
  EXPECT_TRUE(story.after(figures, seconds(60)).mail(false).allowed);
  EXPECT_FALSE(story.after(figures).mail(false).allowed);
  EXPECT_TRUE(story.after(figures).mail(true).allowed);
  EXPECT_TRUE(story.after({0, 0, 0, 0, 0}).mail(false).allowed);
  EXPECT_TRUE(story.after(figures).mail(false).allowed) << "Normal begins the history anew";
}

TEST(BackPressure, TheQueueSlowsItsClientsBeforeItRefusesThem) {
  Story story;
  const PressureFigures figures = only(Resource::kQueue, 9999);
  int64_t wanted = 10;
  for (int poll = 0; poll < 300; ++poll) {
    const BackPressure medium = story.after(figures);
    ASSERT_EQ(medium.wait(false), seconds(wanted)) << "poll " << poll;
    ASSERT_EQ(medium.wait(true), Duration{});
    ASSERT_TRUE(medium.mail(false).allowed);
    EXPECT_EQ(medium.wait_reason(),
              "back pressure: queue is Medium with 9999 messages (from 9999, until below 2000)");
    wanted = std::min<int64_t>(55, wanted + 5);
  }
  const BackPressure later = story.after(figures);
  EXPECT_EQ(later.wait(false), Duration{});
  EXPECT_FALSE(later.mail(false).allowed);
  EXPECT_TRUE(later.mail(true).allowed);
}

TEST(BackPressure, TimeInHighCountsForTheHistory) {
  Story story;
  (void)story.after(only(Resource::kQueue, 15'000), minutes(11));
  const BackPressure medium = story.after(only(Resource::kQueue, 9999));
  EXPECT_FALSE(medium.mail(false).allowed);
  EXPECT_TRUE(medium.mail(true).allowed);
}

TEST(BackPressure, TheWorstResourceIsNamed) {
  PressureFigures figures{0, 0, 90, 99, 9999};
  const BackPressure both = Story().after(figures);
  EXPECT_EQ(both.mail(false).text, "Insufficient system resources (spool High, 99 % used)");
  EXPECT_EQ(both.mail(true).text, "Insufficient system resources (spool High, 99 % used)");
  figures[kQueue] = 15'000;
  figures[3] = 95;
  const BackPressure three = Story().after(figures);
  EXPECT_EQ(three.mail(false).text, "Insufficient system resources (queue High, 15000 messages)");
}

}  // namespace
}  // namespace relais::policy
