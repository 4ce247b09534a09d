#include "shell/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "shell/format.h"

namespace relais::shell {
namespace {

std::unexpected<std::string> failed(const std::string& path) {
  return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
}

std::string now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return iso8601({time.tv_sec * 1'000'000'000 + time.tv_nsec});
}

std::string user_name(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return user == nullptr ? std::string() : std::string(user->pw_name);
}

std::string line_of(const AuditEntry& entry) {
  const uid_t uid = getuid();
  Pairs line{{"when", now()}, {"uid", static_cast<int64_t>(uid)}, {"user", user_name(uid)}};
  if (const char* sudo = std::getenv("SUDO_USER"))
    line.emplace_back("sudo_user", std::string(sudo));
  line.emplace_back("command", entry.command);
  line.emplace_back("file", entry.file);
  if (!entry.is_answer) {
    line.emplace_back("before", entry.before);
    line.emplace_back("after", entry.after);
  }
  line.emplace_back("result", entry.result);
  std::string text = to_json(Value(std::move(line)));
  return text += '\n';
}

}  // namespace

std::string audit_path(const config::ServerSettings& server, const std::string& otherwise) {
  if (!server.audit_log.empty()) return server.audit_log;
  std::error_code failed;
  const bool is_there = std::filesystem::is_directory(server.data_dir, failed);
  return is_there ? server.data_dir + "/audit.log" : otherwise;
}

std::string audit_user() { return user_name(getuid()); }

AuditLog::~AuditLog() {
  if (fd_ >= 0) close(fd_);
}

AuditLog::AuditLog(AuditLog&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

std::expected<AuditLog, std::string> AuditLog::open(const std::string& path) {
  AuditLog log;
  log.path_ = path;
  log.fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log.fd_ < 0) return failed(path);
  return log;
}

std::expected<void, std::string> AuditLog::append(const AuditEntry& entry) const {
  const std::string line = line_of(entry);
  // One write, so that lines of two writers do not mix.
  const ssize_t count = write(fd_, line.data(), line.size());
  if (count < 0) return failed(path_);
  if (static_cast<size_t>(count) != line.size()) {
    return std::unexpected(fmt::format("{}: only a part could be written", path_));
  }
  // A pipe or a device cannot be flushed.
  if (fsync(fd_) != 0 && errno != EINVAL) return failed(path_);
  return {};
}

}  // namespace relais::shell
