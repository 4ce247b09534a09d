// The durable log on a simulated disk: what it promises about acknowledgement, recovery, damage,
// cleaning and budget. Random faults over whole cores: tests/core.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ring/loop.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_world.h"
#include "spool/spool.h"

namespace relais::spool {
namespace {

using namespace relais::simulation;

const Spool::Options kOptions{.folder = "/spool",
                              .segment_octets = 1 << 20,
                              .octets_max = 8 << 20,
                              .memory_octets = 64 * kBlockOctets};

// A spool in a process of its own; the world outlives it.
class Rig {
 public:
  explicit Rig(SimWorld& world) : kernel_(world) {
    loop_ = std::move(*ring::Loop::create(kernel_));
    auto spool = Spool::open(*loop_, kOptions);
    EXPECT_TRUE(spool.has_value());
    spool_ = std::move(*spool);
  }
  Spool& spool() { return *spool_; }
  ring::Loop& loop() { return *loop_; }

  // Begins and commits a message; the answer comes with take_event().
  Handle submit(const std::string& content,
                std::vector<std::string_view> recipients = {"kate@fabrikam.com"}) {
    const Envelope envelope{.guid = {1, ++number_},
                            .received = loop_->wall_now(),
                            .connector = "c",
                            .client = "x",
                            .sender = "a@b",
                            .recipients = std::move(recipients)};
    const Handle message = spool_->begin(envelope, {});
    if (message.is_null()) return message;
    size_t done = 0;
    while (done < content.size()) {
      done += spool_->append(message, std::span(content).subspan(done));
      if (done < content.size()) turn();
    }
    spool_->commit(message);
    return message;
  }
  // Runs until something happens, or nothing has for a while.
  bool take_event(Event& event) {
    for (int turns = 0; turns < 2000; ++turns) {
      if (spool_->next_event(event)) return true;
      turn();
    }
    return false;
  }
  // Submits and expects the commit.
  Handle keep(const std::string& content,
              std::vector<std::string_view> recipients = {"kate@fabrikam.com"}) {
    const Handle message = submit(content, std::move(recipients));
    Event event;
    while (take_event(event)) {
      if (event.kind != Event::Kind::kSpace) break;
    }
    EXPECT_EQ(event.kind, Event::Kind::kCommitted);
    return message;
  }
  void turn() {
    spool_->end_of_turn();
    // So that a turn with nothing to do ends.
    const ring::TimerId tick = loop_->arm_timer(loop_->now() + milliseconds(5), {});
    for (const ring::Completion& completion : loop_->turn()) {
      if (completion.token.operation != ring::Operation::kNone) spool_->on_completion(completion);
    }
    ring::TimerId id = tick;
    loop_->cancel_timer(id);
  }
  void rest() {
    spool_->hurry();
    for (int turns = 0; turns < 5000 && !spool_->at_rest(); ++turns) turn();
    EXPECT_TRUE(spool_->at_rest());
  }
  void settle(Handle message) {
    const uint32_t first = 0;
    spool_->settle(message, {&first, 1});
  }
  // Reads a message back, from memory or disk.
  std::string content(Handle message) {
    std::string out;
    const Message* stored = spool_->find(message);
    for (uint32_t i = 0; i < stored->chunk_count(); ++i) {
      if (!spool_->load(message, i, {})) {
        Event event;
        while (take_event(event) && event.kind != Event::Kind::kLoaded) {
          if (event.kind == Event::Kind::kUnreadable) return "unreadable";
        }
      }
      BlockId block = kNoBlock;
      const auto bytes = spool_->pin(message, i, block);
      out.append(bytes.data(), bytes.size());
      spool_->unpin(block);
    }
    return out.substr(stored->envelope_octets);
  }

 private:
  SimKernel kernel_;
  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<Spool> spool_;
  uint64_t number_ = 0;
};

std::string text(size_t octets, char c = 'x') { return std::string(octets, c) + "\r\n"; }

TEST(spool, what_was_committed_survives_a_power_cut_and_the_rest_does_not) {
  SimWorld world(1);
  std::string large = text(100'000, 'L');
  {
    Rig rig(world);
    rig.keep(text(100));
    rig.keep(large);
    const Envelope envelope{.guid = {},
                            .received = {},
                            .connector = "c",
                            .client = "x",
                            .sender = "",
                            .recipients = {"r@s"}};
    const Handle open = rig.spool().begin(envelope, {});
    ASSERT_EQ(rig.spool().append(open, large), large.size());  // many chunks, never committed
    for (int i = 0; i < 50; ++i) rig.turn();
    world.crash();
  }
  Rig rig(world);
  EXPECT_EQ(rig.spool().report().messages, 2U);
  EXPECT_EQ(rig.spool().report().unacknowledged, 1U);
  EXPECT_EQ(rig.spool().report().lost_records, 0U);
  const auto messages = rig.spool().recovered();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(rig.content(messages[0]), text(100));
  EXPECT_EQ(rig.content(messages[1]), large);
  rig.spool().invariants();
}

TEST(spool, partial_results_and_retries_are_remembered) {
  SimWorld world(2);
  WallTime next;
  {
    Rig rig(world);
    const Handle message = rig.keep(text(10), {"a@b", "c@d", "e@f"});
    const uint32_t second = 1;
    rig.spool().settle(message, {&second, 1});
    next = rig.loop().wall_now() + seconds(60);
    rig.spool().defer(message, 4, next);
    const Handle gone = rig.keep(text(20));
    rig.settle(gone);
    EXPECT_EQ(rig.spool().find(gone), nullptr);
    rig.rest();
    world.crash();
  }
  Rig rig(world);
  const auto messages = rig.spool().recovered();
  ASSERT_EQ(messages.size(), 1U);
  const Message* message = rig.spool().find(messages[0]);
  EXPECT_EQ(message->state.attempts, 4U);
  EXPECT_EQ(message->state.next_attempt, next);
  EXPECT_TRUE(message->is_settled(1));
  EXPECT_FALSE(message->is_settled(0));
}

TEST(spool, a_failed_flush_fails_its_messages_and_nothing_else) {
  SimWorld world(3);
  {
    Rig rig(world);
    rig.keep(text(10, 'a'));
    world.faults().set(Fault::kWriteError, 1);
    const Handle message = rig.submit(text(10, 'b'));
    Event event;
    ASSERT_TRUE(rig.take_event(event));
    EXPECT_EQ(event.kind, Event::Kind::kFailed);
    EXPECT_EQ(event.error, Error::kIo);
    EXPECT_EQ(event.message, message);
    EXPECT_EQ(rig.spool().find(message), nullptr);
    world.set_faults({});
    Event ignored;
    for (int i = 0; i < 1000; ++i) rig.turn();  // until another segment is made
    while (rig.spool().next_event(ignored)) {
    }
    rig.keep(text(10, 'c'));
    EXPECT_EQ(rig.spool().figures().failed_groups, 1U);
    world.crash();
  }
  Rig rig(world);
  std::string all;
  for (const Handle message : rig.spool().recovered()) all += rig.content(message).front();
  EXPECT_EQ(all, "ac");  // b was answered 451: what it left on the disk is void
}

TEST(spool, damage_in_an_old_segment_costs_the_damaged_message_only_and_is_reported) {
  SimWorld world(4);
  std::string path;
  {
    Rig rig(world);
    // Fill more than one segment.
    for (int i = 0; i < 120; ++i) rig.keep(text(10'000, static_cast<char>('a' + i % 26)));
    rig.rest();
    world.kill();
  }
  path = "/spool/segment-000001.log";
  std::string bytes = world.disk().read_file(path).value_or("");
  ASSERT_EQ(bytes.size(), 1U << 20);
  bytes[300'000] ^= 1;
  world.disk().write_file(path, bytes);
  Rig rig(world);
  EXPECT_EQ(rig.spool().report().messages, 119U);
  EXPECT_EQ(rig.spool().report().lost_records, 1U);
}

TEST(spool, one_stuck_message_does_not_pin_the_disk) {
  SimWorld world(5);
  {
    Rig rig(world);
    const Handle stuck = rig.keep(text(40'000, 's'), {"a@b", "c@d"});
    const uint32_t first = 0;
    rig.spool().settle(stuck, {&first, 1});
    rig.spool().defer(stuck, 2, rig.loop().wall_now() + hours(1));
    // Ten times the budget passes through.
    for (int i = 0; i < 8000; ++i) {
      rig.settle(rig.keep(text(9000)));
      ASSERT_TRUE(rig.spool().accepting()) << "after " << i << " messages";
    }
    EXPECT_GT(rig.spool().figures().moved, 0U);
    EXPECT_LE(rig.spool().figures().segments, 8U);
    EXPECT_EQ(rig.content(stuck), text(40'000, 's'));
    rig.spool().invariants();
    rig.rest();
    world.crash();
  }
  Rig rig(world);
  const auto messages = rig.spool().recovered();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(rig.content(messages[0]), text(40'000, 's'));
  const Message* message = rig.spool().find(messages[0]);
  EXPECT_EQ(message->state.attempts, 2U);
  EXPECT_TRUE(message->is_settled(0)) << "the state did not move with the message";
}

TEST(spool, stops_accepting_before_the_budget_is_spent_and_starts_again) {
  SimWorld world(6);
  Rig rig(world);
  std::vector<Handle> kept;
  while (rig.spool().accepting()) {
    ASSERT_LT(kept.size(), 2000U);
    kept.push_back(rig.keep(text(9000)));
  }
  EXPECT_LE(rig.spool().figures().segments, 8U);
  // What was begun may still be finished: there is a reserve.
  rig.keep(text(9000));
  for (const Handle message : kept) rig.settle(message);
  rig.rest();
  for (int i = 0; i < 200 && !rig.spool().accepting(); ++i) rig.turn();
  EXPECT_TRUE(rig.spool().accepting());
}

TEST(spool, without_memory_a_message_waits_or_is_not_begun) {
  SimWorld world(7);
  Rig rig(world);
  const Envelope envelope{.guid = {},
                          .received = {},
                          .connector = "c",
                          .client = "x",
                          .sender = "",
                          .recipients = {"r@s"}};
  std::vector<Handle> open;
  while (true) {
    const Handle message = rig.spool().begin(envelope, {});
    if (message.is_null()) break;
    open.push_back(message);
    ASSERT_LT(open.size(), 64U);
  }
  EXPECT_EQ(open.size(), 56U);  // an eighth is left for what is under way
  const std::string much = text(400'000);
  const size_t taken = rig.spool().append(open[0], much);
  EXPECT_LT(taken, much.size());
  Event event;
  ASSERT_TRUE(rig.take_event(event));
  EXPECT_EQ(event.kind, Event::Kind::kSpace);
  EXPECT_EQ(event.message, open[0]);
  EXPECT_GT(rig.spool().append(open[0], std::span(much).subspan(taken)), 0U);
  for (const Handle message : open) rig.spool().abort(message);
  rig.rest();
  EXPECT_EQ(rig.spool().figures().free_blocks, 64U);
}

TEST(spool, a_full_disk_is_an_answer_and_passes) {
  SimWorld world(8);
  Rig rig(world);
  world.disk().set_capacity(3 << 20);
  std::vector<Handle> kept;
  bool refused = false;
  for (int i = 0; i < 600 && !refused; ++i) {
    if (!rig.spool().accepting()) break;
    const Handle message = rig.submit(text(9000));
    if (message.is_null()) break;
    Event event;
    ASSERT_TRUE(rig.take_event(event));
    refused = event.kind == Event::Kind::kFailed;
    if (event.kind == Event::Kind::kCommitted) kept.push_back(message);
  }
  EXPECT_GT(kept.size(), 50U);
  for (const Handle message : kept) rig.settle(message);
  world.disk().set_capacity(64 << 20);
  rig.rest();
  for (int i = 0; i < 2000 && !rig.spool().accepting(); ++i) rig.turn();
  EXPECT_TRUE(rig.spool().accepting());
  rig.keep(text(9000));
}

TEST(spool, starts_on_a_full_disk_with_its_own_segments) {
  for (const bool empty : {false, true}) {
    SimWorld world(9);
    world.disk().set_capacity(3 << 20);
    size_t kept = 0;
    {
      Rig rig(world);
      std::vector<Handle> messages;
      for (int i = 0; i < 600 && rig.spool().accepting(); ++i) {
        const Handle message = rig.submit(text(9000));
        if (message.is_null()) break;
        Event event;
        ASSERT_TRUE(rig.take_event(event));
        if (event.kind != Event::Kind::kCommitted) break;
        messages.push_back(message);
      }
      kept = messages.size();
      if (empty) {
        for (const Handle message : messages) rig.settle(message);
        rig.rest();
      }
      world.kill();
    }
    ASSERT_GT(kept, 50U);
    Rig rig(world);  // expects that it opens
    const auto messages = rig.spool().recovered();
    EXPECT_EQ(messages.size(), empty ? 0U : kept);
    for (const Handle message : messages) {
      rig.spool().set_recipients(message, 1);
      EXPECT_EQ(rig.content(message), text(9000));
      rig.settle(message);
    }
    rig.rest();
    rig.keep(text(9000));
    rig.spool().invariants();
  }
}

}  // namespace
}  // namespace relais::spool
