// A world for one program under test: a clock, a disk, a network with peers, and the chance that
// things go wrong, all from one 64-bit seed. It outlives the program: kill it or cut the power,
// start it again on the same disk. The program sees it through SimKernel, a fake io_uring under the
// real ring code. Single-threaded; time stands still while anybody computes and moves when a kernel
// waits.
//
//   struct Client : SimPeer {                       // what stands at the other end of a socket
//     std::string seen;
//     void on_connected() override { write("EHLO x\r\n"); }
//     void on_bytes(std::string_view bytes) override { seen += bytes; }
//   };
//   for_each_seed(1000, [](uint64_t seed) {         // sim_seed.h; RELAIS_SEED=n replays one
//     SimWorld world(seed);
//     world.set_faults(Faults::draw(world.prng())); // or .faults().set(Fault::kReset, 50)
//     auto sink = world.network().serve(hop, [&] { return std::make_shared<Sink>(); });
//     SimKernel kernel(world);
//     auto core = Core::create(kernel, ...);
//     auto client = std::make_shared<Client>();
//     world.network().connect(client, from, to);    // `from`: the address that the program sees
//     while (!done && world.now() < end) core->turn();
//     world.crash();                                // while the core still lives, as in real life
//   });
//
// echo.h is a small whole program that is tested like this. After crash() or kill() destroy the
// program, then the kernel; start both again on this world. A failing test prints the last events.
// The world's state is valid between two turns.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "simulation/sim_disk.h"
#include "simulation/sim_faults.h"
#include "simulation/sim_trace.h"

namespace relais::simulation {

class SimKernel;
class SimNetwork;

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed, Faults faults = {});
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  [[nodiscard]] uint64_t seed() const { return seed_; }
  [[nodiscard]] Prng& prng() { return prng_; }
  [[nodiscard]] SimDisk& disk() { return disk_; }
  [[nodiscard]] SimNetwork& network() { return *network_; }

  // ---- time
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] WallTime wall_now() const { return WallTime{} + Duration{wall_offset_ + now_.ns}; }
  // Moves the wall clock alone, as an administrator or NTP does.
  void step_wall_clock(Duration by) { wall_offset_ += by.ns; }
  // Calls back when the time has come; never from inside the call.
  void after(Duration delay, std::function<void()> action);
  // Lets time pass with no program running: between a crash and the next start.
  void pass(Duration time);

  // ---- what goes wrong
  [[nodiscard]] Faults& faults() { return faults_; }
  void set_faults(const Faults& faults) { faults_ = faults; }
  [[nodiscard]] uint64_t count(Fault fault) const { return counts_[static_cast<size_t>(fault)]; }
  // The program dies as by kill -9: its sockets are reset, writes under way are done or not; what
  // is in the page cache stays.
  void kill();
  // The power goes: a kill, and what was not flushed survives only by chance (SimDisk::crash).
  void crash();

  // ---- the record
  [[nodiscard]] SimTrace& trace() { return trace_; }
  [[gnu::format(printf, 2, 3)]] void note(const char* format, ...);

  // ---- for the parts of the simulation
  [[nodiscard]] bool happens(Fault fault);
  [[nodiscard]] std::optional<Instant> next_event() const;
  // Runs everything up to and including `until`, the clock following.
  void run_until(Instant until);
  [[nodiscard]] Duration network_delay();
  [[nodiscard]] Duration disk_delay();
  [[nodiscard]] Duration completion_delay();
  // How much of `available` a piece takes: mostly all, often some, sometimes very little.
  [[nodiscard]] size_t cut(size_t available);
  void attach(SimKernel& kernel) { kernels_.push_back(&kernel); }
  void detach(SimKernel& kernel) { std::erase(kernels_, &kernel); }
  // True when a kernel other than this one has completions that its program has not taken.
  [[nodiscard]] bool others_ready(const SimKernel& kernel) const;

 private:
  struct Event {
    Instant when;
    uint64_t number;  // events of one instant run in the order in which they were made
    std::function<void()> action;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  uint64_t seed_;
  Prng prng_;
  Faults faults_;
  std::array<uint64_t, kFaultKinds> counts_{};
  Instant now_;
  int64_t wall_offset_;
  SimTrace trace_;
  std::vector<Event> events_;  // a heap
  uint64_t next_event_number_ = 0;
  SimDisk disk_;
  std::unique_ptr<SimNetwork> network_;
  std::vector<SimKernel*> kernels_;
};

}  // namespace relais::simulation
