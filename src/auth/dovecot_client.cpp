#include "auth/dovecot_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
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

DovecotClient::DovecotClient(std::string socket, Tell tell, int connection_age_ms)
    : path_(std::move(socket)),
      tell_(std::move(tell)),
      connection_age_ms_(connection_age_ms),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      link_{.dialogue = fresh_dialogue()},
      former_{.dialogue = fresh_dialogue()},
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

DovecotClient::~DovecotClient() {
  thread_.request_stop();
  eventfd_write(wake_, 1);
  thread_.join();
  for (Request& request : waiting_) request.finish(Outcome::kUnavailable);
  for (Link* link : {&link_, &former_}) {
    for (auto& [id, asked] : link->asked) asked.request.finish(Outcome::kUnavailable);
    if (link->fd >= 0) close(link->fd);
  }
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
    renew();
    take_requests();
    if (link_.fd < 0 && !link_.asked.empty()) connect();
    for (Link* link : {&link_, &former_}) send(*link);
    wait_for_events();
    for (Link* link : {&link_, &former_}) give_up_late_ones(*link);
  }
}

// An old connection is left: at once where it owes nothing, else when it has answered. There are
// two at most; so while a former one still owes something, the newer one may grow old.
void DovecotClient::renew() {
  if (former_.fd >= 0 && former_.asked.empty()) close(std::exchange(former_.fd, -1));
  if (link_.fd < 0 || now_ms() - link_.since_ms < connection_age_ms_) return;
  if (link_.asked.empty()) {
    close(std::exchange(link_.fd, -1));
  } else if (former_.fd < 0) {
    former_ = std::exchange(link_, Link{.dialogue = fresh_dialogue()});
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
    if (link_.fd >= 0 && link_.dialogue.ready()) link_.dialogue.ask(id, request);
    link_.asked.insert_or_assign(id, Asked{std::move(request), now_ms() + kAnswerWithinMs});
  }
}

void DovecotClient::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    return disconnect(link_, "the path is too long for a socket");
  memcpy(address.sun_path, path_.data(), path_.size());
  link_.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  link_.since_ms = now_ms();
  link_.dialogue = fresh_dialogue();
  if (link_.fd < 0 ||
      ::connect(link_.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    disconnect(link_, strerror(errno));
}

// All that wait are answered: SMTP clients come again, and do not wait for minutes.
void DovecotClient::disconnect(Link& link, const std::string& why) {
  if (link.fd >= 0) close(std::exchange(link.fd, -1));
  wipe(link.dialogue.output());
  auto lost = std::exchange(link.asked, {});
  if (lost.empty()) return;  // nobody has noticed; who comes next makes a new one
  if (told_ != why) tell_(path_ + ": " + why + "; AUTH is answered 454 until it works");
  told_ = why;
  for (auto& [id, asked] : lost) asked.request.finish(Outcome::kUnavailable);
  const std::lock_guard lock(mutex_);
  pending_ -= lost.size();
}

// Written as one: a socket's buffer is larger than what kWaitMax requests take, or Dovecot does not
// read, and is as good as gone.
void DovecotClient::send(Link& link) {
  if (link.fd < 0) return;
  std::string& output = link.dialogue.output();
  while (!output.empty()) {
    const ssize_t sent = ::send(link.fd, output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return disconnect(link, strerror(errno));
    const auto octets = static_cast<size_t>(sent);
    explicit_bzero(output.data(), octets);
    output.erase(0, octets);
  }
}

void DovecotClient::wait_for_events() {
  // A negative descriptor is passed over.
  std::array<pollfd, 3> fds{{{wake_, POLLIN, 0}, {link_.fd, POLLIN, 0}, {former_.fd, POLLIN, 0}}};
  constexpr int kTickMs = 1000;
  const bool nothing = link_.fd < 0 && former_.fd < 0;
  if (poll(fds.data(), fds.size(), nothing ? -1 : std::min(kTickMs, connection_age_ms_)) <= 0)
    return;
  eventfd_t count = 0;
  if (fds[0].revents != 0) eventfd_read(wake_, &count);
  if (fds[1].revents != 0) receive(link_);
  if (fds[2].revents != 0) receive(former_);
}

void DovecotClient::receive(Link& link) {
  std::array<char, 4096> bytes;
  const ssize_t got = recv(link.fd, bytes.data(), bytes.size(), 0);
  if (got <= 0)
    return disconnect(link, got == 0 ? "Dovecot has closed the connection" : strerror(errno));
  const bool was_ready = link.dialogue.ready();
  std::vector<DovecotDialogue::Answer> answers;
  if (!link.dialogue.feed({bytes.data(), static_cast<size_t>(got)}, answers))
    return disconnect(link, link.dialogue.problem());
  if (!was_ready && link.dialogue.ready()) {
    told_.clear();
    for (const auto& [id, asked] : link.asked) link.dialogue.ask(id, asked.request);
  }
  for (const auto& each : answers) answer(link, each);
}

void DovecotClient::answer(Link& link, const DovecotDialogue::Answer& answer) {
  const auto found = link.asked.find(answer.id);
  if (found == link.asked.end()) return;  // it was too late
  found->second.request.finish(answer.outcome, answer.user);
  link.asked.erase(found);
  const std::lock_guard lock(mutex_);
  --pending_;
}

void DovecotClient::give_up_late_ones(Link& link) {
  const int64_t now = now_ms();
  for (auto at = link.asked.begin(); at != link.asked.end();) {
    if (at->second.until_ms > now) {
      ++at;
      continue;
    }
    at->second.request.finish(Outcome::kUnavailable);
    at = link.asked.erase(at);
    const std::lock_guard lock(mutex_);
    --pending_;
  }
}

}  // namespace relais::auth
