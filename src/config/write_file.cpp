#include "config/write_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace relais::config {
namespace {

using Outcome = std::expected<void, std::string>;

std::unexpected<std::string> failed(const std::string& path, int number) {
  return std::unexpected(fmt::format("{}: {}", path, std::strerror(number)));
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Outcome sync_folder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(folder, errno);
  const int result = fsync(fd);
  const int number = errno;
  close(fd);
  if (result != 0 && number != EINVAL) return failed(folder, number);
  return {};
}

Outcome write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(fd) != 0) return failed(path, errno);
  return {};
}

// A complete and durable file beside `path`, and its name.
std::expected<std::string, std::string> write_beside(const std::string& path,
                                                     std::string_view text) {
  const std::filesystem::path whole(path);
  std::string name = fmt::format("{}/.{}.XXXXXX", folder_of(path), whole.filename().string());
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return failed(path, errno);
  struct stat old {};
  mode_t mode = 0644;
  if (stat(path.c_str(), &old) == 0) {
    mode = old.st_mode & 07777;
    // Only root may give files away; an editor who is not root becomes the owner.
    if (fchown(fd, old.st_uid, old.st_gid) != 0)
      (void)fchown(fd, static_cast<uid_t>(-1), old.st_gid);
  }
  Outcome written = write_all(fd, path, text);
  if (written && fchmod(fd, mode) != 0) written = failed(path, errno);
  close(fd);
  if (written) return name;
  unlink(name.c_str());
  return std::unexpected(written.error());
}

}  // namespace

Outcome write_file(const std::string& link, std::string_view text) {
  // A link stays one: what it points to is replaced.
  std::error_code code;
  const auto target = std::filesystem::canonical(link, code);
  const std::string path = code ? link : target.string();
  const auto name = write_beside(path, text);
  if (!name) return std::unexpected(name.error());
  if (rename(name->c_str(), path.c_str()) != 0) {
    const int number = errno;
    unlink(name->c_str());
    return failed(path, number);
  }
  return sync_folder(folder_of(path));
}

Outcome create_file(const std::string& path, std::string_view text) {
  const auto name = write_beside(path, text);
  if (!name) return std::unexpected(name.error());
  // link, unlike rename, never replaces.
  const int result = ::link(name->c_str(), path.c_str());
  const int number = errno;
  unlink(name->c_str());
  if (result != 0) return failed(path, number);
  return sync_folder(folder_of(path));
}

Outcome remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0) return failed(path, errno);
  return sync_folder(folder_of(path));
}

Outcome make_folder(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return std::unexpected(fmt::format("{}: {}", path, code.message()));
  return sync_folder(folder_of(path));
}

std::optional<std::string> read_text(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return std::nullopt;
  return text;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

std::expected<FolderLock, std::string> FolderLock::take(const std::string& folder,
                                                        int milliseconds) {
  FolderLock lock;
  lock.fd_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock.fd_ < 0) return failed(folder, errno);
  constexpr int kStep = 20;
  for (int waited = 0;; waited += kStep) {
    if (flock(lock.fd_, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) return failed(folder, errno);
    if (waited >= milliseconds) {
      return std::unexpected(fmt::format("{}: another program is changing it", folder));
    }
    const timespec step{.tv_sec = 0, .tv_nsec = kStep * 1'000'000};
    nanosleep(&step, nullptr);
  }
}

}  // namespace relais::config
