#include "admin/trace_server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "admin/json.h"
#include "admin/notices.h"
#include "admin/unix_socket.h"
#include "base/gentle_thread.h"
#include "base/result.h"
#include "config/nearest.h"
#include "policy/ascii.h"

namespace relais::admin {
namespace {

constexpr int kTraceBacklog = 16;
constexpr size_t kRequestMax = 4096;
constexpr int kLookEveryMs = 50;  // while somebody traces

std::string no_connector(const std::string& name, const std::vector<std::string>& connectors) {
  std::string text = fmt::format("no connector is called \"{}\"", name);
  const std::string_view near =
      config::nearest(name, std::vector<std::string_view>(connectors.begin(), connectors.end()));
  if (!near.empty()) text += fmt::format("; did you mean \"{}\"?", near);
  if (near.empty()) text += '.';
  return text + fmt::format(" There {}: \"{}\"", connectors.size() == 1 ? "is" : "are",
                            fmt::join(connectors, "\", \""));
}

// With the line end.
std::string answer_line(std::string_view key, const Json& value) {
  return to_line(Json{{std::string(key), value}}) + '\n';
}

}  // namespace

std::shared_ptr<TraceTap> tap_for(std::string_view request,
                                  const std::vector<std::string>& connectors,
                                  std::string& problem) {
  const Json asked = Json::parse(request, nullptr, false);
  const auto text = [&asked](const char* key) {
    return asked.is_object() && asked.contains(key) && asked[key].is_string()
               ? asked[key].get<std::string>()
               : std::string();
  };
  const std::string remote = text("remote");
  const auto range = policy::AddressRange::parse_or_reason(remote);
  if (!range) {
    problem = fmt::format("'{}': {}", remote, range.error());
    return nullptr;
  }
  auto tap = std::make_shared<TraceTap>();
  tap->remote = *range;
  const std::string connector = text("connector");
  if (connector.empty()) return tap;
  const auto known = std::ranges::find_if(connectors, [&connector](const std::string& name) {
    return policy::equal_ignoring_case(name, connector);
  });
  if (known == connectors.end()) {
    problem = no_connector(connector, connectors);
    return nullptr;
  }
  tap->connector = *known;
  return tap;
}

void TraceServer::start(const std::string& data_dir, size_t cores, Publish publish) {
  path_ = fmt::format("{}/{}", data_dir, kTraceSocket);
  cores_ = cores;
  publish_ = std::move(publish);
  std::string problem;
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) {
    problem = describe(error_from_errno(errno));
  } else {
    fd_ = listen_at(path_, 0600, kTraceBacklog, problem);
  }
  if (fd_ < 0) {
    notice("{}: {}; mail goes on, relais trace has nothing to show", path_, problem);
    return;
  }
  thread_ = std::thread([this] { serve(); });
}

void TraceServer::stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_, 1);
    thread_.join();
    unlink(path_.c_str());
  }
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (stop_ >= 0) close(std::exchange(stop_, -1));
}

void TraceServer::connectors(std::vector<std::string> names) {
  const std::lock_guard lock(mutex_);
  connectors_ = std::move(names);
}

void TraceServer::serve() {
  go_gently("trace");
  std::vector<pollfd> waits;
  while (true) {
    waits.assign({{stop_, POLLIN, 0}, {fd_, POLLIN, 0}});
    for (const Tracer& tracer : tracers_)
      waits.push_back(
          {tracer.fd, static_cast<short>(tracer.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    const bool traced = std::ranges::any_of(tracers_, &Tracer::traces);
    if (poll(waits.data(), waits.size(), traced ? kLookEveryMs : -1) < 0 && errno != EINTR) break;
    if (waits[0].revents != 0) break;
    for (size_t i = 0; i < tracers_.size(); ++i) {
      Tracer& tracer = tracers_[i];
      if ((waits[i + 2].revents & ~POLLOUT) != 0) read(tracer);
      if (tracer.traces()) fill(tracer);
      send(tracer);
    }
    drop_gone();
    if (waits[1].revents != 0) accept_one();
  }
  for (Tracer& tracer : tracers_) {
    if (tracer.traces()) fill(tracer);
    tracer.out += answer_line("trace", "ends");
    send(tracer);
    close(tracer.fd);
  }
  tracers_.clear();
}

void TraceServer::accept_one() {
  const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    // Without descriptors it would be asked again at once, and in vain.
    if (errno == EMFILE || errno == ENFILE) usleep(1'000'000);
    return;
  }
  if (tracers_.size() >= kConnectionsMax) {
    close(client);
    return;
  }
  tracers_.push_back({.fd = client});
}

// The request; behind it only whether the tracer is still there.
void TraceServer::read(Tracer& tracer) {
  std::array<char, 1024> part{};
  const ssize_t octets = recv(tracer.fd, part.data(), part.size(), 0);
  if (octets < 0 && (errno == EAGAIN || errno == EINTR)) return;
  tracer.gone = octets <= 0;
  if (tracer.gone || tracer.traces() || tracer.over) return;
  tracer.request.append(part.data(), static_cast<size_t>(octets));
  if (tracer.request.find('\n') != std::string::npos) return begin(tracer);
  tracer.gone = tracer.request.size() > kRequestMax;
}

void TraceServer::begin(Tracer& tracer) {
  std::string problem;
  if (std::ranges::count_if(tracers_, &Tracer::traces) >= static_cast<ptrdiff_t>(kTracersMax)) {
    problem = fmt::format("{} traces run already", kTracersMax);
  } else {
    const std::lock_guard lock(mutex_);
    tracer.tap = tap_for(tracer.request.substr(0, tracer.request.find('\n')), connectors_, problem);
  }
  if (tracer.tap == nullptr) {
    tracer.out = answer_line("problem", problem);
    tracer.over = true;
    return;
  }
  tracer.tap->id = next_id_++;
  publish();
}

void TraceServer::fill(Tracer& tracer) {
  if (!tracer.begun) {
    if (tracer.tap->cores.load(std::memory_order_acquire) < cores_) return;
    tracer.begun = true;
    tracer.out += answer_line("trace", "begins");
  }
  if (tracer.out.size() >= kOutMax) return;  // the tray fills, and then drops
  for (const DialogueBatch& batch : tracer.tap->tray.take()) {
    tracer.out += batch.text;
    if (batch.dropped > 0) tracer.out += answer_line("dropped", batch.dropped);
  }
}

void TraceServer::send(Tracer& tracer) {
  while (!tracer.gone && !tracer.out.empty()) {
    const ssize_t octets =
        ::send(tracer.fd, tracer.out.data(), tracer.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && errno == EAGAIN) return;
    tracer.gone = octets < 0;
    if (octets > 0) tracer.out.erase(0, static_cast<size_t>(octets));
  }
  if (tracer.over && tracer.out.empty()) tracer.gone = true;
}

void TraceServer::drop_gone() {
  bool traced = false;
  for (Tracer& tracer : tracers_) {
    if (!tracer.gone) continue;
    close(tracer.fd);
    traced |= tracer.traces();
  }
  std::erase_if(tracers_, [](const Tracer& tracer) { return tracer.gone; });
  if (traced) publish();
}

void TraceServer::publish() const {
  auto taps = std::make_shared<TraceTaps>();
  for (const Tracer& tracer : tracers_) {
    if (tracer.traces() && !tracer.gone) taps->push_back(tracer.tap);
  }
  publish_(std::move(taps));
}

}  // namespace relais::admin
