// The two grounds that a ring test stands on, Linux and the simulation, and a script that plays on
// either: it submits, turns the loop and takes the completions one by one, in the order asked for.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ring/linux_kernel.h"
#include "ring/loop.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_world.h"

namespace relais::ring {

struct Ground {
  std::string name;
  std::optional<uint64_t> seed;  // none: Linux
};
inline void PrintTo(const Ground& ground, std::ostream* out) { *out << ground.name; }
std::vector<Ground> all_grounds();

class RingTest : public testing::Test {
 public:
  using Pair = std::pair<int, int>;

  // Linux unless called otherwise before anything else.
  void stand_on(const Ground& ground);
  void TearDown() override;

  [[nodiscard]] Kernel& kernel() { return *kernel_; }
  [[nodiscard]] Loop& loop() { return *loop_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  void make_loop(Loop::Options options = {});

  // The next completion of this token; a failure and an empty one when none comes in 5 s.
  Completion take(Token token);
  // Nothing of this token within so long.
  bool quiet(Token token, Duration time);

  int listener();  // on a free port of 127.0.0.1
  // A connection: the end that was accepted, and the end that connected.
  Pair connect_to(int listening);
  Pair connected_pair();
  // Sends all, however short the single sends are.
  void send_all(int fd, std::string_view bytes);
  // What arrives until there are so many octets, or until the stream ends; buffers are given back.
  std::string receive(int fd, BufferGroup& group, size_t octets);
  void cancel_and_close(int fd);

  static Token token(Operation operation, uint32_t slot = 0, uint32_t generation = 1) {
    return {operation, {slot, generation}};
  }

 private:
  void turn();

  std::unique_ptr<simulation::SimWorld> world_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Loop> loop_;
  std::string folder_;
  bool temporary_ = false;
  std::deque<Completion> kept_;
  uint32_t next_slot_ = 1'000'000;
};

}  // namespace relais::ring
