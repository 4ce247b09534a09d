#include "simulation/sim_network.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_world.h"

namespace relais::simulation {
namespace {

// Linux gives up after six lost SYNs.
constexpr Duration kSilence = seconds(130);

}  // namespace

SimListener::~SimListener() {
  std::erase(network_.listeners_, this);
  for (const auto& socket : backlog_) {
    socket->reset();
    socket->close();
  }
}

std::shared_ptr<SimSocket> SimListener::take() {
  auto socket = std::move(backlog_.front());
  backlog_.pop_front();
  return socket;
}

SimNetwork::~SimNetwork() { ASSERT(listeners_.empty()); }

std::shared_ptr<SimSocket> SimNetwork::make_socket() {
  return std::make_shared<SimSocket>(*this, next_number_++);
}

uint16_t SimNetwork::next_port() {
  if (next_port_ == UINT16_MAX) next_port_ = 32768;
  return next_port_++;
}

void SimNetwork::serve(const Endpoint& endpoint, MakePeer make) {
  servers_[endpoint] = {Manner::kAccept, std::move(make)};
}

void SimNetwork::connect(const std::shared_ptr<SimPeer>& peer, Endpoint from, const Endpoint& to) {
  ASSERT(peer->socket_.expired());  // one connection a peer
  auto socket = make_socket();
  if (from.port == 0) from.port = next_port();
  socket->local_ = from;
  socket->peer_ = peer;
  socket->owner_ = peer.get();
  peer->world_ = &world_;
  peer->socket_ = socket;
  connect(socket, to);
}

void SimNetwork::connect(const std::shared_ptr<SimSocket>& socket, const Endpoint& to) {
  socket->state_ = SimSocket::State::kConnecting;
  socket->remote_ = to;
  if (socket->local_.port == 0) {
    const bool v4 = to.address.is_v4();
    const IpAddress here = v4 ? IpAddress::v4(0x0a000001) : IpAddress::v6(0xfd00ULL << 48, 1);
    socket->local_ = {to.address.is_loopback() ? to.address : here, next_port()};
  }
  world_.note("socket %llu: %s connects to %s", static_cast<unsigned long long>(socket->number()),
              socket->local_.to_string().c_str(), to.to_string().c_str());
  world_.after(world_.network_delay(), [this, socket] { arrive(socket); });
}

void SimNetwork::refuse(const std::shared_ptr<SimSocket>& socket, int error) {
  if (socket->state_ != SimSocket::State::kConnecting) return;
  world_.note("socket %llu: connect fails with %d",
              static_cast<unsigned long long>(socket->number()), error);
  socket->state_ = SimSocket::State::kIdle;
  socket->error_ = error;
  socket->changed();
}

SimListener* SimNetwork::find_listener(const Endpoint& to) {
  std::vector<SimListener*> found;
  const auto look = [&](const auto& matches) {
    for (SimListener* listener : listeners_) {
      if (listener->endpoint_.port == to.port && matches(listener->endpoint_.address))
        found.push_back(listener);
    }
  };
  look([&](const IpAddress& address) { return address == to.address; });
  if (found.empty()) {
    look([&](const IpAddress& address) {
      return address.is_unspecified() && address.family() == to.address.family();
    });
  }
  // SO_REUSEPORT: one of them, by a hash of the connection or by chance.
  if (found.empty()) return nullptr;
  return found[static_cast<size_t>(
      world_.prng().below(std::min(found.size(), found.front()->steered_)))];
}

// The SYN is there.
void SimNetwork::arrive(const std::shared_ptr<SimSocket>& socket) {
  if (socket->state_ != SimSocket::State::kConnecting) return;
  if (world_.happens(Fault::kRefuse)) return refuse(socket, ECONNREFUSED);
  if (SimListener* listener = find_listener(socket->remote_)) {
    listener->backlog_.push_back(link(socket));
    listener->owner_.socket_changed();
    return;
  }
  const auto it = servers_.find(socket->remote_);
  const Manner manner = it == servers_.end() ? Manner::kRefuse : it->second.manner;
  if (manner == Manner::kRefuse) return refuse(socket, ECONNREFUSED);
  if (manner == Manner::kUnreachable) return refuse(socket, EHOSTUNREACH);
  if (manner == Manner::kSilent) {
    world_.after(kSilence, [this, socket] { refuse(socket, ETIMEDOUT); });
    return;
  }
  ASSERT(it->second.make);
  const auto peer = it->second.make();
  const auto server = link(socket);
  server->peer_ = peer;
  server->owner_ = peer.get();
  peer->world_ = &world_;
  peer->socket_ = server;
  server->changed();
}

// Makes the other end of a connection.
std::shared_ptr<SimSocket> SimNetwork::link(const std::shared_ptr<SimSocket>& socket) {
  auto server = make_socket();
  server->local_ = socket->remote_;
  server->remote_ = socket->local_;
  server->state_ = socket->state_ = SimSocket::State::kConnected;
  server->other_ = socket;
  socket->other_ = server;
  live_[server->number()] = server;
  live_[socket->number()] = socket;
  world_.note("socket %llu: connected, its other end is %llu",
              static_cast<unsigned long long>(socket->number()),
              static_cast<unsigned long long>(server->number()));
  socket->changed();
  return server;
}

bool SimNetwork::has_server(const Endpoint& endpoint) const {
  const auto it = servers_.find(endpoint);
  return it != servers_.end() && it->second.manner == Manner::kAccept;
}

bool SimNetwork::taken(const Endpoint& endpoint) const {
  return has_server(endpoint) || std::ranges::any_of(listeners_, [&](const SimListener* listener) {
           return listener->endpoint_ == endpoint;
         });
}

void SimListener::steer(size_t count) {
  for (SimListener* listener : network_.listeners_) {
    if (listener->endpoint_ == endpoint_) listener->steered_ = count;
  }
}

std::unique_ptr<SimListener> SimNetwork::listen(Endpoint endpoint, SimSocket::Owner& owner) {
  if (endpoint.port == 0) endpoint.port = next_port();
  if (has_server(endpoint)) return nullptr;
  auto listener = std::make_unique<SimListener>(*this, endpoint, owner);
  listeners_.push_back(listener.get());
  return listener;
}

}  // namespace relais::simulation
