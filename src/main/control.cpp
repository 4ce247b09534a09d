// `relais reload` and `relais drain`: what signals do, with the running server's word on it.
#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "admin/notices.h"
#include "config/load.h"
#include "main/commands.h"
#include "shell/server_link.h"

namespace relais {
namespace {

constexpr int kReloadWait = 30'000;  // milliseconds; a million ranges take some seconds

std::optional<admin::ServerState> server_of(std::string_view command, const std::string& folder,
                                            const config::Loaded& loaded) {
  const std::string& data_dir = loaded.model.server.data_dir;
  auto server = shell::running_server(data_dir, folder);
  if (server) return server;
  // Of files that cannot be read data_dir is a guess, so it matters what is wrong with them.
  for (const config::Finding& finding : loaded.findings) {
    if (finding.severity == config::Finding::Severity::kError)
      admin::say("{}\n", to_string(finding));
  }
  admin::say("relais {}: {}\n", command, shell::why_no_server(data_dir, folder));
  return std::nullopt;
}

}  // namespace

int reload(const std::string& folder) {
  // A file that is being edited may be wrong at this moment; the server says so.
  const config::Loaded loaded = config::load(folder);
  const std::string& data_dir = loaded.model.server.data_dir;
  const auto server = server_of("reload", folder, loaded);
  if (!server) return 1;
  const shell::Reloaded reloaded = shell::ask_to_reload(data_dir, *server, kReloadWait);
  if (!reloaded.problem.empty()) {
    admin::say("relais reload: the running server (process {}) could not be asked: {}\n",
               server->pid, reloaded.problem);
    return 1;
  }
  if (!reloaded.answered) {
    admin::say(
        "relais reload: the running server (process {}) has not answered for {} s: it is draining, "
        "or has much to read; its standard error says what became of it\n",
        server->pid, kReloadWait / 1000);
    return 1;
  }
  for (const std::string& finding : reloaded.state.findings) admin::say("{}\n", finding);
  if (!reloaded.state.ok) {
    admin::say("relais reload: not taken, and what was in force still is: {}\n",
               reloaded.state.problem);
    return 1;
  }
  fmt::print("The running server (process {}) has taken the configuration in {}.\n", server->pid,
             folder);
  if (!reloaded.state.needs_restart.empty()) {
    fmt::print("Changes in {} take effect when it is started again.\n",
               reloaded.state.needs_restart);
  }
  return 0;
}

int drain(const std::string& folder) {
  const config::Loaded loaded = config::load(folder);
  const auto& settings = loaded.model.server;
  const auto server = server_of("drain", folder, loaded);
  if (!server) return 1;
  if (kill(static_cast<pid_t>(server->pid), SIGTERM) != 0) {
    admin::say("relais drain: the running server (process {}) could not be told: {}\n", server->pid,
               std::strerror(errno));
    return 1;
  }
  fmt::print("The server (process {}) takes no new connections; what is under way may finish.\n",
             server->pid);
  std::fflush(stdout);
  // It keeps its own time (drain_timeout); whoever does not want to wait ends this.
  while (shell::running_server(settings.data_dir, folder)) {
    constexpr timespec kStep{.tv_sec = 0, .tv_nsec = 50'000'000};
    nanosleep(&kStep, nullptr);
  }
  fmt::print("It has ended. What it has not delivered is in the spool.\n");
  return 0;
}

}  // namespace relais
