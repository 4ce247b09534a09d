#include "relay/job_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace relais::relay {
namespace {

Claim claim(uint64_t flow, uint32_t weight = 100) {
  return {.flow = flow, .weight = weight, .cost = 1};
}

// As many of this source as have room; at most `most`.
uint32_t fill(JobQueue& queue, const Claim& claim, uint32_t most = UINT32_MAX) {
  uint32_t count = 0;
  for (; count < most && queue.has_room(claim); ++count)
    queue.push({static_cast<uint32_t>(claim.flow), count}, claim);
  return count;
}

TEST(job_queue, one_source_may_have_all_of_the_room_and_no_more) {
  JobQueue queue;
  EXPECT_EQ(fill(queue, claim(1)), JobQueue::kMax);
  EXPECT_TRUE(queue.congested());
  // There is room again when half of it is empty, so that it is not filled job by job.
  while (queue.size() > JobQueue::kMax / 2) {
    ASSERT_FALSE(queue.has_room(claim(1))) << queue.size();
    ASSERT_FALSE(queue.pop().is_null());
  }
  ASSERT_FALSE(queue.pop().is_null());
  EXPECT_EQ(fill(queue, claim(1)), JobQueue::kMax / 2 + 1);
}

TEST(job_queue, a_source_comes_in_up_to_half_its_share_when_another_has_filled_it) {
  JobQueue queue;
  fill(queue, claim(1));
  EXPECT_EQ(fill(queue, claim(2)), JobQueue::kMax / 4);       // 100 of 200
  EXPECT_EQ(fill(queue, claim(3, 200)), JobQueue::kMax / 4);  // 200 of 400
  EXPECT_FALSE(queue.has_room(claim(1)));
  // Its jobs are taken in turn with the others', in their order.
  uint32_t next = 0;
  for (int i = 0; i < 400; ++i) {
    const Handle job = queue.pop();
    if (job.slot != 2) continue;
    EXPECT_EQ(job.generation, next++);
  }
  EXPECT_NEAR(next, 100, 2);
}

TEST(job_queue, many_sources_find_room_but_not_without_end) {
  JobQueue queue;
  fill(queue, claim(0));
  uint64_t flow = 1;
  for (; queue.has_room(claim(flow)); ++flow) ASSERT_EQ(fill(queue, claim(flow), 1), 1U);
  EXPECT_EQ(flow, JobQueue::kMax + 1);
  EXPECT_EQ(queue.size(), 2 * JobQueue::kMax);
}

TEST(job_queue, says_whose_places_became_free_while_it_was_congested) {
  JobQueue queue;
  fill(queue, claim(1), 10);
  ASSERT_FALSE(queue.pop().is_null());
  EXPECT_TRUE(queue.take_left().empty());
  fill(queue, claim(1));
  fill(queue, claim(2), 1);
  for (int i = 0; i < 2; ++i) ASSERT_FALSE(queue.pop().is_null());
  std::vector<uint64_t> flows;
  for (const Claim& left : queue.take_left()) flows.push_back(left.flow);
  std::ranges::sort(flows);
  EXPECT_EQ(flows, (std::vector<uint64_t>{1, 2}));
  EXPECT_TRUE(queue.take_left().empty());
}

TEST(job_queue, what_comes_back_is_the_next_of_its_source) {
  JobQueue queue;
  fill(queue, claim(1), 3);
  const Handle first = queue.pop();
  queue.push_front(first, claim(1));
  EXPECT_EQ(queue.pop(), first);
  EXPECT_EQ(queue.size(), 2U);
  while (!queue.empty()) ASSERT_FALSE(queue.pop().is_null());
  EXPECT_TRUE(queue.pop().is_null());
}

}  // namespace
}  // namespace relais::relay
