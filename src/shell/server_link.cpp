#include "shell/server_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "config/write_file.h"

namespace relais::shell {
namespace {

bool is_locked(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return locked;
}

std::optional<admin::ServerState> read_state(const std::string& data_dir) {
  const auto text = config::read_text(data_dir + "/state.json");
  if (!text) return std::nullopt;
  return admin::server_state_from_json(*text);
}

// What the server wrote into the file that it holds.
int64_t pid_of_lock(const std::string& path) {
  const auto text = config::read_text(path);
  int64_t pid = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

constexpr int kStep = 10;  // milliseconds

// Asks every kStep for at most `milliseconds` until it is true.
template <class Condition>
bool wait_for(int milliseconds, Condition&& condition) {
  for (int waited = 0; waited <= milliseconds; waited += kStep) {
    if (condition()) return true;
    const timespec step{.tv_sec = 0, .tv_nsec = kStep * 1'000'000};
    nanosleep(&step, nullptr);
  }
  return false;
}

}  // namespace

std::optional<admin::ServerState> running_server(const std::string& data_dir,
                                                 const std::string& config_folder) {
  const std::string lock = data_dir + "/lock";
  const int64_t pid = pid_of_lock(lock);
  // Nobody of that number: the lock is not even tried, for a server that starts just now wants it.
  if (pid <= 1 || (kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH)) return std::nullopt;
  if (!is_locked(lock)) return std::nullopt;
  auto state = read_state(data_dir);
  if (!state || state->pid != pid) return std::nullopt;
  std::error_code failed;
  if (!std::filesystem::equivalent(state->config, config_folder, failed)) return std::nullopt;
  return state;
}

std::string why_no_server(const std::string& data_dir, const std::string& config_folder) {
  std::error_code failed;
  if (!std::filesystem::is_directory(config_folder, failed))
    return fmt::format("there is no folder {}", config_folder);
  const std::string lock = data_dir + "/lock";
  if (access(lock.c_str(), R_OK) != 0 && errno == EACCES) {
    return fmt::format("{}: {}: only the server's own user and root can ask it", lock,
                       std::strerror(EACCES));
  }
  return fmt::format("no server runs with the configuration in {} (data_dir {})", config_folder,
                     data_dir);
}

Reloaded ask_to_reload(const std::string& data_dir, const admin::ServerState& server,
                       int milliseconds) {
  Reloaded reloaded;
  if (kill(static_cast<pid_t>(server.pid), SIGHUP) != 0) {
    reloaded.problem = std::strerror(errno);
    return reloaded;
  }
  (void)wait_for(milliseconds, [&] {
    const auto state = read_state(data_dir);
    if (state && state->pid == server.pid && state->generation > server.generation) {
      reloaded.answered = true;
      reloaded.state = *state;
    } else if (kill(static_cast<pid_t>(server.pid), 0) != 0 && errno == ESRCH) {
      reloaded.problem = "it has ended";
    }
    return reloaded.answered || !reloaded.problem.empty();
  });
  return reloaded;
}

OverrideAsked ask_for_limit(const std::string& data_dir, const admin::ServerState& server,
                            admin::OverrideRequest request, int milliseconds) {
  OverrideAsked asked;
  // Two who ask at one time would overwrite each other's question.
  const auto lock = config::FolderLock::take(data_dir, milliseconds);
  if (!lock) {
    asked.problem = lock.error();
    return asked;
  }
  // One that keeps no book would not survive the signal.
  const auto book = admin::read_overrides(data_dir);
  if (!book || book->pid != server.pid) {
    asked.problem = "it is of a version that takes no overrides; restart it";
    return asked;
  }
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  request.id = fmt::format("{}-{}.{:09}", getpid(), now.tv_sec, now.tv_nsec);
  const std::string path = admin::override_request_path(data_dir);
  if (const auto written = config::write_file(path, admin::to_json(request)); !written) {
    asked.problem = written.error();
    return asked;
  }
  if (kill(static_cast<pid_t>(server.pid), SIGUSR1) != 0) {
    asked.problem = std::strerror(errno);
    unlink(path.c_str());
    return asked;
  }
  asked.answered = wait_for(milliseconds, [&] {
    const auto answered = admin::read_overrides(data_dir);
    if (!answered || answered->pid != server.pid || answered->answer.id != request.id) return false;
    asked.answer = answered->answer;
    return true;
  });
  // Nobody is to carry it out later, when it has been said that it was not.
  if (!asked.answered) unlink(path.c_str());
  return asked;
}

}  // namespace relais::shell
