#include "auth/dovecot_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "base/wipe.h"

namespace relais::auth {
namespace {

int64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

DovecotDialogue fresh_dialogue() { return DovecotDialogue(static_cast<uint32_t>(getpid())); }

}  // namespace

DovecotClient::DovecotClient(std::string socket, Tell tell)
    : path_(std::move(socket)),
      tell_(std::move(tell)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      dialogue_(fresh_dialogue()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

DovecotClient::~DovecotClient() {
  thread_.request_stop();
  eventfd_write(wake_, 1);
  thread_.join();
  for (Request& request : waiting_) request.finish(Outcome::kUnavailable);
  for (auto& [id, asked] : asked_) asked.request.finish(Outcome::kUnavailable);
  if (fd_ >= 0) close(fd_);
  close(wake_);
}

bool DovecotClient::submit(Request request) {
  const std::lock_guard lock(mutex_);
  if (pending_ >= kWaitMax) return false;
  ++pending_;
  waiting_.push_back(std::move(request));
  eventfd_write(wake_, 1);
  return true;
}

void DovecotClient::work(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "auth");
  while (!stop.stop_requested()) {
    take_requests();
    if (fd_ < 0 && !asked_.empty() && !connect()) continue;
    if (fd_ >= 0 && !send()) continue;
    if (!wait_for_events()) continue;
    give_up_late_ones();
  }
}

void DovecotClient::take_requests() {
  std::deque<Request> fresh;
  {
    const std::lock_guard lock(mutex_);
    std::swap(fresh, waiting_);
  }
  for (Request& request : fresh) {
    const uint32_t id = next_id_;
    next_id_ = next_id_ == INT32_MAX ? 1 : next_id_ + 1;
    if (fd_ >= 0 && dialogue_.ready()) dialogue_.ask(id, request);
    asked_.insert_or_assign(id, Asked{std::move(request), now_ms() + kAnswerWithinMs});
  }
}

bool DovecotClient::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) {
    disconnect("the path is too long for a socket");
    return false;
  }
  memcpy(address.sun_path, path_.data(), path_.size());
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  dialogue_ = fresh_dialogue();
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    disconnect(strerror(errno));
    return false;
  }
  return true;
}

// All that wait are answered: SMTP clients come again, and do not wait for minutes.
void DovecotClient::disconnect(const std::string& why) {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  wipe(dialogue_.output());
  if (told_ != why) tell_(path_ + ": " + why + "; AUTH is answered 454 until it works");
  told_ = why;
  auto lost = std::exchange(asked_, {});
  for (auto& [id, asked] : lost) asked.request.finish(Outcome::kUnavailable);
  const std::lock_guard lock(mutex_);
  pending_ -= lost.size();
}

// Written as one: a socket's buffer is larger than what kWaitMax requests take, or Dovecot does not
// read, and is as good as gone.
bool DovecotClient::send() {
  std::string& output = dialogue_.output();
  while (!output.empty()) {
    const ssize_t sent = ::send(fd_, output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      disconnect(strerror(errno));
      return false;
    }
    const auto octets = static_cast<size_t>(sent);
    explicit_bzero(output.data(), octets);
    output.erase(0, octets);
  }
  return true;
}

// False: the connection is gone.
bool DovecotClient::wait_for_events() {
  std::array<pollfd, 2> fds{{{wake_, POLLIN, 0}, {fd_, POLLIN, 0}}};
  constexpr int kTickMs = 1000;
  const int ready = poll(fds.data(), fd_ >= 0 ? 2 : 1, asked_.empty() ? -1 : kTickMs);
  if (ready <= 0) return true;
  eventfd_t count = 0;
  if (fds[0].revents != 0) eventfd_read(wake_, &count);
  return fd_ < 0 || fds[1].revents == 0 || receive();
}

bool DovecotClient::receive() {
  std::array<char, 4096> bytes;
  const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
  if (got <= 0) {
    disconnect(got == 0 ? "Dovecot has closed the connection" : strerror(errno));
    return false;
  }
  const bool was_ready = dialogue_.ready();
  std::vector<DovecotDialogue::Answer> answers;
  if (!dialogue_.feed({bytes.data(), static_cast<size_t>(got)}, answers)) {
    disconnect(dialogue_.problem());
    return false;
  }
  if (!was_ready && dialogue_.ready()) {
    told_.clear();
    for (const auto& [id, asked] : asked_) dialogue_.ask(id, asked.request);
  }
  for (const auto& each : answers) answer(each);
  return true;
}

void DovecotClient::answer(const DovecotDialogue::Answer& answer) {
  const auto found = asked_.find(answer.id);
  if (found == asked_.end()) return;  // it was too late
  found->second.request.finish(answer.outcome);
  asked_.erase(found);
  const std::lock_guard lock(mutex_);
  --pending_;
}

void DovecotClient::give_up_late_ones() {
  const int64_t now = now_ms();
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (at->second.until_ms > now) {
      ++at;
      continue;
    }
    at->second.request.finish(Outcome::kUnavailable);
    at = asked_.erase(at);
    const std::lock_guard lock(mutex_);
    --pending_;
  }
}

}  // namespace relais::auth
