// What only a misbehaving kernel brings out of the loop.
#include "ring/loop.h"

#include <gtest/gtest.h>

#include <map>

#include "simulation/sim_kernel.h"
#include "simulation/sim_seed.h"
#include "simulation/sim_world.h"

namespace relais::ring {
namespace {

using simulation::Fault;
using simulation::SimKernel;
using simulation::SimWorld;

TEST(Loop, what_is_reaped_while_the_caller_walks_through_a_batch_comes_with_the_next_turn) {
  simulation::for_each_seed(50, [](uint64_t seed) {
    SimWorld world(seed);
    world.faults().set(Fault::kPartialSubmit, 2).set(Fault::kInterrupt, 10);
    SimKernel kernel(world);
    Loop::Options options;
    options.submissions = 4;
    options.completions = 64;
    const auto loop = std::move(*Loop::create(kernel, options));
    const int folder = kernel.open("/", OpenMode::kDirectory).value_or(-1);
    constexpr uint32_t kTotal = 500;
    uint32_t submitted = 0;
    std::map<uint32_t, int> completed;
    const auto submit = [&] {
      if (submitted < kTotal) loop->sync(folder, {Operation::kMaildirSync, {submitted++, 1}});
    };
    submit();
    for (int turns = 0; completed.size() < kTotal && turns < 10'000; ++turns) {
      for (const Completion& completion : loop->turn()) {
        ++completed[completion.token.handle.slot];
        // More than the queue holds, so that it is flushed in the middle of the batch.
        for (int i = 0; i < 8; ++i) submit();
      }
    }
    EXPECT_EQ(completed.size(), kTotal);
    for (const auto& [slot, times] : completed) EXPECT_EQ(times, 1) << slot;
    EXPECT_EQ(loop->in_flight(), 0U);
  });
}

TEST(Loop, completions_beyond_the_queue_wait_for_room) {
  SimWorld world(1);
  SimKernel kernel(world);
  Loop::Options options;
  options.submissions = 8;
  options.completions = 8;
  const auto loop = std::move(*Loop::create(kernel, options));
  const int folder = kernel.open("/", OpenMode::kDirectory).value_or(-1);
  constexpr size_t kTotal = 100;
  for (uint32_t i = 0; i < kTotal; ++i) loop->sync(folder, {Operation::kMaildirSync, {i, 1}});
  world.pass(seconds(1));
  size_t completed = 0;
  while (completed < kTotal) {
    const size_t batch = loop->turn().size();
    EXPECT_LE(batch, 8U);
    completed += batch;
  }
  EXPECT_EQ(loop->in_flight(), 0U);
}

TEST(Loop, a_turn_ends_at_the_time_that_was_asked_for_though_no_timer_is_due) {
  SimWorld world(1);
  SimKernel kernel(world);
  const auto loop = std::move(*Loop::create(kernel, {}));
  (void)loop->arm_timer(loop->now() + milliseconds(50), {Operation::kNone, {}});
  const Instant start = loop->now();
  loop->do_not_wait_beyond(start + microseconds(300));
  EXPECT_TRUE(loop->turn().empty());
  EXPECT_EQ((loop->now() - start).ns, microseconds(300).ns);
  // It is asked for anew each time: now the timer alone counts.
  (void)loop->turn();
  EXPECT_GE((loop->now() - start).ms(), 50);
}

TEST(Loop, a_set_up_that_fails_is_a_value) {
  SimWorld world(1);
  SimKernel kernel(world);
  Loop::Options options;
  options.submissions = 1 << 20;
  EXPECT_EQ(Loop::create(kernel, options).error(), Error::kInvalid);
}

}  // namespace
}  // namespace relais::ring
