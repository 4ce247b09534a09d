// Who can be reached in a simulated world: listeners of the program, servers and clients of the
// tests, and the connections between them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/ip.h"
#include "simulation/sim_peer.h"
#include "simulation/sim_socket.h"

namespace relais::simulation {

// A listening descriptor of the program; owned by it.
class SimListener {
 public:
  SimListener(SimNetwork& network, const Endpoint& endpoint, SimSocket::Owner& owner)
      : network_(network), endpoint_(endpoint), owner_(owner) {}
  ~SimListener();
  SimListener(const SimListener&) = delete;
  SimListener& operator=(const SimListener&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] bool waiting() const { return !backlog_.empty(); }
  // Connections come to the first `count` listeners of the endpoint.
  void steer(size_t count);
  [[nodiscard]] std::shared_ptr<SimSocket> take();

 private:
  friend class SimNetwork;
  SimNetwork& network_;
  Endpoint endpoint_;
  SimSocket::Owner& owner_;
  std::deque<std::shared_ptr<SimSocket>> backlog_;
  size_t steered_ = SIZE_MAX;
};

class SimNetwork {
 public:
  // What a connect finds at an endpoint. Where nothing was ever set up, it is refused.
  enum class Manner : uint8_t { kAccept, kRefuse, kSilent, kUnreachable };
  using MakePeer = std::function<std::shared_ptr<SimPeer>()>;

  explicit SimNetwork(SimWorld& world) : world_(world) {}
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // ---- for tests
  // Every connection to `endpoint` gets a new peer.
  void serve(const Endpoint& endpoint, MakePeer make);
  // Changes what is there: a server goes down, or comes back.
  void set_manner(const Endpoint& endpoint, Manner manner) { servers_[endpoint].manner = manner; }
  // A client, seen by the program under the address `from` (port 0: any).
  void connect(const std::shared_ptr<SimPeer>& peer, Endpoint from, const Endpoint& to);
  // Connections of which an end is still open.
  [[nodiscard]] size_t open_sockets() const { return live_.size(); }

  // ---- for the kernel
  [[nodiscard]] SimWorld& world() { return world_; }
  [[nodiscard]] std::shared_ptr<SimSocket> make_socket();
  // The owner is told when it is connected, or idle again with an error.
  void connect(const std::shared_ptr<SimSocket>& socket, const Endpoint& to);
  // Somebody listens there, whether he would share it or not.
  [[nodiscard]] bool taken(const Endpoint& endpoint) const;
  // Null: a server of the test has the address; other listeners share it. Port 0 takes a free one.
  [[nodiscard]] std::unique_ptr<SimListener> listen(Endpoint endpoint, SimSocket::Owner& owner);

 private:
  friend class SimSocket;
  friend class SimListener;
  struct Server {
    Manner manner = Manner::kRefuse;
    MakePeer make;
  };
  void arrive(const std::shared_ptr<SimSocket>& socket);
  void refuse(const std::shared_ptr<SimSocket>& socket, int error);
  std::shared_ptr<SimSocket> link(const std::shared_ptr<SimSocket>& socket);
  [[nodiscard]] bool has_server(const Endpoint& endpoint) const;
  SimListener* find_listener(const Endpoint& to);
  void retire(SimSocket& socket) { live_.erase(socket.number()); }
  uint16_t next_port();

  SimWorld& world_;
  std::map<Endpoint, Server> servers_;
  std::vector<SimListener*> listeners_;
  std::map<uint64_t, std::shared_ptr<SimSocket>> live_;
  uint64_t next_number_ = 1;
  uint16_t next_port_ = 32768;
};

}  // namespace relais::simulation
