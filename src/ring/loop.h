// The io_uring runtime of one core. One thread owns it. Operations are queued; a turn submits them
// and waits in one system call (IORING_SETUP_SINGLE_ISSUER | DEFER_TASKRUN, registered ring fd,
// time-out in the call itself), then hands out what completed as plain values: nothing is ever
// called back from inside, and nothing runs while reaping.
//
// Memory given to an operation (bytes, vectors, paths, addresses) must stay valid until its
// completion has been handed out. Every operation completes exactly once, multishot ones once with
// more() == false. Limits: kBatch completions a turn; the submission queue flushes itself when
// full.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "ring/buffer_group.h"
#include "ring/kernel.h"
#include "ring/operation.h"
#include "ring/timer_wheel.h"

struct io_uring_sqe;
struct iovec;
struct msghdr;
struct sockaddr_storage;

namespace relais::ring {

// What became of an operation.
struct Completion {
  Token token;
  int32_t result = 0;   // octets, a descriptor, or 0; negative: -errno (see error())
  uint16_t buffer = 0;  // of the receive's group, when has_buffer
  bool has_buffer = false;
  bool more = false;      // a multishot operation goes on
  bool unparked = false;  // buffers are back: arm the receive again (BufferGroup::park)
  [[nodiscard]] bool ok() const { return result >= 0; }
  [[nodiscard]] Error error() const { return error_from_errno(-result); }
};

class Loop {
 public:
  struct Options {
    uint32_t submissions = 1024;
    uint32_t completions = 16'384;
    Options() {}
  };
  static Result<std::unique_ptr<Loop>> create(Kernel& kernel, Options options = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] Kernel& kernel() { return kernel_; }
  // As of the start of this turn.
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] WallTime wall_now() const { return wall_now_; }

  Result<BufferGroup*> add_buffers(uint32_t count, uint32_t octets);

  // ---- sockets
  void accept_multishot(int listener, Token token);  // result: a connected descriptor
  // Once, into a buffer that is lent when octets come. Not multishot: that reads on for as long as
  // there is something, whether the caller can take it or not, and a buffer that was just given
  // back is still in the cache. Result 0: the peer is done.
  void receive(int fd, BufferGroup& group, Token token);
  // Of a socket that opens records of TLS. One that is no data is not seen by a poll, where it was
  // met behind data (tls_sk_poll, while a new key is awaited), so this one tries before it waits.
  void receive_records(int fd, BufferGroup& group, Token token);
  void connect(int fd, const sockaddr_storage& address, uint32_t length, Token token);
  // May be short. `more`: something follows at once, if only the end, and goes with it (MSG_MORE).
  void send(int fd, std::span<const char> bytes, Token token, bool more = false);
  // Of a socket that makes records of TLS, which refuses to wait for room.
  void send_records(int fd, std::span<const char> bytes, Token token);  // may be short
  void send_vector(int fd, const msghdr& message, Token token);         // may be short
  void close(int fd, Token token);
  // Ends everything that is under way on this descriptor; each ends with its own completion.
  void cancel_all(int fd);
  void cancel(Token token);

  // ---- files
  // Data is durable when it completes (RWF_DSYNC); offset -1: at the end.
  void write_durable(int fd, std::span<const iovec> vectors, uint64_t offset, Token token);
  void write(int fd, std::span<const std::byte> bytes, uint64_t offset, Token token);
  void read(int fd, std::span<std::byte> bytes, uint64_t offset, Token token);
  // `vectors` stay until it completes.
  void read_vector(int fd, std::span<const iovec> vectors, uint64_t offset, Token token);
  void sync(int fd, Token token);
  void open_new(int directory, const char* path, Token token);  // for writing; fails if it exists
  void rename(int directory, const char* from, const char* to, Token token);

  // ---- timers
  [[nodiscard]] TimerId arm_timer(Instant when, Token token);
  void cancel_timer(TimerId& id);  // leaves a null id

  // The next turn must not wait: there is work left.
  void do_not_wait() { work_left_ = true; }
  // The next turn ends at that time at the latest, to the accuracy of the kernel's clocks: timers
  // go by milliseconds.
  void do_not_wait_beyond(Instant when) { latest_ = when; }
  // One turn. Valid until the next one.
  [[nodiscard]] std::span<const Completion> turn();

  // Operations submitted and not yet completed (multishot ones count once): 0 is what a clean end
  // looks like.
  [[nodiscard]] uint64_t in_flight() const { return in_flight_; }

 private:
  explicit Loop(Kernel& kernel);
  io_uring_sqe& next_sqe(Token token);
  uint32_t flush_sq();
  void reap(std::vector<Completion>& into, size_t limit);
  void reap_timers();
  void unpark();
  void read_clocks();

  static constexpr uint32_t kBatch = 512;

  Kernel& kernel_;
  std::unique_ptr<io_uring> ring_;
  Instant now_;
  WallTime wall_now_;
  TimerWheel timers_;
  bool work_left_ = false;
  std::optional<Instant> latest_;  // of the next turn
  uint64_t in_flight_ = 0;
  std::vector<std::unique_ptr<BufferGroup>> groups_;
  std::vector<Completion> batch_;
  std::vector<Completion> early_;  // reaped between turns, because the queue was full
  std::vector<uint64_t> due_;
};

}  // namespace relais::ring
