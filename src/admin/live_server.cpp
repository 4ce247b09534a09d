#include "admin/live_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "admin/notices.h"
#include "base/result.h"

namespace relais::admin {
namespace {

constexpr int kLiveNice = 5;
constexpr int kLiveBacklog = 16;
constexpr timeval kClientTimeout{.tv_sec = 2, .tv_usec = 0};
constexpr std::chrono::seconds kWantedFor{10};
// The main thread publishes once a second, when it is not reading a large configuration.
constexpr std::chrono::milliseconds kFresh{1500};
constexpr std::chrono::seconds kAnswerWithin{10};

std::string live_problem(int number) { return std::string(describe(error_from_errno(number))); }

// False: the path is too long for a socket.
bool fill_address(sockaddr_un& address, const std::string& path) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

void set_timeouts(int fd, timeval time) {
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

}  // namespace

std::string live_path(const std::string& data_dir) { return data_dir + "/live"; }

std::string LiveServer::bind_socket() {
  sockaddr_un address{};
  if (!fill_address(address, path_))
    return fmt::format("the path has {} octets, {} are allowed: choose a shorter data_dir",
                       path_.size(), sizeof address.sun_path - 1);
  unlink(path_.c_str());  // of a server that was killed: the lock of the folder is ours
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (fd_ < 0 || stop_ < 0) return live_problem(errno);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return live_problem(errno);
  // What it tells, usage.json tells to everybody who may read it.
  chmod(path_.c_str(), 0666);
  return listen(fd_, kLiveBacklog) == 0 ? std::string() : live_problem(errno);
}

void LiveServer::start(const std::string& data_dir) {
  path_ = live_path(data_dir);
  if (const std::string problem = bind_socket(); !problem.empty()) {
    notice("{}: {}; mail goes on, relais top has nothing to show", path_, problem);
    return;
  }
  thread_ = std::jthread([this] { serve(); });
}

LiveServer::~LiveServer() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    published_.notify_all();
    eventfd_write(stop_, 1);
    thread_.join();
    unlink(path_.c_str());
  }
  if (fd_ >= 0) close(fd_);
  if (stop_ >= 0) close(stop_);
}

bool LiveServer::wanted() const {
  const std::lock_guard lock(mutex_);
  return asked_ && Clock::now() - asked_at_ < kWantedFor;
}

void LiveServer::publish(std::string json) {
  auto fresh = std::make_shared<const std::string>(std::move(json));
  {
    const std::lock_guard lock(mutex_);
    json_.swap(fresh);
    published_at_ = Clock::now();
  }
  published_.notify_all();
}

void LiveServer::serve() {
  pthread_setname_np(pthread_self(), "live");
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLiveNice);
  std::array<pollfd, 2> waits{{{fd_, POLLIN, 0}, {stop_, POLLIN, 0}}};
  while (true) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
    const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      // Without descriptors it would be asked again at once, and in vain.
      if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kFresh);
      continue;
    }
    set_timeouts(client, kClientTimeout);
    answer(client);
    close(client);
  }
}

void LiveServer::answer(int client) {
  std::shared_ptr<const std::string> json;
  {
    std::unique_lock lock(mutex_);
    asked_ = true;
    asked_at_ = Clock::now();
    published_.wait_for(lock, kAnswerWithin, [&] {
      return stopping_ || (json_ != nullptr && Clock::now() - published_at_ < kFresh);
    });
    json = json_;
  }
  if (json == nullptr) return;
  for (size_t sent = 0; sent < json->size();) {
    const ssize_t more = send(client, json->data() + sent, json->size() - sent, MSG_NOSIGNAL);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return;
    sent += static_cast<size_t>(more);
  }
}

LiveAnswer ask_live(const std::string& data_dir) {
  const std::string path = live_path(data_dir);
  sockaddr_un address{};
  if (!fill_address(address, path))
    return {{}, fmt::format("{}: the path is too long for a socket", path)};
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {{}, live_problem(errno)};
  LiveAnswer answer;
  set_timeouts(fd, {.tv_sec = kAnswerWithin.count() + 5, .tv_usec = 0});
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
    answer.problem = nobody ? fmt::format("no server runs with the data folder {}", data_dir)
                            : fmt::format("{}: {}", path, live_problem(errno));
  } else {
    std::array<char, 16384> part{};
    ssize_t octets = 0;
    while ((octets = recv(fd, part.data(), part.size(), 0)) > 0 || (octets < 0 && errno == EINTR)) {
      if (octets > 0) answer.json.append(part.data(), static_cast<size_t>(octets));
    }
    if (octets < 0) answer.json.clear();
    if (answer.json.empty())
      answer.problem = fmt::format("the server with the data folder {} does not answer", data_dir);
  }
  close(fd);
  return answer;
}

}  // namespace relais::admin
