#include "simulation/sim_peer.h"

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "simulation/sim_world.h"

namespace relais::simulation {

bool SimPeer::connected() const {
  const auto socket = socket_.lock();
  return socket != nullptr && !socket->is_closed() &&
         socket->state() == SimSocket::State::kConnected;
}

Endpoint SimPeer::local() const {
  const auto socket = socket_.lock();
  return socket != nullptr ? socket->local() : Endpoint{};
}

Endpoint SimPeer::remote() const {
  const auto socket = socket_.lock();
  return socket != nullptr ? socket->remote() : Endpoint{};
}

size_t SimPeer::room_to_here() const {
  const auto socket = socket_.lock();
  return socket == nullptr ? 0 : socket->room_to_here();
}

void SimPeer::write(std::string_view bytes) {
  if (shutting_down_ || closing_) return;
  unsent_.push(bytes);
  flush();
}

void SimPeer::shut_down() {
  shutting_down_ = true;
  flush();
}

void SimPeer::close() {
  if (closing_) return;
  closing_ = true;
  flush();
}

void SimPeer::reset() {
  closing_ = true;
  unsent_.clear();
  if (const auto socket = socket_.lock()) {
    socket->reset();
    socket->close();
  }
}

void SimPeer::resume() {
  paused_ = false;
  ASSERT(world_ != nullptr);
  world_->after({}, [self = shared_from_this()] { self->socket_changed(); });
}

void SimPeer::set_timer(Duration after, uint64_t what) {
  ASSERT(world_ != nullptr);  // set once the peer is connecting or connected
  world_->after(after, [weak = weak_from_this(), what] {
    if (const auto self = weak.lock()) self->on_timer(what);
  });
}

void SimPeer::flush() {
  const auto socket = socket_.lock();
  if (socket == nullptr || socket->state() != SimSocket::State::kConnected) return;
  while (!unsent_.empty()) {
    const int taken = socket->write(unsent_.front(world_->cut(unsent_.size())));
    if (taken == -EAGAIN) return;
    if (taken < 0) {
      unsent_.clear();
      break;
    }
    unsent_.pop(static_cast<size_t>(taken));
  }
  if (closing_)
    socket->close();
  else if (shutting_down_)
    socket->shut_down_writes();
}

void SimPeer::socket_changed() {
  const auto self = shared_from_this();  // a handler may drop the last other reference
  const auto socket = socket_.lock();
  if (socket == nullptr || socket->state() == SimSocket::State::kConnecting) return;
  if (!told_connected_) {
    told_connected_ = true;
    if (socket->state() == SimSocket::State::kIdle) {
      socket_.reset();
      on_refused(error_from_errno(socket->take_error()));
      return;
    }
    on_connected();
  }
  read_all();
  if (socket->state() == SimSocket::State::kReset && !told_reset_ && !socket->is_closed() &&
      !paused_) {
    told_reset_ = true;
    closing_ = true;
    unsent_.clear();
    socket->close();
    on_closed(true);
    return;
  }
  flush();
}

void SimPeer::read_all() {
  std::array<char, 16384> buffer{};
  while (!paused_ && !told_end_) {
    const auto socket = socket_.lock();
    if (socket == nullptr || socket->is_closed() || !socket->read_ready()) return;
    if (socket->readable() == 0) {
      if (socket->state() == SimSocket::State::kReset) return;
      told_end_ = true;
      on_closed(false);
      return;
    }
    const size_t want = world_->cut(std::min(socket->readable(), buffer.size()));
    const int octets = socket->read(std::span(buffer).first(want));
    ASSERT(octets > 0);
    on_bytes({buffer.data(), static_cast<size_t>(octets)});
  }
}

}  // namespace relais::simulation
