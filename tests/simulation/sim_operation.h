// What SimKernel keeps about rings, open descriptors and operations under way.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulation/sim_disk.h"
#include "simulation/sim_network.h"
#include "simulation/sim_records.h"
#include "simulation/sim_socket.h"

namespace relais::simulation {

class SimKernel;
struct SimOperation;

// The memory that liburing's struct io_uring points into.
struct SimRing {
  struct Buffers {
    io_uring_buf_ring* ring = nullptr;
    uint32_t count = 0;
    uint16_t head = 0;
  };
  std::vector<io_uring_sqe> sqes;
  std::vector<io_uring_cqe> cqes;
  std::vector<unsigned> sq_array;
  unsigned sq_head = 0;
  unsigned sq_tail = 0;
  unsigned sq_mask = 0;
  unsigned sq_entries = 0;
  unsigned sq_flags = 0;
  unsigned sq_dropped = 0;
  unsigned cq_head = 0;
  unsigned cq_tail = 0;
  unsigned cq_mask = 0;
  unsigned cq_entries = 0;
  unsigned cq_flags = 0;
  unsigned cq_overflow = 0;
  std::deque<io_uring_cqe> overflow;  // completions for which the queue had no room
  std::map<uint16_t, Buffers> buffers;
  bool down = false;

  [[nodiscard]] uint32_t ready() const { return cq_tail - cq_head; }
  [[nodiscard]] bool full() const { return ready() == cq_entries || !overflow.empty(); }
  void post(const io_uring_cqe& cqe);
  void flush_overflow();
};

// A socket with keys.
struct SimTls {
  std::optional<SimRecords> receive;
  std::optional<SimRecords> send;
  TlsRecordKind kind;
  SimBytes sealed;  // has come, and is not opened
  std::string plain;
  std::optional<ControlRecord> control;  // the next record is no data
  bool needs_key = false;                // it has seen a KeyUpdate
  bool forged = false;
};

// An open file description: shared by the descriptor and by the operations under way on it, as in
// Linux. The socket is closed when the last of them goes.
struct SimOpenFile final : SimSocket::Owner {
  enum class Kind : uint8_t { kSocket, kListener, kFile, kDirectory, kEvent };

  SimOpenFile(SimKernel& owner, Kind what) : kernel(owner), kind(what) {}
  ~SimOpenFile() override;
  void socket_changed() override;

  SimKernel& kernel;
  Kind kind;
  std::shared_ptr<SimSocket> socket;
  std::unique_ptr<SimTls> tls;  // null: no keys
  std::unique_ptr<SimListener> listener;
  SimNodePtr node;
  bool readable = false;
  bool writable = false;
  bool append = false;
  bool direct = false;   // O_DIRECT: whole sectors only
  bool locking = false;  // holds the node's lock
  uint64_t position = 0;
  uint64_t counter = 0;  // of an eventfd
  std::deque<std::shared_ptr<SimOperation>> waiting;
};
using SimOpenFilePtr = std::shared_ptr<SimOpenFile>;

struct SimOperation {
  std::shared_ptr<SimRing> ring;
  uint64_t number = 0;
  uint64_t user_data = 0;
  uint8_t opcode = 0;
  bool multishot = false;
  bool can_cancel = false;
  bool cancelling = false;
  bool polls_first = false;  // a receive: not before there is something
  SimOpenFilePtr file;
  uint16_t group = 0;
  uint32_t flags = 0;  // of the opcode

  // Bytes that the program has lent: they must not change before the completion is posted.
  std::vector<std::span<const std::byte>> lent;
  uint32_t lent_checksum = 0;
  size_t total = 0;
  size_t limit = 0;  // where a short operation stops
  size_t done = 0;

  std::vector<std::span<std::byte>> out;  // a read's
  uint64_t offset = 0;
  uint64_t mark = 0;  // what a flush covers
  std::string path;
  std::string target;

  // Of what a worker thread does: Linux looks the descriptors up only when it comes to it.
  SimNodePtr node;  // that fd meant when it was asked for
  int fd = -1;
  int target_fd = -1;
};
using SimOperationPtr = std::shared_ptr<SimOperation>;

}  // namespace relais::simulation
