// A program at the far end of a connection, written by a test: a client or a next hop. Derive,
// react to what happens. Everything is called from the world's events, never from inside a call of
// one's own; octets arrive and leave in pieces of random size. A peer lives as long as its
// connection or anybody's shared_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "simulation/sim_socket.h"

namespace relais::simulation {

class SimPeer : public SimSocket::Owner, public std::enable_shared_from_this<SimPeer> {
 public:
  // ---- what happens
  virtual void on_connected() {}
  // The connection could not be made (only for one that connects).
  virtual void on_refused(Error /*error*/) {}
  virtual void on_bytes(std::string_view bytes) = 0;
  // The program has ended its side (false), or the connection broke (true). After an end this side
  // may still write; a reset may follow. By default: ends this side too.
  virtual void on_closed(bool /*reset*/) { close(); }
  virtual void on_timer(uint64_t /*what*/) {}

  // ---- what a peer does
  void write(std::string_view bytes);  // any amount; goes out as the program reads
  void shut_down();                    // after what was written; this side still reads
  void close();                        // the same, and reads no more: late octets make it a reset
  void reset();                        // at once; what was written may be lost
  // A slow reader: the program's sends fill up.
  void pause() { paused_ = true; }
  void resume();
  void set_timer(Duration after, uint64_t what = 0);

  [[nodiscard]] bool connected() const;
  [[nodiscard]] size_t unsent() const { return unsent_.size(); }
  // Octets that may be on their way to this side, at most.
  [[nodiscard]] size_t room_to_here() const;
  // As this side sees them.
  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] Endpoint remote() const;
  [[nodiscard]] SimWorld& world() const { return *world_; }

 private:
  friend class SimNetwork;
  void socket_changed() override;
  void flush();
  void read_all();

  SimWorld* world_ = nullptr;
  std::weak_ptr<SimSocket> socket_;
  SimBytes unsent_;
  bool told_connected_ = false;
  bool told_end_ = false;
  bool told_reset_ = false;
  bool shutting_down_ = false;
  bool closing_ = false;
  bool paused_ = false;
};

}  // namespace relais::simulation
