#include "ring/linux_kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "ring/loop.h"

namespace relais::ring {
namespace {

std::unexpected<Error> last_error() { return std::unexpected(error_from_errno(errno)); }

Result<int> bound_listener(const Endpoint& endpoint, bool shared) {
  const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return last_error();
  const int on = 1;
  sockaddr_storage address{};
  const uint32_t length = endpoint.to_sockaddr(address);
  bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
  // Accepted sockets inherit it. A reply that follows another one within a round trip would wait
  // for the client's delayed acknowledgement: 40 ms for each pipelined BDAT.
  ok = ok && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
  if (shared) ok = ok && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
  if (family == AF_INET6) {
    ok = ok && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
  }
  ok =
      ok && bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 && ::listen(fd, 4096) == 0;
  if (ok) return fd;
  const Error error = error_from_errno(errno);
  ::close(fd);
  return std::unexpected(error);
}

// How long the thread could have run and had no CPU (the second number of schedstat, ns). 0 where
// the kernel does not count it (CONFIG_SCHED_INFO).
class RunDelay {
 public:
  static Duration of_this_thread() {
    thread_local const RunDelay delay;
    return delay.read();
  }

 private:
  RunDelay() : fd_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~RunDelay() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] Duration read() const {
    char text[64];
    const ssize_t octets = fd_ < 0 ? -1 : ::pread(fd_, text, sizeof text, 0);
    if (octets <= 0) return {};
    const std::string_view line(text, static_cast<size_t>(octets));
    const size_t second = line.find(' ') + 1;  // 0: there is none
    Duration delay;
    if (second > 0) std::from_chars(text + second, text + octets, delay.ns);
    return delay;
  }

  int fd_;
};

// What IORING_SETUP answered with, as advice.
LinuxKernel::Probe explain_refusal(int number) {
  if (number == EPERM || number == EACCES) {
    return {false, "the kernel forbids io_uring to this process",
            "set sysctl kernel.io_uring_disabled=0 (or =1 and run with CAP_SYS_ADMIN or in the "
            "group of "
            "kernel.io_uring_group); in a container, allow the io_uring_* calls in its seccomp "
            "profile"};
  }
  if (number == ENOSYS) {
    return {false, "the kernel has no io_uring (or a seccomp profile hides it)",
            "use a kernel of 6.1 or later with CONFIG_IO_URING, and allow the io_uring_* calls"};
  }
  if (number == ENOMEM) {
    return {false, "there is not enough lockable memory for an io_uring",
            "raise the limit: `ulimit -l unlimited`, or LimitMEMLOCK=infinity in the service unit"};
  }
  if (number == EMFILE || number == ENFILE) {
    return {false, "no file descriptors are left",
            "raise the limit: `ulimit -n`, or LimitNOFILE= in the unit"};
  }
  return {false, std::string("io_uring could not be set up: ") + std::strerror(number),
          "use a kernel of 6.1 or later"};
}

}  // namespace

LinuxKernel::Probe LinuxKernel::probe() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2) {
    if (major < 6 || (major == 6 && minor < 1)) {
      return {false, std::string("this is kernel ") + name.release + "; relais needs 6.1 or later",
              "boot a newer kernel (Debian 12 has 6.1)"};
    }
  }
  LinuxKernel kernel;
  io_uring ring{};
  const int result = kernel.set_up(ring, 8, 16);
  if (result < 0) return explain_refusal(-result);
  kernel.tear_down(ring);
  auto loop = Loop::create(kernel);
  if (!loop)
    return {false, std::string("io_uring: ") + std::string(describe(loop.error())),
            "raise the limit of locked memory: `ulimit -l unlimited`, or LimitMEMLOCK=infinity"};
  if (const auto group = (*loop)->add_buffers(2, 4096); !group) {
    return {
        false, std::string("provided buffers: ") + std::string(describe(group.error())),
        "use a kernel of 6.1 or later; raise the limit of locked memory (`ulimit -l unlimited`)"};
  }
  return {true, {}, {}};
}

int LinuxKernel::set_up(io_uring& ring, uint32_t entries, uint32_t completions) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL;
  params.cq_entries = completions;
  if (const int result = io_uring_queue_init_params(entries, &ring, &params); result < 0)
    return result;
  if (const int result = io_uring_register_ring_fd(&ring); result < 0) {
    io_uring_queue_exit(&ring);
    return result;
  }
  return 0;
}

void LinuxKernel::tear_down(io_uring& ring) {
  if (ring.sq.ring_ptr != nullptr) io_uring_queue_exit(&ring);
}

int LinuxKernel::enter(io_uring& ring, uint32_t to_submit, uint32_t min_complete,
                       int64_t timeout_ns) {
  __kernel_timespec limit{.tv_sec = timeout_ns / 1'000'000'000,
                          .tv_nsec = timeout_ns % 1'000'000'000};
  io_uring_getevents_arg arg{};
  arg.sigmask_sz = _NSIG / 8;
  if (timeout_ns > 0) arg.ts = reinterpret_cast<uint64_t>(&limit);
  // GETEVENTS always: with DEFER_TASKRUN it is what runs the completions.
  constexpr uint32_t kFlags =
      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING;
  return io_uring_enter2(static_cast<unsigned>(ring.enter_ring_fd), to_submit, min_complete, kFlags,
                         reinterpret_cast<sigset_t*>(&arg), sizeof arg);
}

int LinuxKernel::register_buffers(io_uring& ring, io_uring_buf_ring* memory, uint32_t count,
                                  uint16_t group) {
  io_uring_buf_reg reg{};
  reg.ring_addr = reinterpret_cast<uint64_t>(memory);
  reg.ring_entries = count;
  reg.bgid = group;
  return io_uring_register_buf_ring(&ring, &reg, 0);
}

Instant LinuxKernel::now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return {time.tv_sec * 1'000'000'000 + time.tv_nsec};
}

WallTime LinuxKernel::wall_now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return {time.tv_sec * 1'000'000'000 + time.tv_nsec};
}

ThreadTime LinuxKernel::thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return {{time.tv_sec * 1'000'000'000 + time.tv_nsec}, RunDelay::of_this_thread()};
}

Result<int> LinuxKernel::listen(const Endpoint& endpoint) { return bound_listener(endpoint, true); }

// A classic BPF program says which socket of the group it is (SO_ATTACH_REUSEPORT_CBPF).
void LinuxKernel::steer(int listener, uint32_t count) {
  sock_filter by_chance[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{.len = std::size(by_chance), .filter = by_chance};
  setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

Result<void> LinuxKernel::claim(const Endpoint& endpoint) {
  const auto fd = bound_listener(endpoint, false);
  if (!fd) return std::unexpected(fd.error());
  ::close(*fd);
  return {};
}

Result<int> LinuxKernel::socket(IpAddress::Family family) {
  const int fd = ::socket(family == IpAddress::Family::kV4 ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return last_error();
  // What a turn has to say leaves in one send: holding back its end helps nobody.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

Result<void> LinuxKernel::bind(int fd, const IpAddress& address) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_storage out{};
  const uint32_t length = Endpoint{address, 0}.to_sockaddr(out);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&out), length) != 0) return last_error();
  return {};
}

Result<int> LinuxKernel::unix_socket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return last_error();
  return fd;
}

Result<Endpoint> LinuxKernel::local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return last_error();
  const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  if (!endpoint) return std::unexpected(Error::kUnsupported);
  return *endpoint;
}

Result<Endpoint> LinuxKernel::remote_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return last_error();
  const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
  if (!endpoint) return std::unexpected(Error::kUnsupported);
  return *endpoint;
}

void LinuxKernel::shut_down_writes(int fd) { shutdown(fd, SHUT_WR); }

void LinuxKernel::reset_on_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void LinuxKernel::say_and_close(int fd, std::string_view text) {
  [[maybe_unused]] const ssize_t sent =
      ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(fd, SHUT_WR);
  ::close(fd);
}

Result<int> LinuxKernel::wake_up_fd() {
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return last_error();
  return fd;
}

void LinuxKernel::wake(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

Result<int> LinuxKernel::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  switch (mode) {
    case OpenMode::kRead:
      flags |= O_RDONLY;
      break;
    case OpenMode::kLog:
      flags |= O_RDWR | O_DIRECT;
      break;
    case OpenMode::kAppend:
      flags |= O_WRONLY | O_CREAT | O_APPEND;
      break;
    case OpenMode::kDirectory:
      flags |= O_RDONLY | O_DIRECTORY;
      break;
  }
  int fd = ::open(path.c_str(), flags, 0600);
  // Some file systems have no O_DIRECT; the page cache and RWF_DSYNC are as safe, only slower.
  if (fd < 0 && errno == EINVAL && mode == OpenMode::kLog)
    fd = ::open(path.c_str(), flags & ~O_DIRECT, 0600);
  if (fd < 0) return last_error();
  return fd;
}

Result<int> LinuxKernel::create(const std::string& path) {
  int fd = ::open(path.c_str(), O_CLOEXEC | O_RDWR | O_DIRECT | O_CREAT | O_EXCL, 0600);
  if (fd < 0 && errno == EINVAL) fd = ::open(path.c_str(), O_CLOEXEC | O_RDWR | O_CREAT, 0600);
  if (fd < 0) return last_error();
  return fd;
}

Result<int> LinuxKernel::create_zeroed(const std::string& path, uint64_t octets) {
  const auto fd = create(path);
  if (!fd) return fd;
  constexpr size_t kChunk = 1 << 20;
  std::unique_ptr<void, decltype(&std::free)> zeros(std::aligned_alloc(4096, kChunk), &std::free);
  std::memset(zeros.get(), 0, kChunk);
  for (uint64_t at = 0; at < octets;) {
    const ssize_t written =
        pwrite(*fd, zeros.get(), std::min<uint64_t>(kChunk, octets - at), static_cast<off_t>(at));
    if (written <= 0) {
      const Error error = written < 0 ? error_from_errno(errno) : Error::kNoSpace;
      ::close(*fd);
      unlink(path.c_str());
      return std::unexpected(error);
    }
    at += static_cast<uint64_t>(written);
  }
  const bool flushed =
      fsync(*fd) == 0 && sync_directory(std::filesystem::path(path).parent_path().string());
  if (flushed) return *fd;
  ::close(*fd);
  unlink(path.c_str());
  return std::unexpected(Error::kIo);
}

Result<uint64_t> LinuxKernel::size(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return last_error();
  return static_cast<uint64_t>(status.st_size);
}

Result<size_t> LinuxKernel::read_at(int fd, std::span<std::byte> out, uint64_t offset) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t octets =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) return last_error();
    if (octets == 0) break;
    done += static_cast<size_t>(octets);
  }
  return done;
}

void LinuxKernel::close(int fd) { ::close(fd); }

Result<void> LinuxKernel::make_directories(const std::string& path) {
  const std::filesystem::path folder(path);
  std::error_code code;
  if (std::filesystem::is_directory(folder, code)) return {};
  const std::filesystem::path parent = folder.parent_path();
  if (!parent.empty() && parent != folder) {
    if (auto made = make_directories(parent.string()); !made) return made;
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return last_error();
  auto synced = sync_directory(parent.empty() ? "." : parent.string());
  // It would be there the next time, and nobody flush its name.
  if (!synced) rmdir(path.c_str());
  return synced;
}

Result<std::vector<std::string>> LinuxKernel::list(const std::string& directory) {
  DIR* handle = opendir(directory.c_str());
  if (handle == nullptr) return last_error();
  std::vector<std::string> names;
  while (const dirent* entry = readdir(handle)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(handle);
  std::ranges::sort(names);
  return names;
}

Result<void> LinuxKernel::remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return last_error();
  return {};
}

Result<void> LinuxKernel::sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return last_error();
  const bool ok = fsync(fd) == 0;
  const int number = errno;
  ::close(fd);
  if (!ok) return std::unexpected(error_from_errno(number));
  return {};
}

Result<int> LinuxKernel::lock(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return last_error();
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return std::unexpected(Error::kExists);
  }
  return fd;
}

}  // namespace relais::ring
