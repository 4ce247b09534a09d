#include "base/fair_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace relais {
namespace {

// One thread, which stands still at 0 until it is let go on; what it has served.
struct Stopped {
  std::promise<void> reached;
  std::promise<void> go_on;
  std::vector<int> served;
  std::promise<void> done;  // at -1
  FairThreads<int> threads;

  explicit Stopped(size_t size_max = 100, uint32_t flow_max = 100)
      : threads({.name = "test", .size_max = size_max, .flow_max = flow_max},
                [this](int item) { serve(item); }) {
    EXPECT_TRUE(threads.push(0, 0));
    reached.get_future().wait();
  }
  void serve(int item) {
    if (item == 0) {
      reached.set_value();
      go_on.get_future().wait();
    } else if (item < 0) {
      done.set_value();
    } else {
      served.push_back(item);
    }
  }
};

TEST(fair_threads, one_flow_does_not_keep_another_waiting) {
  Stopped stopped;
  for (const int item : {11, 12, 13, 14}) ASSERT_TRUE(stopped.threads.push(1, item));
  ASSERT_TRUE(stopped.threads.push(2, 21));
  stopped.go_on.set_value();
  while (stopped.threads.waiting() > 0) std::this_thread::yield();
  ASSERT_TRUE(stopped.threads.push(1, -1));
  stopped.done.get_future().wait();
  EXPECT_EQ(stopped.served, (std::vector<int>{11, 21, 12, 13, 14}));
}

TEST(fair_threads, limits_of_all_and_of_one_flow) {
  Stopped stopped(3, 2);
  EXPECT_TRUE(stopped.threads.push(1, 11));
  EXPECT_TRUE(stopped.threads.push(1, 12));
  EXPECT_FALSE(stopped.threads.push(1, 13));
  EXPECT_TRUE(stopped.threads.push(2, 21));
  EXPECT_FALSE(stopped.threads.push(3, 31));
  EXPECT_EQ(stopped.threads.waiting(), 3U);
  stopped.go_on.set_value();
}

TEST(fair_threads, what_waits_at_the_end_is_given_back) {
  Stopped stopped;
  for (const int item : {11, 12, 13}) ASSERT_TRUE(stopped.threads.push(1, item));
  std::jthread later([&] {
    while (stopped.threads.waiting() < 3) std::this_thread::yield();
    stopped.go_on.set_value();
  });
  std::vector<int> all = stopped.threads.stop();
  all.insert(all.begin(), stopped.served.begin(), stopped.served.end());
  EXPECT_EQ(all, (std::vector<int>{11, 12, 13}));
}

TEST(fair_threads, is_told_when_nothing_waits) {
  std::promise<void> idle;
  std::atomic<int> times = 0;
  FairThreads<int> threads(
      {.name = "test"}, [](int) {},
      [&] {
        if (++times == 1) idle.set_value();
      });
  EXPECT_EQ(idle.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(fair_threads, many_serve_each_item_once) {
  constexpr int kItems = 2000;
  std::vector<std::atomic<int>> served(kItems);
  {
    FairThreads<std::unique_ptr<int>> threads(
        {.name = "test", .threads = 4},
        [&](std::unique_ptr<int> item) { ++served[static_cast<size_t>(*item)]; });
    std::vector<std::jthread> pushers;
    for (int first = 0; first < 4; ++first) {
      pushers.emplace_back([&threads, first] {
        for (int item = first; item < kItems; item += 4)
          ASSERT_TRUE(threads.push(static_cast<uint64_t>(item % 7), std::make_unique<int>(item)));
      });
    }
    pushers.clear();
    while (threads.waiting() > 0) std::this_thread::yield();
  }
  for (const auto& times : served) EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace relais
