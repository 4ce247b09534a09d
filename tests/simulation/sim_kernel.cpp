#include "simulation/sim_kernel.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/crc32c.h"

namespace relais::simulation {
namespace {

constexpr int kFirstDescriptor = 3;
constexpr uint64_t kTurnsWithoutTime = 200'000;
constexpr uint64_t kEndlessWaits = 1000;
// How long a core waits at most before another one of the same program takes its turn.
constexpr Duration kTurnOfOthers = milliseconds(5);

uint32_t checksum(const SimOperation& operation) {
  uint32_t crc = 0;
  for (const auto piece : operation.lent) crc = crc32c(piece, crc);
  return crc;
}

}  // namespace

void SimRing::post(const io_uring_cqe& cqe) {
  if (full()) {
    overflow.push_back(cqe);
    return;
  }
  cqes[cq_tail & cq_mask] = cqe;
  ++cq_tail;
}

void SimRing::flush_overflow() {
  while (!overflow.empty() && ready() < cq_entries) {
    cqes[cq_tail & cq_mask] = overflow.front();
    overflow.pop_front();
    ++cq_tail;
  }
}

SimOpenFile::~SimOpenFile() {
  if (socket) {
    socket->set_owner(nullptr);
    socket->close();
  }
  if (locking) node->locked = false;
}

void SimOpenFile::socket_changed() { kernel.progress(*this); }

SimKernel::SimKernel(SimWorld& world) : world_(world) { world_.attach(*this); }

SimKernel::~SimKernel() {
  die(true);
  world_.detach(*this);
}

void SimKernel::die(bool power) {
  if (dead()) return;
  alive_.reset();
  if (!power) {
    for (const auto& [fd, file] : files_) {
      if (file->socket) file->socket->reset();
    }
    for (const auto& [number, operation] : operations_) {
      if (operation->file && operation->file->socket) operation->file->socket->reset();
    }
  }
  for (const auto& [number, operation] : std::exchange(operations_, {})) abandon(*operation);
  files_.clear();
}

// The ring or the process ends with this operation under way: a write may be half done.
void SimKernel::abandon(SimOperation& operation) {
  const bool write = operation.opcode == IORING_OP_WRITE || operation.opcode == IORING_OP_WRITEV;
  if (write) write_in_part(operation, where(operation));
  if (operation.file) {
    std::erase_if(operation.file->waiting,
                  [&](const auto& other) { return other.get() == &operation; });
  }
  operation.file.reset();
}

void SimKernel::later(Duration delay, std::function<void()> action) {
  world_.after(delay, [alive = std::weak_ptr(alive_), action = std::move(action)] {
    if (!alive.expired()) action();
  });
}

// ---- descriptors

SimOpenFilePtr SimKernel::find(int fd) const {
  const auto it = files_.find(fd);
  return it == files_.end() ? nullptr : it->second;
}

// The lowest free number, as Linux does it: numbers are reused at once, which finds those who take
// a number for an identity.
int SimKernel::install(SimOpenFilePtr file) {
  if (!descriptors_left()) return -EMFILE;
  int fd = kFirstDescriptor;
  for (const auto& [used, unused] : files_) {
    if (used != fd) break;
    ++fd;
  }
  files_.emplace(fd, std::move(file));
  return fd;
}

// ---- the ring

int SimKernel::set_up(io_uring& ring, uint32_t entries, uint32_t completions) {
  if (entries == 0 || entries > 32768 || completions < entries) return -EINVAL;
  auto memory = std::make_shared<SimRing>();
  SimRing& m = *memory;
  m.sq_entries = std::bit_ceil(entries);
  m.cq_entries = std::bit_ceil(completions);
  m.sq_mask = m.sq_entries - 1;
  m.cq_mask = m.cq_entries - 1;
  m.sqes.resize(m.sq_entries);
  m.cqes.resize(m.cq_entries);
  m.sq_array.resize(m.sq_entries);
  for (unsigned i = 0; i < m.sq_entries; ++i) m.sq_array[i] = i;
  ring = {};
  ring.sq = {.khead = &m.sq_head,
             .ktail = &m.sq_tail,
             .kring_mask = &m.sq_mask,
             .kring_entries = &m.sq_entries,
             .kflags = &m.sq_flags,
             .kdropped = &m.sq_dropped,
             .array = m.sq_array.data(),
             .sqes = m.sqes.data(),
             .sqe_head = 0,
             .sqe_tail = 0,
             .ring_sz = 0,
             .ring_ptr = &m,
             .ring_mask = m.sq_mask,
             .ring_entries = m.sq_entries,
             .pad = {}};
  ring.cq = {.khead = &m.cq_head,
             .ktail = &m.cq_tail,
             .kring_mask = &m.cq_mask,
             .kring_entries = &m.cq_entries,
             .kflags = &m.cq_flags,
             .koverflow = &m.cq_overflow,
             .cqes = m.cqes.data(),
             .ring_sz = 0,
             .ring_ptr = &m,
             .ring_mask = m.cq_mask,
             .ring_entries = m.cq_entries,
             .pad = {}};
  ring.ring_fd = ring.enter_ring_fd = -1;
  rings_[&ring] = std::move(memory);
  return 0;
}

void SimKernel::tear_down(io_uring& ring) {
  const auto it = rings_.find(&ring);
  if (it == rings_.end()) return;
  const auto memory = it->second;
  memory->down = true;
  std::vector<SimOperationPtr> under_way;
  for (const auto& [number, operation] : operations_) {
    if (operation->ring == memory) under_way.push_back(operation);
  }
  for (const auto& operation : under_way) {
    operations_.erase(operation->number);
    abandon(*operation);
  }
  rings_.erase(it);
}

int SimKernel::register_buffers(io_uring& ring, io_uring_buf_ring* memory, uint32_t count,
                                uint16_t group) {
  const auto it = rings_.find(&ring);
  if (it == rings_.end() || !std::has_single_bit(count) || count > 32768) return -EINVAL;
  if (reinterpret_cast<uintptr_t>(memory) % 4096 != 0) return -EINVAL;
  if (it->second->buffers.contains(group)) return -EEXIST;
  it->second->buffers[group] = {memory, count, 0};
  return 0;
}

bool SimKernel::has_completions() const {
  return std::ranges::any_of(rings_, [](const auto& entry) { return entry.second->ready() > 0; });
}

int SimKernel::enter(io_uring& ring, uint32_t to_submit, uint32_t min_complete,
                     int64_t timeout_ns) {
  ASSERT(!dead());  // the program must not turn after a crash
  const auto memory = rings_.at(&ring);
  enters_at_this_time_ = world_.now() == last_enter_ ? enters_at_this_time_ + 1 : 0;
  last_enter_ = world_.now();
  ASSERT(enters_at_this_time_ < kTurnsWithoutTime);
  const uint32_t submitted = consume(memory, to_submit);
  // A part only: Linux returns at once; nothing at all: EAGAIN (no memory for a request).
  if (submitted < to_submit) return submitted > 0 ? static_cast<int>(submitted) : -EAGAIN;
  const int result = wait(*memory, min_complete, timeout_ns);
  // The number taken hides how the wait ended.
  return submitted > 0 ? static_cast<int>(submitted) : result;
}

uint32_t SimKernel::consume(const std::shared_ptr<SimRing>& ring, uint32_t to_submit) {
  const uint32_t queued = ring->sq_tail - ring->sq_head;
  uint32_t limit = std::min(to_submit, queued);
  if (limit > 0 && world_.happens(Fault::kPartialSubmit))
    limit = static_cast<uint32_t>(world_.prng().below(limit));
  for (uint32_t i = 0; i < limit; ++i) {
    const io_uring_sqe sqe = ring->sqes[ring->sq_array[ring->sq_head & ring->sq_mask]];
    ++ring->sq_head;
    auto operation = std::make_shared<SimOperation>();
    operation->ring = ring;
    operation->number = next_operation_++;
    operation->user_data = sqe.user_data;
    operation->opcode = sqe.opcode;
    operations_.emplace(operation->number, operation);
    world_.note("op %llu: opcode %d on fd %d, user_data %llx",
                static_cast<unsigned long long>(operation->number), sqe.opcode, sqe.fd,
                static_cast<unsigned long long>(sqe.user_data));
    if (const int result = issue(operation, sqe); result < 0) finish(operation, result);
  }
  return limit;
}

// Cores of the same program take turns, in one thread: one that waits leaves the others theirs when
// they have something to do, or may have a timer that is due.
bool SimKernel::others_ready(const SimRing& ring) const {
  return std::ranges::any_of(rings_, [&](const auto& entry) {
    return entry.second.get() != &ring &&
           (entry.second->ready() > 0 || io_uring_sq_ready(entry.first) > 0);
  });
}

int SimKernel::wait(SimRing& ring, uint32_t min_complete, int64_t timeout_ns) {
  world_.run_until(world_.now());
  ring.flush_overflow();
  const Instant deadline = world_.now() + Duration{timeout_ns};
  const Instant begun = world_.now();
  bool timed_out = false;
  while (ring.ready() < min_complete) {
    if (timed_out) return -ETIME;
    if (world_.happens(Fault::kInterrupt) || world_.others_ready(*this) || others_ready(ring))
      return -EINTR;
    auto next = world_.next_event();
    if (rings_.size() > 1) {
      if (world_.now() >= begun + kTurnOfOthers) return -EINTR;
      const Instant at_most = begun + kTurnOfOthers;
      next = next ? std::min(*next, at_most) : at_most;
    }
    if (timeout_ns > 0 && (!next || *next > deadline)) {
      Instant wake_up = deadline;
      if (world_.happens(Fault::kLateWakeUp))
        wake_up = wake_up + microseconds(static_cast<int64_t>(world_.prng().below(5000)));
      world_.run_until(wake_up);
      timed_out = true;
    } else if (next) {
      world_.run_until(*next);
    } else {
      // Linux would sleep for ever. The test may want to look; but not without end.
      ASSERT(++endless_waits_ < kEndlessWaits);
      return -EINTR;
    }
    ring.flush_overflow();
  }
  // The thread runs a little later, and by then more may have completed.
  if (min_complete > 0 && world_.prng().one_in(4)) {
    world_.run_until(world_.now() + microseconds(static_cast<int64_t>(world_.prng().below(100))));
    ring.flush_overflow();
  }
  endless_waits_ = 0;
  return 0;
}

// 0: will complete by itself; negative: completes with this now.
int SimKernel::issue(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  switch (sqe.opcode) {
    case IORING_OP_NOP:
      finish(operation, 0);
      return 0;
    case IORING_OP_ACCEPT:
      return issue_accept(operation, sqe);
    case IORING_OP_RECV:
      return issue_receive(operation, sqe);
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
      return issue_send(operation, sqe);
    case IORING_OP_CONNECT:
      return issue_connect(operation, sqe);
    case IORING_OP_CLOSE:
      return issue_close(operation, sqe);
    case IORING_OP_ASYNC_CANCEL:
      return issue_cancel(operation, sqe);
    case IORING_OP_READ:
    case IORING_OP_READV:
      return issue_read(operation, sqe);
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
      return issue_write(operation, sqe);
    case IORING_OP_FSYNC:
      return issue_sync(operation, sqe);
    case IORING_OP_OPENAT:
      return issue_open(operation, sqe);
    case IORING_OP_RENAMEAT:
      return issue_rename(operation, sqe);
    default:
      return -EINVAL;
  }
}

void SimKernel::forget(const SimOperationPtr& operation) {
  operations_.erase(operation->number);
  if (operation->file) std::erase(operation->file->waiting, operation);
  operation->file.reset();
}

// The operation is over; its completion is seen a little later.
void SimKernel::finish(const SimOperationPtr& operation, int result, uint32_t flags) {
  forget(operation);
  later(world_.completion_delay(),
        [this, operation, result, flags] { post(*operation, result, flags); });
}

void SimKernel::post(SimOperation& operation, int result, uint32_t flags) {
  if (operation.ring->down) return;
  // Whoever changes what he has lent sends or writes something else than he thinks.
  ASSERT(operation.lent.empty() || checksum(operation) == operation.lent_checksum);
  world_.note("op %llu: completes with %d, flags %x, user_data %llx",
              static_cast<unsigned long long>(operation.number), result, flags,
              static_cast<unsigned long long>(operation.user_data));
  io_uring_cqe cqe{};
  cqe.user_data = operation.user_data;
  cqe.res = result;
  cqe.flags = flags;
  operation.ring->post(cqe);
}

void SimKernel::lend(SimOperation& operation, const void* memory, size_t octets) {
  const std::span bytes(static_cast<const std::byte*>(memory), octets);
  operation.lent.push_back(bytes);
  operation.lent_checksum = crc32c(bytes, operation.lent_checksum);
  operation.total += octets;
}

}  // namespace relais::simulation
