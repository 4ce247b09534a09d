// The seam to the operating system. The loop fills and reads the shared memory of an io_uring; what
// is left are a few calls, and these go through here: so that the tests can put a simulated kernel
// (tests/simulation) under the same ring code, tokens and buffer rings that run in production. One
// virtual call a turn.
//
// Rule: everything that happens while mail flows is a ring operation. The synchronous calls here
// are for start-up, for accepting (addresses), for opening files, for what happens once a session
// (keys of TLS), and for what a core asks about itself a few times a second.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/tls_record.h"

struct io_uring;
struct io_uring_buf_ring;

namespace relais::ring {

enum class OpenMode : uint8_t {
  kRead,
  kLog,  // read and write, unbuffered where the file system can (O_DIRECT): 4 KiB aligned I/O only
  kAppend,  // write at the end, created when missing
  kDirectory,
};

// Of the calling thread, since it began.
struct ThreadTime {
  Duration ran{};
  Duration waited{};  // for a CPU that others had; none where the kernel does not count it
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  // ---- the ring. `ring` is liburing's struct: set_up fills it; enter submits `to_submit` and
  // waits for `min_complete` completions or `timeout_ns` (negative: no limit; 0: do not wait).
  // Answers the number submitted, or -errno.
  [[nodiscard]] virtual int set_up(io_uring& ring, uint32_t entries, uint32_t completions) = 0;
  virtual void tear_down(io_uring& ring) = 0;
  [[nodiscard]] virtual int enter(io_uring& ring, uint32_t to_submit, uint32_t min_complete,
                                  int64_t timeout_ns) = 0;
  // Memory of a provided-buffer ring (page aligned, `count` a power of two).
  [[nodiscard]] virtual int register_buffers(io_uring& ring, io_uring_buf_ring* memory,
                                             uint32_t count, uint16_t group) = 0;

  // ---- clocks
  [[nodiscard]] virtual Instant now() = 0;
  [[nodiscard]] virtual WallTime wall_now() = 0;
  [[nodiscard]] virtual ThreadTime thread_time() = 0;

  // ---- sockets
  // Bound, listening, SO_REUSEPORT (one listener a core on the same endpoint), IPV6_V6ONLY.
  [[nodiscard]] virtual Result<int> listen(const Endpoint& endpoint) = 0;
  // From now on connections to this listener's endpoint come to the first `count` of those that
  // listen there, counted as they began to, by chance. Where the system cannot, to all.
  virtual void steer(int listener, uint32_t count) = 0;
  // Nobody listens there, and we may: asked once before listen(), which would share with another
  // process of the same user.
  [[nodiscard]] virtual Result<void> claim(const Endpoint& endpoint) = 0;
  [[nodiscard]] virtual Result<int> socket(IpAddress::Family family) = 0;
  // Where a socket that is not connected yet comes from. The port is chosen as it connects, so that
  // one port serves several next hops (IP_BIND_ADDRESS_NO_PORT, 4.2).
  [[nodiscard]] virtual Result<void> bind(int fd, const IpAddress& address) = 0;
  [[nodiscard]] virtual Result<int> unix_socket() = 0;  // a stream, to be connected
  // Of a connected socket. An error means that the peer has gone already.
  [[nodiscard]] virtual Result<Endpoint> local_endpoint(int fd) = 0;
  [[nodiscard]] virtual Result<Endpoint> remote_endpoint(int fd) = 0;
  // Half-closes a connected socket. Not a ring operation: IORING_OP_SHUTDOWN always goes to a
  // worker thread (io_uring/net.c), which looks the descriptor up only then and may find the next
  // connection under the same number.
  virtual void shut_down_writes(int fd) = 0;
  // From now on closing it tells the peer "connection reset" in place of a proper end.
  virtual void reset_on_close(int fd) = 0;
  // Best effort: what fits goes out, then the socket is closed.
  virtual void say_and_close(int fd, std::string_view text) = 0;

  // ---- records of TLS, made and opened by the system. None of these waits.
  // Kinds that can be had in both directions; tried on a connection of its own. Of TLS 1.3 only
  // where a second key is taken (6.14): any peer may go on to its next one.
  [[nodiscard]] virtual RecordKinds record_kinds() = 0;
  // The first key of a direction of a connected socket, or the next one. From then on sends, or
  // receives, carry plaintext. No receive may be under way. An error: nothing has changed.
  [[nodiscard]] virtual Result<void> set_record_key(int fd, RecordDirection direction,
                                                    const RecordKey& key) = 0;
  // A receive that comes to a record which is no data ends with Error::kIo; this takes it. (One
  // that comes to a forged record ends with Error::kCorrupt.)
  [[nodiscard]] virtual Result<ControlRecord> receive_control(int fd) = 0;
  [[nodiscard]] virtual Result<void> send_control(int fd, const ControlRecord& record) = 0;

  // ---- a wake-up that any thread may ring (eventfd); read through the ring
  [[nodiscard]] virtual Result<int> wake_up_fd() = 0;
  virtual void wake(int fd) = 0;

  // ---- files
  [[nodiscard]] virtual Result<int> open(const std::string& path, OpenMode mode) = 0;
  // A new file of exactly `octets` zeros, written (not just allocated) and flushed, its folder too.
  // Fails if it exists.
  [[nodiscard]] virtual Result<int> create_zeroed(const std::string& path, uint64_t octets) = 0;
  // A new, empty file for the loop to fill with zeros; opened as kLog.
  [[nodiscard]] virtual Result<int> create(const std::string& path) = 0;
  [[nodiscard]] virtual Result<uint64_t> size(int fd) = 0;
  [[nodiscard]] virtual Result<size_t> read_at(int fd, std::span<std::byte> out,
                                               uint64_t offset) = 0;
  virtual void close(int fd) = 0;
  // With its parents where they are missing; what was made is durable when this returns.
  [[nodiscard]] virtual Result<void> make_directories(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  // An exclusive lock on a file that is created when missing; held until the process ends.
  [[nodiscard]] virtual Result<int> lock(const std::string& path) = 0;
};

}  // namespace relais::ring
