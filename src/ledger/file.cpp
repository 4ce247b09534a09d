#include "ledger/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace relais::ledger {
namespace {

std::unexpected<Error> last_error() { return std::unexpected(error_from_errno(errno)); }

// It can be written on: empty, or of this kind and its last line whole.
Result<void> check(int fd, Kind kind) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return last_error();
  if (!S_ISREG(status.st_mode) || status.st_size == 0) return {};
  std::string begin(first_line(kind).size(), ' ');
  char last = 0;
  if (pread(fd, begin.data(), begin.size(), 0) < 0 || pread(fd, &last, 1, status.st_size - 1) < 0)
    return last_error();
  if (begin != first_line(kind) || last != '\n') return std::unexpected(Error::kCorrupt);
  return {};
}

}  // namespace

Result<File> File::open(const std::string& path, Kind kind) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return last_error();
  File file(fd);
  if (const auto good = check(fd, kind); !good) return std::unexpected(good.error());
  file.buffer_ = first_line(kind);
  if (const auto begun = file.flush(); !begun) return std::unexpected(begun.error());
  return file;
}

Result<File> File::again() const {
  const int fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return last_error();
  return File(fd);
}

std::string_view why_not_open(const std::string& path, Error error) {
  struct stat status {};
  const bool is_folder = stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return is_folder ? "is a directory" : describe(error);
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

File::~File() {
  if (fd_ < 0) return;
  (void)flush();
  ::close(fd_);
}

Result<void> File::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t octets = ::write(fd_, left.data(), left.size());
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) {
      buffer_.clear();
      return last_error();
    }
    left.remove_prefix(static_cast<size_t>(octets));
  }
  buffer_.clear();
  return {};
}

}  // namespace relais::ledger
