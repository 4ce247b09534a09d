// One end of a TCP connection: a receive buffer, a send buffer, and a network in between that moves
// pieces of random size after random delays. Both ends are the same kind; behind one stands a
// descriptor of a SimKernel, behind the other a SimPeer or again a descriptor. Errors are -errno,
// as Linux 6.x reports them (tcp_input.c, tcp_reset; tcp.c, tcp_recvmsg).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace relais::simulation {

class SimNetwork;
class SimPeer;
class SimWorld;

// A queue of octets.
class SimBytes {
 public:
  [[nodiscard]] size_t size() const { return bytes_.size() - head_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  void push(std::string_view bytes) { bytes_ += bytes; }
  [[nodiscard]] std::string_view front(size_t octets) const {
    return std::string_view(bytes_).substr(head_, octets);
  }
  void pop(size_t octets);
  void clear() {
    bytes_.clear();
    head_ = 0;
  }

 private:
  std::string bytes_;
  size_t head_ = 0;
};

class SimSocket : public std::enable_shared_from_this<SimSocket> {
 public:
  // Told, soon and not from inside a call, that reading, writing or the state may go on.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void socket_changed() = 0;
  };
  enum class State : uint8_t { kIdle, kConnecting, kConnected, kReset };

  SimSocket(SimNetwork& network, uint64_t number);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_closed() const { return closed_; }
  [[nodiscard]] uint64_t number() const { return number_; }
  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  void set_owner(Owner* owner) { owner_ = owner; }

  [[nodiscard]] size_t readable() const { return receive_.size(); }
  // Octets that may be on their way to this end, at most.
  [[nodiscard]] size_t room_to_here() const;
  [[nodiscard]] size_t room_to_send() const { return send_limit_ - send_.size(); }
  // A read would not wait: octets, the end, or an error.
  [[nodiscard]] bool read_ready() const;
  // Octets read, 0 at the end of the stream, or -errno; -EAGAIN when there is nothing yet.
  int read(std::span<char> out);
  // Octets taken (as many as there is room for), -EAGAIN, or -errno.
  int write(std::string_view bytes);
  int shut_down_writes();
  // Gives up both directions. Unread octets, or octets that come later, make it a reset.
  void close();
  void reset();
  // The error that the next operation would report (SO_ERROR), taken away.
  int take_error();

 private:
  friend class SimNetwork;
  void changed();
  void pump();
  void move();
  void answer_from_nowhere();
  void receive_reset();
  void retire_if_done();

  SimNetwork& network_;
  SimWorld& world_;
  uint64_t number_;
  State state_ = State::kIdle;
  Endpoint local_;
  Endpoint remote_;
  Owner* owner_ = nullptr;
  std::shared_ptr<SimPeer> peer_;  // keeps the peer behind this end alive
  std::weak_ptr<SimSocket> other_;
  SimBytes receive_;
  SimBytes send_;
  size_t receive_limit_;
  size_t send_limit_;
  bool end_queued_ = false;
  bool end_sent_ = false;
  bool end_received_ = false;
  bool closed_ = false;
  bool moving_ = false;   // a piece is under way
  bool telling_ = false;  // the owner will be told
  int error_ = 0;
};

}  // namespace relais::simulation
