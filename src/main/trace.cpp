// `relais trace`: the dialogues of a running server's sessions as they go, from the socket in its
// data folder (admin/trace_server.h).
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "admin/json.h"
#include "admin/notices.h"
#include "admin/trace_server.h"
#include "admin/trace_text.h"
#include "admin/unix_socket.h"
#include "config/load.h"
#include "main/commands.h"
#include "policy/address_range.h"

namespace relais {
namespace {

using admin::TraceLine;
using TraceClock = std::chrono::steady_clock;

int no_trace(std::string_view what) {
  admin::say("relais trace: {}\n", what);
  return 1;
}

class Trace {
 public:
  Trace(const TraceOptions& options, int fd) : options_(options), fd_(fd) {}
  ~Trace() { close(fd_); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  int run();

 private:
  enum class Came { kOctets, kTimeIsUp, kEnd };
  void ask() const;
  [[nodiscard]] Came receive();
  [[nodiscard]] bool show(const std::string& json);
  void begins() const;

  const TraceOptions& options_;
  int fd_;
  std::string waiting_;
  TraceClock::time_point until_{};
  uint64_t sessions_ = 0;  // that have ended
  int status_ = 0;
};

// A server that has no place for us has said so already.
void Trace::ask() const {
  admin::Json request{{"remote", options_.remote}};
  if (!options_.connector.empty()) request["connector"] = options_.connector;
  const std::string line = admin::to_line(request) + '\n';
  (void)send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
}

Trace::Came Trace::receive() {
  std::array<char, 16384> part{};
  while (true) {
    int wait = -1;
    if (options_.seconds > 0) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until_ - TraceClock::now()).count();
      if (left <= 0) return Came::kTimeIsUp;
      wait = static_cast<int>(left) + 1;
    }
    pollfd readable{fd_, POLLIN, 0};
    const int ready = poll(&readable, 1, wait);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t octets = recv(fd_, part.data(), part.size(), 0);
    if (octets < 0 && errno == EINTR) continue;
    if (octets <= 0) return Came::kEnd;
    waiting_.append(part.data(), static_cast<size_t>(octets));
    return Came::kOctets;
  }
}

// To standard error, so that lines alone are on standard output.
void Trace::begins() const {
  admin::say("sessions from {}{} that begin from now on (times are UTC); Ctrl-C ends\n",
             options_.remote,
             options_.connector.empty() ? "" : " at \"" + options_.connector + '"');
}

// False: that was all.
bool Trace::show(const std::string& json) {
  const TraceLine line = admin::read_trace_line(json);
  switch (line.kind) {
    case TraceLine::Kind::kBegins:
      begins();
      return true;
    case TraceLine::Kind::kEnds:
      status_ = no_trace("the server has stopped");
      return false;
    case TraceLine::Kind::kProblem:
      status_ = no_trace(line.text);
      return false;
    case TraceLine::Kind::kUnknown:
      status_ = no_trace("the server's answer cannot be read: is it of another version?");
      return false;
    case TraceLine::Kind::kEnd:
      ++sessions_;
      break;
    case TraceLine::Kind::kLine:
    case TraceLine::Kind::kDropped:
      break;
  }
  const std::string& shown = options_.json ? json : line.text;
  std::fputs((shown + '\n').c_str(), stdout);
  return options_.count == 0 || sessions_ < options_.count;
}

int Trace::run() {
  if (options_.seconds > 0) until_ = TraceClock::now() + std::chrono::seconds(options_.seconds);
  ask();
  while (true) {
    const Came came = receive();
    if (came == Came::kTimeIsUp) return 0;
    if (came == Came::kEnd) return no_trace("the server has ended the trace");
    size_t begin = 0;
    for (size_t end; (end = waiting_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (show(waiting_.substr(begin, end - begin))) continue;
      std::fflush(stdout);
      return status_;
    }
    waiting_.erase(0, begin);
    if (std::fflush(stdout) != 0) return 1;  // nobody reads any more
  }
}

}  // namespace

int trace(const TraceOptions& options) {
  if (const auto range = policy::AddressRange::parse_or_reason(options.remote); !range) {
    admin::say("relais trace: --remote {}: {}\n", options.remote, range.error());
    return 2;
  }
  // A file that is being edited may be wrong at this moment; the server has the last good one.
  const config::Loaded loaded = config::load(options.folder);
  const std::string& data_dir = loaded.model.server.data_dir;
  std::string problem;
  const int fd = admin::connect_to(data_dir, admin::kTraceSocket, problem);
  if (fd < 0) return no_trace(problem);
  return Trace(options, fd).run();
}

}  // namespace relais
