#include "admin/live_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "admin/notices.h"
#include "admin/unix_socket.h"
#include "base/gentle_thread.h"
#include "base/result.h"

namespace relais::admin {
namespace {

constexpr std::string_view kLiveSocket = "live";  // in the data folder
constexpr int kLiveBacklog = 16;
constexpr timeval kClientTimeout{.tv_sec = 2, .tv_usec = 0};
constexpr std::chrono::seconds kWantedFor{10};
// The main thread publishes once a second, when it is not reading a large configuration.
constexpr std::chrono::milliseconds kFresh{1500};
constexpr std::chrono::seconds kAnswerWithin{10};

std::string live_problem(int number) { return std::string(describe(error_from_errno(number))); }

void set_timeouts(int fd, timeval time) {
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

}  // namespace

std::string LiveServer::bind_socket() {
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) return live_problem(errno);
  std::string problem;
  // What it tells, usage.json tells to everybody who may read it.
  fd_ = listen_at(path_, 0666, kLiveBacklog, problem);
  return problem;
}

void LiveServer::start(const std::string& data_dir) {
  path_ = fmt::format("{}/{}", data_dir, kLiveSocket);
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
  go_gently("live");
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
  LiveAnswer answer;
  const int fd = connect_to(data_dir, kLiveSocket, answer.problem);
  if (fd < 0) return answer;
  set_timeouts(fd, {.tv_sec = kAnswerWithin.count() + 5, .tv_usec = 0});
  std::array<char, 16384> part{};
  ssize_t octets = 0;
  while ((octets = recv(fd, part.data(), part.size(), 0)) > 0 || (octets < 0 && errno == EINTR)) {
    if (octets > 0) answer.json.append(part.data(), static_cast<size_t>(octets));
  }
  if (octets < 0) answer.json.clear();
  if (answer.json.empty())
    answer.problem = fmt::format("the server with the data folder {} does not answer", data_dir);
  close(fd);
  return answer;
}

}  // namespace relais::admin
