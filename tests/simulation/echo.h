// The smallest program that does what a relay does on its ring: accepts, receives from provided
// buffers, answers, and first writes everything to a file, durably. Its test is the simulation's
// own: under every fault it must neither lose its head nor what it has acknowledged.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "base/slab.h"
#include "ring/loop.h"
#include "simulation/sim_kernel.h"

namespace relais::simulation {

// Writes each octet of a connection to /log (a sector each) and echoes it, with a dot,
// once it is durable.
class Echo {
 public:
  static constexpr uint32_t kSectors = 512;
  static constexpr uint32_t kConnections = 8;

  // `careless`: echoes before the write is durable, the bug that the simulation is there to find.
  Echo(SimWorld& world, const Endpoint& endpoint, bool careless = false);
  void turn();
  [[nodiscard]] bool usable() const { return log_ >= 0 && listener_ >= 0; }
  [[nodiscard]] uint64_t turns() const { return turns_; }

 private:
  struct Connection {
    int fd = -1;
    ring::Token receiving;
    std::string unwritten;
    std::string unsent;
    std::string sending;
    bool armed = false;
    bool writing = false;
    bool failed = false;
    bool ended = false;
  };
  struct alignas(4096) Sector {
    std::array<char, 4096> bytes{};
  };
  struct Write {
    Handle connection;
    Sector sector;
    iovec vector{};
  };

  void on_accept(const ring::Completion& completion);
  void on_receive(const ring::Completion& completion);
  void on_write(const ring::Completion& completion);
  void on_send(const ring::Completion& completion);
  void arm_accept();
  void arm_heartbeat();
  void arm_receive(Connection& connection);
  void arm_write(Connection& connection);
  void arm_send(Connection& connection);
  void acknowledge(Connection& connection);
  void end_if_done(Connection& connection);
  ring::Token token(ring::Operation operation, const Connection& connection) {
    return {operation, connections_.handle_of(&connection)};
  }

  SimKernel kernel_;
  std::unique_ptr<ring::Loop> loop_;
  ring::BufferGroup* buffers_ = nullptr;
  Slab<Connection> connections_{kConnections};
  std::array<Write, kConnections> writes_;
  bool careless_;
  int listener_ = -1;
  int log_ = -1;
  uint64_t next_sector_ = 0;
  uint64_t turns_ = 0;
};

}  // namespace relais::simulation
