// The simulation as a whole, with a small program on it: the same seed replays exactly, every fault
// strikes, and what was acknowledged survives them all.
#include "simulation/sim_world.h"

#include <gtest/gtest.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "simulation/echo.h"
#include "simulation/sim_network.h"
#include "simulation/sim_seed.h"

namespace relais::simulation {
namespace {

using ring::Operation;

const Endpoint kEcho{IpAddress::v4(0x0a000001), 25};

// Says its octets, one kind each connection, and counts those that come back.
struct Talker : SimPeer {
  char letter = 'a';
  size_t says = 0;
  size_t echoed = 0;
  bool over = false;
  void on_connected() override {
    write(std::string(says, letter));
    shut_down();
  }
  void on_refused(Error /*error*/) override { over = true; }
  void on_bytes(std::string_view bytes) override {
    for (const char c : bytes) {
      if (c == '.' || c == '!') continue;
      EXPECT_EQ(c, letter);
      ++echoed;
    }
    EXPECT_LE(echoed, says);
  }
  void on_closed(bool /*reset*/) override {
    over = true;
    close();
  }
};

struct Outcome {
  uint64_t hash = 0;
  uint64_t events = 0;
  std::map<char, size_t> echoed;
  size_t whole = 0;  // clients that got everything back
  size_t lost = 0;   // octets that were acknowledged and are not on the disk
  bool settled = true;
};

// A few clients at a time against one program.
void talk(SimWorld& world, Outcome& outcome, char first_letter, bool crash_in_between,
          bool careless = false) {
  Echo echo(world, kEcho, careless);
  if (!echo.usable()) return;
  std::vector<std::shared_ptr<Talker>> talkers;
  for (char i = 0; i < 6; ++i) {
    auto talker = std::make_shared<Talker>();
    talker->letter = static_cast<char>(first_letter + i);
    talker->says = 1 + world.prng().below(20);
    world.after(milliseconds(static_cast<int64_t>(world.prng().below(30))), [&world, talker] {
      world.network().connect(talker, {IpAddress::v4(0x7f000002), 0}, kEcho);
    });
    talkers.push_back(std::move(talker));
  }
  const Instant limit = world.now() + seconds(200);
  const uint64_t crash_at = crash_in_between ? 1 + world.prng().below(120) : UINT64_MAX;
  const auto all_over = [&] {
    return std::ranges::all_of(talkers, [](const auto& talker) { return talker->over; });
  };
  while (!all_over() && world.now() < limit && echo.turns() < crash_at) echo.turn();
  if (crash_in_between)
    world.crash();
  else
    outcome.settled = outcome.settled && all_over();
  for (const auto& talker : talkers) {
    outcome.echoed[talker->letter] += talker->echoed;
    outcome.whole += talker->echoed == talker->says ? 1 : 0;
  }
}

Outcome play(uint64_t seed, const Faults& faults, bool crash, bool careless = false) {
  SimWorld world(seed, faults);
  Outcome outcome;
  talk(world, outcome, 'a', crash, careless);
  world.pass(seconds(5));
  if (crash) {
    talk(world, outcome, 'k', true, careless);
    world.pass(seconds(5));
  }
  // Every octet that a client has seen again lies in a sector of its own.
  std::map<char, size_t> kept;
  const std::string log = world.disk().read_file("/log").value_or("");
  for (size_t at = 0; at + kSector <= log.size(); at += kSector) {
    const std::string_view sector = std::string_view(log).substr(at, kSector);
    EXPECT_EQ(sector.find_first_not_of(sector[0]), std::string_view::npos);
    ++kept[sector[0]];
  }
  for (const auto& [letter, count] : outcome.echoed)
    outcome.lost += count - std::min(count, kept[letter]);
  outcome.hash = world.trace().hash();
  outcome.events = world.trace().events();
  return outcome;
}

Faults drawn(uint64_t seed) {
  Prng prng(seed);
  return Faults::draw(prng);
}

TEST(Simulation, without_faults_everything_comes_back) {
  for_each_seed(50, [](uint64_t seed) {
    const Outcome outcome = play(seed, {}, false);
    EXPECT_EQ(outcome.whole, 6U);
    EXPECT_EQ(outcome.lost, 0U);
    EXPECT_TRUE(outcome.settled);
  });
}

TEST(Simulation, harmless_faults_lose_nothing) {
  for_each_seed(100, [](uint64_t seed) {
    // A short durable write is a failed one to this program.
    const Outcome outcome = play(seed, Faults::harmless(8).set(Fault::kShortWrite, 0), false);
    EXPECT_EQ(outcome.whole, 6U);
    EXPECT_TRUE(outcome.settled);
  });
}

TEST(Simulation, what_was_acknowledged_survives_faults_and_power_cuts) {
  for_each_seed(300, [](uint64_t seed) { EXPECT_EQ(play(seed, drawn(seed), true).lost, 0U); });
}

// The canary: should this ever pass unnoticed, the test above means nothing.
TEST(Simulation, a_program_that_acknowledges_too_early_is_caught) {
  size_t lost = 0;
  for (uint64_t seed = 1; seed <= 100 && lost == 0; ++seed)
    lost = play(seed, drawn(seed), true, true).lost;
  EXPECT_GT(lost, 0U);
}

TEST(Simulation, the_same_seed_is_the_same_story_and_another_seed_another) {
  std::set<uint64_t> stories;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const Outcome once = play(seed, drawn(seed), true);
    const Outcome again = play(seed, drawn(seed), true);
    EXPECT_EQ(once.hash, again.hash);
    EXPECT_EQ(once.events, again.events);
    stories.insert(once.hash);
  }
  EXPECT_EQ(stories.size(), 30U);
}

TEST(Simulation, every_fault_strikes) {
  std::array<uint64_t, kFaultKinds> struck{};
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SimWorld world(seed, Faults::all(20));
    Outcome outcome;
    talk(world, outcome, 'a', true);
    world.pass(seconds(5));
    for (size_t kind = 0; kind < kFaultKinds; ++kind)
      struck[kind] += world.count(static_cast<Fault>(kind));
  }
  // This program reads nothing through the ring.
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    const auto fault = static_cast<Fault>(kind);
    if (fault == Fault::kShortRead || fault == Fault::kReadError) continue;
    EXPECT_GT(struck[kind], 0U) << name(fault);
  }
}

TEST(SimWorld, events_of_one_instant_run_in_the_order_in_which_they_were_made) {
  SimWorld world(1);
  std::vector<int> order;
  world.after(seconds(2), [&] { order.push_back(3); });
  world.after(seconds(1), [&] {
    order.push_back(1);
    world.after({}, [&] { order.push_back(2); });
  });
  world.pass(seconds(1));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  world.pass(seconds(1));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(SimWorld, the_wall_clock_can_jump_and_the_other_does_not) {
  SimWorld world(1);
  const WallTime wall = world.wall_now();
  const Instant now = world.now();
  world.step_wall_clock(hours(-1));
  EXPECT_EQ(world.wall_now() - wall, hours(-1));
  EXPECT_EQ(world.now(), now);
}

TEST(SimKernel, time_moves_only_while_the_program_waits) {
  SimWorld world(1);
  SimKernel kernel(world);
  const auto loop = std::move(*ring::Loop::create(kernel));
  const Instant start = kernel.now();
  [[maybe_unused]] const auto id =
      loop->arm_timer(start + seconds(60), {Operation::kSessionTimer, {0, 1}});
  loop->do_not_wait();
  EXPECT_TRUE(loop->turn().empty());
  EXPECT_EQ(kernel.now(), start);
  while (loop->turn().empty()) continue;
  EXPECT_EQ(kernel.now(), start + seconds(60));
}

TEST(SimKernel, unbuffered_files_want_whole_sectors) {
  SimWorld world(1);
  SimKernel kernel(world);
  const auto loop = std::move(*ring::Loop::create(kernel));
  const int fd = kernel.create_zeroed("/log", 4 * kSector).value_or(-1);
  struct alignas(4096) Sectors {
    std::array<std::byte, 2 * kSector> bytes{};
  } sectors;
  const auto result = [&](size_t start, size_t length, uint64_t offset) {
    loop->read(fd, std::span(sectors.bytes).subspan(start, length), offset,
               {Operation::kSpoolRead, {0, 1}});
    for (;;) {
      for (const auto& completion : loop->turn()) return completion.result;
    }
  };
  EXPECT_EQ(result(0, kSector, kSector), static_cast<int>(kSector));
  EXPECT_EQ(result(0, 512, 0), -EINVAL);
  EXPECT_EQ(result(0, kSector, 512), -EINVAL);
  EXPECT_EQ(result(8, kSector, 0), -EINVAL);
}

TEST(SimKernel, a_flush_whose_descriptor_was_closed_too_early_finds_nobody_or_another_file) {
  SimWorld world(1);
  SimKernel kernel(world);
  const auto loop = std::move(*ring::Loop::create(kernel));
  const auto flush_and = [&](bool open_another) {
    const int fd = kernel.open("/mail", ring::OpenMode::kAppend).value_or(-1);
    loop->sync(fd, {Operation::kMaildirSync, {0, 1}});
    loop->do_not_wait();
    [[maybe_unused]] const auto nothing = loop->turn();
    kernel.close(fd);
    if (open_another) {
      EXPECT_EQ(kernel.open("/other", ring::OpenMode::kAppend), fd);
    }
    for (;;) {
      for (const auto& completion : loop->turn()) return completion.result;
    }
  };
  EXPECT_EQ(flush_and(false), -EBADF);
  EXPECT_EQ(flush_and(true), 0);
}

TEST(SimKernel, a_full_disk_ends_a_write_early_and_then_refuses_it) {
  SimWorld world(1);
  world.disk().set_capacity(3 * kSector);
  SimKernel kernel(world);
  const auto loop = std::move(*ring::Loop::create(kernel));
  const int fd = kernel.open("/mail.log", ring::OpenMode::kAppend).value_or(-1);
  const std::string text(4 * kSector, 'x');
  const auto append = [&] {
    loop->write(fd, std::as_bytes(std::span(text)), UINT64_MAX, {Operation::kLogWrite, {0, 1}});
    for (;;) {
      for (const auto& completion : loop->turn()) return completion.result;
    }
  };
  EXPECT_EQ(append(), static_cast<int>(3 * kSector));
  EXPECT_EQ(append(), -ENOSPC);
  EXPECT_EQ(kernel.create_zeroed("/log", kSector).error(), Error::kNoSpace);
  EXPECT_EQ(world.disk().list("/"), std::vector<std::string>{"mail.log"});
}

TEST(SimKernel, running_out_of_descriptors_ends_an_accept_and_keeps_the_caller_waiting) {
  SimWorld world(1);
  SimKernel kernel(world);
  const auto loop = std::move(*ring::Loop::create(kernel));
  const int listener = kernel.listen(kEcho).value_or(-1);
  loop->accept_multishot(listener, {Operation::kAccept, {0, 1}});
  auto talker = std::make_shared<Talker>();
  world.network().connect(talker, {IpAddress::v4(0x7f000002), 0}, kEcho);
  const int ballast = kernel.wake_up_fd().value_or(-1);
  kernel.set_descriptor_limit(kernel.open_descriptors());
  const auto next = [&] {
    for (;;) {
      for (const auto& completion : loop->turn()) return completion;
    }
  };
  const auto refused = next();
  EXPECT_EQ(refused.error(), Error::kNoDescriptors);
  EXPECT_FALSE(refused.more);
  kernel.close(ballast);
  loop->accept_multishot(listener, {Operation::kAccept, {0, 1}});
  EXPECT_TRUE(next().ok());
}

TEST(SimKernelDeathTest, memory_that_changes_under_an_operation_is_noticed) {
  const auto careless = [] {
    SimWorld world(1);
    SimKernel kernel(world);
    const auto loop = std::move(*ring::Loop::create(kernel));
    const int fd = kernel.open("/mail.log", ring::OpenMode::kAppend).value_or(-1);
    std::string text = "a line\n";
    loop->write(fd, std::as_bytes(std::span(text)), UINT64_MAX, {Operation::kLogWrite, {0, 1}});
    loop->do_not_wait();
    [[maybe_unused]] const auto nothing = loop->turn();
    text[0] = 'A';
    while (loop->turn().empty()) continue;
  };
  EXPECT_DEATH(careless(), "RELAIS_SEED=1 replays this");
}

}  // namespace
}  // namespace relais::simulation
