#include "ring/loop.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace relais::ring {

Loop::Loop(Kernel& kernel)
    : kernel_(kernel),
      ring_(std::make_unique<io_uring>()),
      now_(kernel.now()),
      wall_now_(kernel.wall_now()),
      timers_(now_) {
  batch_.reserve(kBatch);
}

Loop::~Loop() { kernel_.tear_down(*ring_); }

Result<std::unique_ptr<Loop>> Loop::create(Kernel& kernel, Options options) {
  std::unique_ptr<Loop> loop(new Loop(kernel));
  const int result = kernel.set_up(*loop->ring_, options.submissions, options.completions);
  if (result < 0) return std::unexpected(error_from_errno(-result));
  return loop;
}

Result<BufferGroup*> Loop::add_buffers(uint32_t count, uint32_t octets) {
  const auto id = static_cast<uint16_t>(groups_.size());
  uint32_t first = 0;
  for (const auto& group : groups_) first += group->count();
  auto group = BufferGroup::create(kernel_, *ring_, id, first, count, octets);
  if (!group) return std::unexpected(group.error());
  groups_.push_back(std::move(*group));
  return groups_.back().get();
}

// Makes what was queued visible to the kernel; answers how many entries wait for it.
uint32_t Loop::flush_sq() {
  io_uring_sq& sq = ring_->sq;
  __atomic_store_n(sq.ktail, sq.sqe_tail, __ATOMIC_RELEASE);
  return sq.sqe_tail - __atomic_load_n(sq.khead, __ATOMIC_ACQUIRE);
}

io_uring_sqe& Loop::next_sqe(Token token) {
  io_uring_sqe* sqe = io_uring_get_sqe(ring_.get());
  while (sqe == nullptr) {
    // Full: hand over what is there without waiting. EBUSY (completions overflowed) ends once the
    // turn reaps.
    const int result = kernel_.enter(*ring_, flush_sq(), 0, -1);
    ASSERT(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
    // The caller may be walking through batch_, so these wait for the next turn.
    if (result == -EBUSY || result == -EAGAIN) reap(early_, UINT32_MAX);
    sqe = io_uring_get_sqe(ring_.get());
  }
  *sqe = {};
  sqe->user_data = token.pack();
  ++in_flight_;
  return *sqe;
}

// The prep helpers of liburing 2.3 do not compile under -Wconversion in C++; these few fields are
// the whole of it (io_uring_enter(2)).
void Loop::accept_multishot(int listener, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_ACCEPT;
  sqe.fd = listener;
  sqe.accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  sqe.ioprio = IORING_ACCEPT_MULTISHOT;
}

void Loop::receive(int fd, BufferGroup& group, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_RECV;
  sqe.fd = fd;
  sqe.ioprio = IORING_RECVSEND_POLL_FIRST;  // no buffer, and no attempt, before there is something
  sqe.flags = IOSQE_BUFFER_SELECT;
  sqe.buf_group = group.id();
}

void Loop::receive_records(int fd, BufferGroup& group, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_RECV;
  sqe.fd = fd;
  sqe.flags = IOSQE_BUFFER_SELECT;
  sqe.buf_group = group.id();
}

void Loop::connect(int fd, const sockaddr_storage& address, uint32_t length, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_CONNECT;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(&address);
  sqe.off = length;
}

// MSG_WAITALL: the kernel goes on by itself after a short send (5.19), which saves a round through
// us.
void Loop::send(int fd, std::span<const char> bytes, Token token, bool more) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_SEND;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(bytes.data());
  sqe.len = static_cast<uint32_t>(bytes.size());
  sqe.msg_flags = MSG_NOSIGNAL | MSG_WAITALL | (more ? MSG_MORE : 0);
}

// The tls module knows no MSG_WAITALL (tls_sw_sendmsg: EOPNOTSUPP).
void Loop::send_records(int fd, std::span<const char> bytes, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_SEND;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(bytes.data());
  sqe.len = static_cast<uint32_t>(bytes.size());
  sqe.msg_flags = MSG_NOSIGNAL;
}

void Loop::send_vector(int fd, const msghdr& message, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_SENDMSG;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(&message);
  sqe.len = 1;
  sqe.msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

void Loop::close(int fd, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_CLOSE;
  sqe.fd = fd;
}

void Loop::cancel_all(int fd) {
  io_uring_sqe& sqe = next_sqe({});
  sqe.opcode = IORING_OP_ASYNC_CANCEL;
  sqe.fd = fd;
  sqe.cancel_flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD;
}

void Loop::cancel(Token token) {
  io_uring_sqe& sqe = next_sqe({});
  sqe.opcode = IORING_OP_ASYNC_CANCEL;
  sqe.fd = -1;
  sqe.addr = token.pack();
}

void Loop::write_durable(int fd, std::span<const iovec> vectors, uint64_t offset, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_WRITEV;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(vectors.data());
  sqe.len = static_cast<uint32_t>(vectors.size());
  sqe.off = offset;
  sqe.rw_flags = RWF_DSYNC;
}

void Loop::write(int fd, std::span<const std::byte> bytes, uint64_t offset, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_WRITE;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(bytes.data());
  sqe.len = static_cast<uint32_t>(bytes.size());
  sqe.off = offset;
}

void Loop::read(int fd, std::span<std::byte> bytes, uint64_t offset, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_READ;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(bytes.data());
  sqe.len = static_cast<uint32_t>(bytes.size());
  sqe.off = offset;
}

void Loop::read_vector(int fd, std::span<const iovec> vectors, uint64_t offset, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_READV;
  sqe.fd = fd;
  sqe.addr = reinterpret_cast<uint64_t>(vectors.data());
  sqe.len = static_cast<uint32_t>(vectors.size());
  sqe.off = offset;
}

void Loop::sync(int fd, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_FSYNC;
  sqe.fd = fd;
}

void Loop::open_new(int directory, const char* path, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_OPENAT;
  sqe.fd = directory;
  sqe.addr = reinterpret_cast<uint64_t>(path);
  sqe.len = 0600;
  sqe.open_flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
}

void Loop::rename(int directory, const char* from, const char* to, Token token) {
  io_uring_sqe& sqe = next_sqe(token);
  sqe.opcode = IORING_OP_RENAMEAT;
  sqe.fd = directory;
  sqe.addr = reinterpret_cast<uint64_t>(from);
  sqe.len = static_cast<uint32_t>(directory);
  sqe.off = reinterpret_cast<uint64_t>(to);
}

TimerId Loop::arm_timer(Instant when, Token token) { return timers_.arm(when, token.pack()); }

void Loop::cancel_timer(TimerId& id) {
  if (!id.is_null()) timers_.cancel(id);
  id = {};
}

std::span<const Completion> Loop::turn() {
  batch_.clear();
  std::swap(batch_, early_);
  unpark();
  int64_t timeout_ns = -1;
  if (work_left_ || !batch_.empty()) {
    timeout_ns = 0;
  } else {
    auto next = timers_.next();
    if (latest_ && (!next || *latest_ < *next)) next = latest_;
    if (next) timeout_ns = std::max<int64_t>(0, (*next - kernel_.now()).ns);
  }
  latest_.reset();
  work_left_ = false;
  // A time-out (ETIME) and a signal (EINTR) are ordinary ways back. EBUSY and EAGAIN: completions
  // must be reaped first.
  const int result = kernel_.enter(*ring_, flush_sq(), timeout_ns == 0 ? 0 : 1, timeout_ns);
  ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
         result == -EAGAIN);
  read_clocks();
  reap(batch_, kBatch);
  reap_timers();
  return batch_;
}

void Loop::read_clocks() {
  now_ = kernel_.now();
  wall_now_ = kernel_.wall_now();
}

void Loop::reap(std::vector<Completion>& into, size_t limit) {
  io_uring_cq& cq = ring_->cq;
  uint32_t head = *cq.khead;
  const uint32_t tail = __atomic_load_n(cq.ktail, __ATOMIC_ACQUIRE);
  const uint32_t mask = *cq.kring_mask;
  for (; head != tail && into.size() < limit; ++head) {
    const io_uring_cqe& cqe = cq.cqes[head & mask];
    Completion completion{.token = Token::unpack(cqe.user_data),
                          .result = cqe.res,
                          .buffer = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT),
                          .has_buffer = (cqe.flags & IORING_CQE_F_BUFFER) != 0,
                          .more = (cqe.flags & IORING_CQE_F_MORE) != 0};
    if (completion.has_buffer) {
      const bool known =
          std::ranges::any_of(groups_, [&](auto& group) { return group->lend(completion.buffer); });
      ASSERT(known);
    }
    if (!completion.more) {
      ASSERT(in_flight_ > 0);
      --in_flight_;
    }
    if (completion.token.operation != Operation::kNone) into.push_back(completion);
  }
  __atomic_store_n(cq.khead, head, __ATOMIC_RELEASE);
  if (head != tail) work_left_ = true;
}

void Loop::reap_timers() {
  due_.clear();
  timers_.advance(now_, due_);
  for (const uint64_t bits : due_) batch_.push_back({.token = Token::unpack(bits)});
}

// Parked receives come back a few at a time: no more than there are buffers for.
void Loop::unpark() {
  for (auto& group : groups_) {
    group->top_up();
    if (!group->may_unpark()) continue;
    uint32_t room = group->count() - group->lent();
    while (room-- > 0 && !group->parked_.empty() && batch_.size() < kBatch) {
      batch_.push_back({.token = group->parked_.front(), .unparked = true});
      group->parked_.pop_front();
    }
  }
}

}  // namespace relais::ring
