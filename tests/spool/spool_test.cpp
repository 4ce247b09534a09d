// The durable log on a simulated disk: what it promises about acknowledgement, recovery, damage,
// cleaning and budget. Random faults over whole cores: tests/core.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rig.h"

namespace relais::spool {
namespace {

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
  const auto messages = rig.spool().take_recovered();
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
  const auto messages = rig.spool().take_recovered();
  ASSERT_EQ(messages.size(), 1U);
  const Message* message = rig.spool().find(messages[0]);
  EXPECT_EQ(message->state.attempts, 4U);
  EXPECT_EQ(message->state.next_attempt, next);
  EXPECT_TRUE(message->is_settled(1));
  EXPECT_FALSE(message->is_settled(0));
}

TEST(spool, what_is_known_of_the_content_is_remembered) {
  constexpr ContentTraits kTraits[] = {{true, false}, {false, true}, {true, true}, {false, false}};
  SimWorld world(2);
  {
    Rig rig(world);
    for (const ContentTraits traits : kTraits) {
      rig.traits = traits;
      const Handle message = rig.keep(text(50'000));
      EXPECT_EQ(rig.spool().find(message)->traits, traits);
    }
    rig.rest();
    world.crash();
  }
  Rig rig(world);
  const auto messages = rig.spool().take_recovered();
  ASSERT_EQ(messages.size(), std::size(kTraits));
  for (size_t i = 0; i < messages.size(); ++i)
    EXPECT_EQ(rig.spool().find(messages[i])->traits, kTraits[i]);
}

// kill -9 in the moment in which a new file is whole and its name not yet flushed; the next life
// writes into it.
TEST(spool, a_file_whose_name_was_never_flushed_is_found_behind_a_power_cut) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimWorld world(seed);
    SimDisk& disk = world.disk();
    ASSERT_EQ(disk.make_directories(kOptions.folder), 0);
    SimNodePtr node;
    ASSERT_EQ(disk.create(disk.root(), kOptions.folder + "/segment-000001.log", true, node), 0);
    ASSERT_EQ(disk.reserve(*node, kOptions.segment_octets), kOptions.segment_octets);
    node->file.grow(kOptions.segment_octets);
    node->file.flush(node->file.mark());
    {
      Rig rig(world);
      rig.keep(text(100));
      world.crash();
    }
    Rig rig(world);
    EXPECT_EQ(rig.spool().report().messages, 1U) << "seed " << seed;
    world.kill();
  }
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
  for (const Handle message : rig.spool().take_recovered()) all += rig.content(message).front();
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

// Numbers of the chunks that were read or could not be.
std::vector<uint32_t> chunks_of_events(Rig& rig, Event::Kind kind, size_t count) {
  std::vector<uint32_t> chunks;
  Event event;
  while (chunks.size() < count && rig.take_event(event)) {
    EXPECT_EQ(event.kind, kind) << event.chunk;
    chunks.push_back(event.chunk);
  }
  std::ranges::sort(chunks);
  return chunks;
}

TEST(spool, chunks_behind_each_other_come_with_one_read) {
  SimWorld world(1);
  Rig rig(world);
  std::string content = text(12 * kPayloadMax);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>('a' + i / 999 % 26);
  const Handle message = rig.keep(content);
  rig.spool().uncache(message);
  EXPECT_EQ(rig.spool().load_run(message, 1, 3, {}), 3U);
  EXPECT_EQ(chunks_of_events(rig, Event::Kind::kLoaded, 3), (std::vector<uint32_t>{1, 2, 3}));
  // No more than one read may have.
  EXPECT_EQ(rig.spool().load_run(message, 4, 9, {}), 8U);
  EXPECT_EQ(chunks_of_events(rig, Event::Kind::kLoaded, 8),
            (std::vector<uint32_t>{4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(rig.spool().load_run(message, 12, 1, {}), 1U);  // the last one, which is not full
  EXPECT_EQ(chunks_of_events(rig, Event::Kind::kLoaded, 1), std::vector<uint32_t>{12});
  EXPECT_EQ(rig.content(message), content);
}

TEST(spool, what_stands_elsewhere_does_not_come_with_it) {
  SimWorld world(1);
  Rig rig(world);
  // By turns, so that no two chunks of one stand behind each other.
  const std::array<Handle, 2> messages = {rig.begin(), rig.begin()};
  for (uint32_t i = 0; i < 4; ++i) {
    for (const Handle message : messages) rig.append(message, std::string(kPayloadMax, 'x'));
  }
  for (const Handle message : messages) rig.spool().commit(message, {});
  EXPECT_EQ(chunks_of_events(rig, Event::Kind::kCommitted, 2).size(), 2U);
  rig.spool().uncache(messages[0]);
  EXPECT_EQ(rig.spool().load_run(messages[0], 1, 3, {}), 1U);
  EXPECT_EQ(chunks_of_events(rig, Event::Kind::kLoaded, 1), std::vector<uint32_t>{1});
}

TEST(spool, a_read_that_fails_or_stops_short_takes_no_other_chunk_with_it) {
  for (const Fault fault : {Fault::kShortRead, Fault::kReadError}) {
    SimWorld world(7);
    Rig rig(world);
    const std::string content = text(9 * kPayloadMax);
    const Handle message = rig.keep(content);
    bool some_only = false;
    for (int round = 0; round < 50; ++round) {
      rig.spool().uncache(message);
      world.faults().set(fault, 3);
      const uint32_t count = rig.spool().load_run(message, 1, 8, {});
      EXPECT_EQ(count, 8U);
      std::vector<uint32_t> told;
      uint32_t unreadable = 0;
      Event event;
      while (told.size() < count && rig.take_event(event)) {
        const bool loaded = event.kind == Event::Kind::kLoaded;
        EXPECT_EQ(rig.spool().has(message, event.chunk), loaded);
        EXPECT_TRUE(loaded || fault == Fault::kReadError);
        told.push_back(event.chunk);
        if (!loaded) ++unreadable;
      }
      some_only |= unreadable > 0 && unreadable < count;
      std::ranges::sort(told);
      EXPECT_EQ(told, (std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
      world.faults().set(fault, 0);
      EXPECT_EQ(rig.content(message), content);
    }
    EXPECT_EQ(some_only, fault == Fault::kReadError);
  }
}

TEST(spool, a_damaged_chunk_takes_no_other_of_its_read_with_it) {
  SimWorld world(1);
  Rig rig(world);
  const Handle message = rig.keep(text(6 * kPayloadMax));
  rig.spool().uncache(message);
  const std::string path = "/spool/segment-000001.log";
  const uint64_t page = uint64_t{rig.spool().find(message)->chunk(3).page} * kAlignment;
  alignas(kAlignment) std::array<std::byte, kAlignment> bytes{};  // in place of what stands there
  const int fd = rig.loop().kernel().open(path, ring::OpenMode::kLog).value_or(-1);
  rig.loop().write(fd, bytes, page, {});
  for (int i = 0; i < 5; ++i) rig.turn();
  EXPECT_EQ(rig.spool().load_run(message, 1, 5, {}), 5U);
  std::vector<uint32_t> unreadable;
  Event event;
  for (int told = 0; told < 5 && rig.take_event(event); ++told) {
    if (event.kind == Event::Kind::kUnreadable) unreadable.push_back(event.chunk);
  }
  EXPECT_EQ(unreadable, std::vector<uint32_t>{3});
}

TEST(spool, a_segment_that_lies_there_twice_counts_once) {
  SimWorld world(14);
  {
    Rig rig(world);
    rig.keep(text(100, 'a'));
    world.kill();
  }
  // An older copy of the file, as a backup that was put back beside it.
  const std::string early = world.disk().read_file("/spool/segment-000001.log").value_or("");
  {
    Rig rig(world);
    rig.keep(text(100, 'b'));
    world.kill();
  }
  for (const char* name : {"/spool/segment-000000.log", "/spool/segment-000009.log"})
    world.disk().write_file(name, early);
  for (int life = 0; life < 2; ++life) {
    Rig rig(world);
    std::string all;
    for (const Handle message : rig.spool().take_recovered()) all += rig.content(message).front();
    EXPECT_EQ(all, "ab");
    EXPECT_EQ(rig.spool().report().lost_records, 0U);
    rig.spool().invariants();
  }
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
  const auto messages = rig.spool().take_recovered();
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
    const auto messages = rig.spool().take_recovered();
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

TEST(spool, knows_whose_mail_it_holds_also_after_a_restart) {
  SimWorld world(11);
  std::vector<uint64_t> flows;
  {
    Rig rig(world);
    const std::pair<std::string_view, std::string_view> sources[] = {
        {"one", "192.0.2.1:1025"}, {"one", "192.0.2.1:80"},    {"two", "192.0.2.1:1025"},
        {"one", "192.0.2.2:1025"}, {"one", "[2001:db8::1]:7"}, {"one", "[2001:db8::2]:7"}};
    for (const auto& [connector, client] : sources) {
      rig.connector = connector;
      rig.client = client;
      flows.push_back(rig.spool().find(rig.keep(text(100)))->flow);
    }
    EXPECT_EQ(flows[0], flows[1]);  // another port is the same source
    EXPECT_EQ(std::set(flows.begin(), flows.end()).size(), 5U);
    rig.rest();
  }
  Rig rig(world);
  rig.spool().set_shares(std::vector<Share>{{.connector = "two", .weight = 700}});
  const auto messages = rig.spool().take_recovered();
  ASSERT_EQ(messages.size(), flows.size());
  for (size_t i = 0; i < flows.size(); ++i) {
    const Message* message = rig.spool().find(messages[i]);
    EXPECT_EQ(message->flow, flows[i]);
    EXPECT_EQ(rig.spool().weight(*message), i == 2 ? 700U : kDefaultWeight);
  }
  rig.spool().invariants();
}

uint64_t on_disk(const Message& message) {
  uint64_t octets = 0;
  for (uint32_t i = 0; i < message.chunk_count(); ++i)
    octets += disk_octets(message.payload_octets(i));
  return octets;
}

// Fills the log for one connector after the other and sees where each has to stop.
TEST(spool, a_reserved_share_of_the_disk_is_there_when_the_rest_is_full) {
  SimWorld world(12);
  Rig rig(world);
  rig.spool().set_shares(std::vector<Share>{{.connector = "alarm", .reserved_percent = 30}});
  const auto fill = [&](std::string_view connector) {
    rig.connector = connector;
    uint64_t octets = 0;
    while (rig.spool().accepting(connector)) {
      octets += on_disk(*rig.spool().find(rig.keep(text(60'000))));
    }
    return octets;
  };
  const uint64_t share = kOptions.octets_max / 100 * 30;
  const uint64_t of_others = fill("flood");
  EXPECT_FALSE(rig.spool().accepting("flood"));
  EXPECT_FALSE(rig.spool().accepting("another"));
  EXPECT_GT(of_others, kOptions.octets_max / 100 * 30);  // less than 70 for what is kept back
  const uint64_t reserved = fill("alarm");
  EXPECT_GE(reserved, share / 100 * 95);  // the ends of segments are lost
  EXPECT_FALSE(rig.spool().accepting("alarm"));
  EXPECT_FALSE(rig.spool().accepting("flood"));
  rig.spool().invariants();
}

TEST(spool, a_reserved_share_is_used_before_what_is_everybodys) {
  SimWorld world(13);
  Rig rig(world);
  rig.spool().set_shares(std::vector<Share>{{.connector = "alarm", .reserved_percent = 30}});
  rig.connector = "alarm";
  uint64_t octets = 0;
  while (octets < kOptions.octets_max / 100 * 30)
    octets += on_disk(*rig.spool().find(rig.keep(text(60'000))));
  // Its own share is used up: nothing is kept from others any more.
  EXPECT_TRUE(rig.spool().accepting("flood"));
  rig.connector = "flood";
  int messages = 0;
  for (; rig.spool().accepting("flood"); ++messages) ASSERT_FALSE(rig.keep(text(60'000)).is_null());
  EXPECT_GT(messages, 30);
  EXPECT_FALSE(rig.spool().accepting("alarm"));
}

TEST(spool, a_reserved_share_of_memory_is_there_when_the_rest_is_taken) {
  SimWorld world(14);
  Rig rig(world);
  rig.spool().set_shares(std::vector<Share>{{.connector = "alarm", .reserved_percent = 25}});
  const auto begin = [&](std::string_view connector) {
    return rig.spool().begin({.guid = {},
                              .received = {},
                              .connector = connector,
                              .client = "x",
                              .sender = "",
                              .recipients = {"r@s"}},
                             {});
  };
  std::vector<Handle> flood;
  for (Handle message = begin("flood"); !message.is_null(); message = begin("flood"))
    flood.push_back(message);
  EXPECT_EQ(flood.size(), 42U);  // of 48 that are not reserved an eighth is left
  // Floods wait with their second block as well.
  const std::string much = text(400'000);
  size_t waiting = 0;
  for (const Handle message : flood)
    waiting += rig.spool().append(message, much) < much.size() ? 1 : 0;
  EXPECT_EQ(waiting, flood.size());
  std::vector<Handle> alarms;
  for (Handle message = begin("alarm"); !message.is_null(); message = begin("alarm")) {
    alarms.push_back(message);
    EXPECT_EQ(rig.spool().append(message, text(1000)), 1002U);
  }
  EXPECT_EQ(alarms.size(), 15U);
  rig.spool().commit(alarms.front());
  Event event;
  while (rig.take_event(event) && event.kind != Event::Kind::kCommitted) {
  }
  EXPECT_EQ(event.message, alarms.front());
  for (const Handle message : flood) rig.spool().abort(message);
  for (size_t i = 1; i < alarms.size(); ++i) rig.spool().abort(alarms[i]);
  rig.settle(alarms.front());
  rig.rest();
  EXPECT_EQ(rig.spool().figures().free_blocks, 64U);
}

class WaitingForMemory : public testing::Test {
 protected:
  Handle begin(std::string_view client) {
    const Handle message = rig_.spool().begin({.guid = {},
                                               .received = {},
                                               .connector = "c",
                                               .client = client,
                                               .sender = "",
                                               .recipients = {"r@s"}},
                                              {});
    if (!message.is_null()) {
      EXPECT_EQ(rig_.spool().append(message, kTrace), kTrace.size());
    }
    return message;
  }
  // One after the other, until there is no memory even for one that is alone; and each of them
  // wants more than there is.
  void flood() {
    for (Handle message = begin(kFlood); !message.is_null(); message = begin(kFlood))
      flood_.push_back(message);
    for (const Handle message : flood_) want(message);
  }
  // As much as there is, until it waits for more.
  void want(Handle message) {
    while (rig_.spool().append(message, much_) == much_.size()) {
    }
  }

  static constexpr std::string_view kTrace = "Received: from x\r\n";
  static constexpr std::string_view kFlood = "192.0.2.1:1025";
  static constexpr std::string_view kAlarm = "192.0.2.2:1025";
  SimWorld world_{16};
  Rig rig_{world_};
  const std::string much_ = text(400'000);
  std::vector<Handle> flood_;
};

TEST_F(WaitingForMemory, a_sender_of_one_message_may_begin_it_in_the_middle_of_a_flood) {
  flood();
  EXPECT_TRUE(begin(kFlood).is_null());
  const Handle alarm = begin(kAlarm);
  ASSERT_FALSE(alarm.is_null());
  EXPECT_EQ(rig_.spool().append(alarm, text(1000)), 1002U);
  EXPECT_TRUE(begin(kAlarm).is_null());  // it is sending one
  rig_.spool().commit(alarm);
  Event event;
  while (rig_.take_event(event) && event.kind != Event::Kind::kCommitted) {
  }
  EXPECT_EQ(event.message, alarm);
  for (const Handle message : flood_) rig_.spool().abort(message);
  rig_.settle(alarm);
  rig_.rest();
  EXPECT_EQ(rig_.spool().figures().free_blocks, 64U);
}

// What a flood of 56 messages and one other get of the blocks that become free. In order of arrival
// the other would get 7 of 400. It cannot get half: it has one message that can take one block at a
// time, and several become free at once.
TEST_F(WaitingForMemory, sources_take_turns) {
  flood();
  const Handle alarm = begin(kAlarm);
  ASSERT_FALSE(alarm.is_null());
  want(alarm);
  std::map<bool, size_t> turns;
  Event event;
  while (turns[true] + turns[false] < 400 && rig_.take_event(event)) {
    ASSERT_EQ(event.kind, Event::Kind::kSpace);
    ++turns[event.message == alarm];
    want(event.message);
  }
  EXPECT_GE(turns[true], 100U);
}

TEST_F(WaitingForMemory, whoever_comes_later_does_not_pass) {
  flood();
  rig_.turn();
  Event event;
  size_t woken = 0;
  std::vector<Handle> turns;
  while (rig_.spool().next_event(event)) turns.push_back(event.message);
  const Handle late = begin(kAlarm);
  ASSERT_FALSE(late.is_null());
  // There is memory for those whose turn it is, and for them alone.
  EXPECT_LT(rig_.spool().append(late, much_), 2 * kPayloadMax);
  for (const Handle message : turns) woken += rig_.spool().append(message, "x") > 0 ? 1 : 0;
  EXPECT_EQ(woken, turns.size());
}

TEST(spool, whoever_waits_for_memory_does_not_keep_a_reserved_share_waiting) {
  SimWorld world(15);
  Rig rig(world);
  rig.spool().set_shares(std::vector<Share>{{.connector = "alarm", .reserved_percent = 25}});
  const std::string much = text(400'000);
  const auto begin = [&](std::string_view connector) {
    return rig.spool().begin({.guid = {},
                              .received = {},
                              .connector = connector,
                              .client = "x",
                              .sender = "",
                              .recipients = {"r@s"}},
                             {});
  };
  std::vector<Handle> flood;
  for (Handle message = begin("flood"); !message.is_null(); message = begin("flood"))
    flood.push_back(message);
  for (const Handle message : flood) (void)rig.spool().append(message, much);
  // As much as there is, and more: it waits behind the floods, and is woken before them.
  const Handle alarm = begin("alarm");
  size_t done = 0;
  Event event;
  for (int turns = 0; turns < 2000 && done < much.size(); ++turns) {
    done += rig.spool().append(alarm, std::span(much).subspan(done));
    if (done < much.size()) rig.turn();
    while (rig.spool().next_event(event)) {
      EXPECT_EQ(event.message, alarm);
    }
  }
  EXPECT_EQ(done, much.size());
}

}  // namespace
}  // namespace relais::spool
