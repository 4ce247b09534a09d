// The socket half of SimKernel: operations that wait on a descriptor until the network lets them go
// on, closing and cancelling, and the synchronous calls.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_kernel.h"

namespace relais::simulation {
namespace {

std::unexpected<Error> failed(int result) { return std::unexpected(error_from_errno(-result)); }

SimOperationPtr first(const SimOpenFile& file, auto... opcodes) {
  for (const auto& operation : file.waiting) {
    if (((operation->opcode == opcodes) || ...)) return operation;
  }
  return nullptr;
}

// How much one buffer of a provided-buffer ring holds; 0: the ring is dry.
uint32_t next_buffer(const SimRing::Buffers& buffers) {
  const uint16_t tail = __atomic_load_n(&buffers.ring->tail, __ATOMIC_ACQUIRE);
  if (tail == buffers.head) return 0;
  return buffers.ring->bufs[buffers.head & (buffers.count - 1)].len;
}

}  // namespace

// ---- submissions

void SimKernel::wait_on_file(const SimOperationPtr& operation) {
  const SimOpenFilePtr file = operation->file;
  operation->can_cancel = true;
  file->waiting.push_back(operation);
  progress(*file);
}

int SimKernel::issue_accept(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  if (operation->file->kind != SimOpenFile::Kind::kListener) return -EINVAL;
  operation->multishot = (sqe.ioprio & IORING_ACCEPT_MULTISHOT) != 0;
  if (!descriptors_left()) return -EMFILE;
  wait_on_file(operation);
  return 0;
}

int SimKernel::issue_receive(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  if (operation->file->kind == SimOpenFile::Kind::kListener) return -ENOTCONN;
  if (!operation->file->socket) return -ENOTSOCK;
  // The only forms that the program uses.
  if ((sqe.flags & IOSQE_BUFFER_SELECT) == 0 ||
      (sqe.ioprio & ~uint32_t{IORING_RECVSEND_POLL_FIRST}) != 0)
    return -EINVAL;
  operation->polls_first = sqe.ioprio != 0;
  operation->group = sqe.buf_group;
  const auto state = operation->file->socket->state();
  if (state == SimSocket::State::kIdle || state == SimSocket::State::kConnecting) return -ENOTCONN;
  if (!operation->ring->buffers.contains(operation->group)) return -ENOBUFS;
  wait_on_file(operation);
  return 0;
}

int SimKernel::issue_connect(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  const auto socket = operation->file->socket;
  if (!socket) return operation->file->kind == SimOpenFile::Kind::kListener ? -EISCONN : -ENOTSOCK;
  if (socket->state() == SimSocket::State::kConnecting) return -EALREADY;
  if (socket->state() != SimSocket::State::kIdle) return -EISCONN;
  const auto to = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(sqe.addr));
  if (!to) return -EAFNOSUPPORT;
  if (world_.happens(Fault::kNoMemory)) return -ENOMEM;
  lend(*operation, reinterpret_cast<const void*>(sqe.addr), static_cast<size_t>(sqe.off));
  world_.network().connect(socket, *to);
  wait_on_file(operation);
  return 0;
}

int SimKernel::issue_send(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  if (operation->file->kind == SimOpenFile::Kind::kListener) return -EPIPE;
  if (!operation->file->socket) return -ENOTSOCK;
  if (sqe.opcode == IORING_OP_SEND) {
    lend(*operation, reinterpret_cast<const void*>(sqe.addr), sqe.len);
  } else {
    const auto* message = reinterpret_cast<const msghdr*>(sqe.addr);
    for (const iovec& piece : std::span(message->msg_iov, message->msg_iovlen))
      lend(*operation, piece.iov_base, piece.iov_len);
  }
  if (world_.happens(Fault::kNoMemory)) return -ENOMEM;
  operation->limit = operation->total;
  if ((sqe.msg_flags & MSG_WAITALL) != 0 && operation->file->tls != nullptr &&
      operation->file->tls->send)
    return -EOPNOTSUPP;
  // Without MSG_WAITALL a send is over when the socket has taken what it has room for.
  operation->flags = sqe.msg_flags & MSG_WAITALL;
  if (operation->total > 1 && world_.happens(Fault::kShortSend))
    operation->limit = 1 + static_cast<size_t>(world_.prng().below(operation->total - 1));
  wait_on_file(operation);
  return 0;
}

// The descriptor goes now; the description when nothing is under way on it any more. So a receive
// that was not cancelled keeps the connection open.
int SimKernel::issue_close(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  if (files_.erase(sqe.fd) == 0) return -EBADF;
  finish(operation, 0);
  return 0;
}

int SimKernel::issue_cancel(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  const bool by_file = (sqe.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0;
  const bool all = (sqe.cancel_flags & IORING_ASYNC_CANCEL_ALL) != 0;
  const auto file = by_file ? find(sqe.fd) : nullptr;
  if (by_file && !file) return -EBADF;
  int found = 0;
  bool running = false;
  std::vector<SimOperationPtr> matching;
  for (const auto& [number, other] : operations_) {
    if (other == operation || other->cancelling || other->ring != operation->ring) continue;
    if (by_file ? other->file != file : other->user_data != sqe.addr) continue;
    running = !other->can_cancel;
    if (running) continue;  // a worker is at it, and file operations do not stop half way
    matching.push_back(other);
    ++found;
    if (!all) break;
  }
  for (const auto& other : matching) {
    other->cancelling = true;
    if (world_.happens(Fault::kLateCancel))
      later(microseconds(static_cast<int64_t>(world_.prng().below(1000))),
            [this, other] { cancel_now(other); });
    else
      cancel_now(other);
  }
  if (found == 0) return running ? -EALREADY : -ENOENT;
  finish(operation, all ? found : 0);
  return 0;
}

void SimKernel::cancel_now(const SimOperationPtr& operation) {
  if (!operations_.contains(operation->number)) return;  // it was quicker
  // A send that has got somewhere tells how far (io_sendrecv_fail).
  finish(operation, operation->done > 0 ? static_cast<int>(operation->done) : -ECANCELED);
}

// ---- what waits on a descriptor. try_x: true when the operation got on.

void SimKernel::progress(SimOpenFile& file) {
  // An operation that ends may hold the last reference to the file.
  SimOpenFilePtr keep;
  if (!file.waiting.empty()) keep = file.waiting.front()->file;
  const auto drive = [&](auto attempt, auto... opcodes) {
    for (auto operation = first(file, opcodes...); operation != nullptr;
         operation = first(file, opcodes...)) {
      if (!(this->*attempt)(operation)) return;
    }
  };
  drive(&SimKernel::try_accept, IORING_OP_ACCEPT);
  drive(&SimKernel::try_connect, IORING_OP_CONNECT);
  drive(&SimKernel::try_receive, IORING_OP_RECV);
  drive(&SimKernel::try_send, IORING_OP_SEND, IORING_OP_SENDMSG);
  drive(&SimKernel::try_event, IORING_OP_READ);
}

bool SimKernel::try_accept(const SimOperationPtr& operation) {
  SimListener& listener = *operation->file->listener;
  if (!listener.waiting()) return false;
  const bool none_left = !descriptors_left() || world_.happens(Fault::kNoDescriptors);
  if (none_left || world_.happens(Fault::kNoMemory)) {
    finish(operation, none_left ? -EMFILE : -ENOMEM);
    return true;
  }
  auto file = std::make_shared<SimOpenFile>(*this, SimOpenFile::Kind::kSocket);
  file->socket = listener.take();
  file->socket->set_owner(file.get());
  const int fd = install(std::move(file));
  const bool last =
      !operation->multishot || operation->ring->full() || world_.happens(Fault::kMultishotEnds);
  if (last)
    finish(operation, fd);
  else
    post(*operation, fd, IORING_CQE_F_MORE);
  return true;
}

bool SimKernel::try_connect(const SimOperationPtr& operation) {
  SimSocket& socket = *operation->file->socket;
  if (socket.state() == SimSocket::State::kConnecting) return false;
  finish(operation, socket.state() == SimSocket::State::kIdle ? -socket.take_error() : 0);
  return true;
}

bool SimKernel::try_receive(const SimOperationPtr& operation) {
  if (std::exchange(operation->polls_first, true) && !read_ready(*operation->file)) return false;
  SimRing::Buffers& buffers = operation->ring->buffers.at(operation->group);
  const uint32_t room = next_buffer(buffers);
  if (room == 0 || world_.happens(Fault::kNoBuffers)) {
    finish(operation, -ENOBUFS);
    return true;
  }
  const io_uring_buf& buffer = buffers.ring->bufs[buffers.head & (buffers.count - 1)];
  const int octets = read(*operation->file, {reinterpret_cast<char*>(buffer.addr), room});
  if (octets == -EAGAIN) return false;
  if (octets <= 0) {
    finish(operation, octets);
    return true;
  }
  ++buffers.head;
  const uint32_t flags = IORING_CQE_F_BUFFER | uint32_t{buffer.bid} << IORING_CQE_BUFFER_SHIFT;
  finish(operation, octets, flags);
  return true;
}

bool SimKernel::try_send(const SimOperationPtr& operation) {
  size_t before = 0;  // octets of the pieces that are through
  for (const auto piece : operation->lent) {
    const size_t end = std::min(before + piece.size(), operation->limit);
    while (operation->done < end) {
      const std::string_view bytes(reinterpret_cast<const char*>(piece.data()), piece.size());
      const int taken =
          write(*operation->file, bytes.substr(operation->done - before, end - operation->done));
      if (taken == -EAGAIN && (operation->done == 0 || operation->flags != 0)) return false;
      if (taken < 0) {
        finish(operation, operation->done > 0 ? static_cast<int>(operation->done) : taken);
        return true;
      }
      operation->done += static_cast<size_t>(taken);
    }
    before += piece.size();
  }
  finish(operation, static_cast<int>(operation->done));
  return true;
}

bool SimKernel::try_event(const SimOperationPtr& operation) {
  SimOpenFile& file = *operation->file;
  if (file.counter == 0) return false;
  std::memcpy(operation->out[0].data(), &file.counter, sizeof file.counter);
  file.counter = 0;
  finish(operation, sizeof file.counter);
  return true;
}

// ---- the synchronous calls

Result<int> SimKernel::listen(const Endpoint& endpoint) {
  auto file = std::make_shared<SimOpenFile>(*this, SimOpenFile::Kind::kListener);
  file->listener = world_.network().listen(endpoint, *file);
  if (!file->listener) return failed(-EADDRINUSE);
  const int fd = install(std::move(file));
  if (fd < 0) return failed(fd);
  return fd;
}

void SimKernel::steer(int listener, uint32_t count) {
  const auto file = find(listener);
  ASSERT(file != nullptr && file->listener != nullptr);
  file->listener->steer(count);
}

Result<void> SimKernel::claim(const Endpoint& endpoint) {
  if (world_.network().taken(endpoint)) return failed(-EADDRINUSE);
  return {};
}

Result<int> SimKernel::socket(IpAddress::Family /*family*/) {
  auto file = std::make_shared<SimOpenFile>(*this, SimOpenFile::Kind::kSocket);
  file->socket = world_.network().make_socket();
  file->socket->set_owner(file.get());
  const int fd = world_.happens(Fault::kNoDescriptors) ? -EMFILE : install(std::move(file));
  if (fd < 0) return failed(fd);
  return fd;
}

Result<Endpoint> SimKernel::local_endpoint(int fd) {
  const auto file = find(fd);
  if (file && file->listener) return file->listener->endpoint();
  if (!file || !file->socket) return failed(file ? -ENOTSOCK : -EBADF);
  return file->socket->local();
}

Result<Endpoint> SimKernel::remote_endpoint(int fd) {
  const auto file = find(fd);
  if (!file || !file->socket) return failed(file ? -ENOTSOCK : -EBADF);
  if (file->socket->state() != SimSocket::State::kConnected) return failed(-ENOTCONN);
  return file->socket->remote();
}

void SimKernel::shut_down_writes(int fd) {
  if (const auto file = find(fd); file && file->socket) {
    [[maybe_unused]] const int shut = file->socket->shut_down_writes();
  }
}

// At once: nobody here looks at what lies between the two.
void SimKernel::reset_on_close(int fd) {
  if (const auto file = find(fd); file && file->socket) file->socket->reset();
}

void SimKernel::say_and_close(int fd, std::string_view text) {
  if (const auto file = find(fd); file && file->socket) {
    [[maybe_unused]] const int sent = file->socket->write(text);
    [[maybe_unused]] const int shut = file->socket->shut_down_writes();
  }
  close(fd);
}

Result<int> SimKernel::wake_up_fd() {
  const int fd = install(std::make_shared<SimOpenFile>(*this, SimOpenFile::Kind::kEvent));
  if (fd < 0) return failed(fd);
  return fd;
}

void SimKernel::wake(int fd) {
  const auto file = find(fd);
  if (!file || file->kind != SimOpenFile::Kind::kEvent) return;
  ++file->counter;
  progress(*file);
}

void SimKernel::close(int fd) { files_.erase(fd); }

}  // namespace relais::simulation
