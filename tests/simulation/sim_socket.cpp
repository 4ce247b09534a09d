#include "simulation/sim_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_network.h"
#include "simulation/sim_world.h"

namespace relais::simulation {

void SimBytes::pop(size_t octets) {
  ASSERT(octets <= size());
  head_ += octets;
  if (head_ == bytes_.size()) {
    clear();
  } else if (head_ > 65536 && head_ > bytes_.size() / 2) {
    bytes_.erase(0, head_);
    head_ = 0;
  }
}

SimSocket::SimSocket(SimNetwork& network, uint64_t number)
    : network_(network), world_(network.world()), number_(number) {
  Prng& prng = world_.prng();
  // From buffers that are always full to some that never are.
  receive_limit_ = size_t{1024} << prng.below(9);
  send_limit_ = size_t{1024} << prng.below(9);
}

void SimSocket::changed() {
  if (telling_ || owner_ == nullptr) return;
  telling_ = true;
  world_.after({}, [self = shared_from_this()] {
    self->telling_ = false;
    if (self->owner_ != nullptr) self->owner_->socket_changed();
  });
}

bool SimSocket::read_ready() const {
  return !receive_.empty() || end_received_ || state_ == State::kReset;
}

int SimSocket::read(std::span<char> out) {
  if (state_ == State::kIdle || state_ == State::kConnecting) return -ENOTCONN;
  if (!receive_.empty()) {
    const size_t octets = std::min(out.size(), receive_.size());
    std::memcpy(out.data(), receive_.front(octets).data(), octets);
    receive_.pop(octets);
    if (const auto other = other_.lock()) other->pump();
    return static_cast<int>(octets);
  }
  // The end was seen in order, so a later reset does not take it back.
  if (end_received_) return 0;
  if (state_ != State::kReset) return -EAGAIN;
  const int error = take_error();
  return error != 0 ? -error : 0;
}

size_t SimSocket::room_to_here() const {
  const auto other = other_.lock();
  return receive_limit_ + (other == nullptr ? 0 : other->send_limit_);
}

int SimSocket::write(std::string_view bytes) {
  if (state_ == State::kIdle || state_ == State::kConnecting) return -ENOTCONN;
  if (const int error = take_error(); error != 0) return -error;
  if (state_ == State::kReset || end_queued_) return -EPIPE;
  const size_t room = send_limit_ - send_.size();
  if (room == 0) return -EAGAIN;
  const size_t octets = std::min(room, bytes.size());
  send_.push(bytes.substr(0, octets));
  pump();
  return static_cast<int>(octets);
}

int SimSocket::shut_down_writes() {
  if (state_ != State::kConnected) return -ENOTCONN;
  if (!end_queued_) {
    end_queued_ = true;
    pump();
    changed();  // a send that waits for room fails now
  }
  return 0;
}

int SimSocket::take_error() { return std::exchange(error_, 0); }

void SimSocket::close() {
  if (closed_) return;
  closed_ = true;
  owner_ = nullptr;
  peer_.reset();
  if (state_ == State::kConnected && !receive_.empty()) {
    reset();
    return;
  }
  if (state_ == State::kConnecting) state_ = State::kReset;
  if (state_ == State::kConnected) {
    end_queued_ = true;
    pump();
  }
  retire_if_done();
}

void SimSocket::reset() {
  if (state_ != State::kConnected) return;
  world_.note("socket %llu: reset by its own end", static_cast<unsigned long long>(number_));
  state_ = State::kReset;
  send_.clear();
  receive_.clear();
  if (const auto other = other_.lock()) {
    world_.after(world_.network_delay(), [other] { other->receive_reset(); });
  }
  retire_if_done();
}

void SimSocket::receive_reset() {
  if (state_ != State::kConnected) return;
  world_.note("socket %llu: reset arrives", static_cast<unsigned long long>(number_));
  state_ = State::kReset;
  error_ = end_received_ ? EPIPE : ECONNRESET;
  send_.clear();
  changed();
  retire_if_done();
}

// Starts the next piece on its way when there is one and the other end has room for it.
void SimSocket::pump() {
  if (moving_ || state_ != State::kConnected) return;
  const auto other = other_.lock();
  const bool reachable = other != nullptr && !other->closed_ && other->state_ == State::kConnected;
  const bool bytes = !send_.empty() && (!reachable || other->readable() < other->receive_limit_);
  const bool end = send_.empty() && end_queued_ && !end_sent_;
  if (!bytes && !end) return;
  moving_ = true;
  world_.after(world_.network_delay(), [self = shared_from_this()] {
    self->moving_ = false;
    self->move();
  });
}

void SimSocket::move() {
  if (state_ != State::kConnected) return;
  const auto other = other_.lock();
  if (!send_.empty() && world_.happens(Fault::kReset)) {
    if (other != nullptr) other->receive_reset();
    receive_reset();
    return;
  }
  if (!send_.empty() &&
      (other == nullptr || other->closed_ || other->state_ != State::kConnected)) {
    answer_from_nowhere();
    return;
  }
  if (!send_.empty()) {
    const size_t room = other->receive_limit_ - other->readable();
    const size_t octets = world_.cut(std::min(send_.size(), room));
    other->receive_.push(send_.front(octets));
    send_.pop(octets);
    world_.note("socket %llu -> %llu: %zu octets", static_cast<unsigned long long>(number_),
                static_cast<unsigned long long>(other->number_), octets);
    other->changed();
    changed();
  }
  if (send_.empty() && end_queued_ && !end_sent_ && world_.prng().one_in(2)) {
    end_sent_ = true;
    world_.note("socket %llu: end", static_cast<unsigned long long>(number_));
    if (other != nullptr && other->state_ == State::kConnected) {
      other->end_received_ = true;
      other->changed();
    }
    retire_if_done();
    return;
  }
  pump();
}

// Octets for an end that is no longer there are answered with a reset; it loses what it still had
// to say (tcp_rcv_state_process, TCP_FIN_WAIT with an orphaned socket).
void SimSocket::answer_from_nowhere() {
  send_.clear();
  if (const auto other = other_.lock(); other != nullptr && other->state_ == State::kConnected) {
    other->state_ = State::kReset;
    other->send_.clear();
    other->retire_if_done();
  }
  world_.after(world_.network_delay(), [self = shared_from_this()] { self->receive_reset(); });
}

void SimSocket::retire_if_done() {
  const bool spoken = state_ != State::kConnected || end_sent_;
  if (closed_ && spoken) network_.retire(*this);
}

}  // namespace relais::simulation
