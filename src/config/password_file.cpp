#include "config/password_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace relais::config {
namespace {

using Trouble = std::unexpected<PasswordTrouble>;

class OpenFile {
 public:
  // A named pipe does not make us wait.
  explicit OpenFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Trouble cannot_be_read(const std::string& why) {
  return Trouble({"cannot be read: " + why, "Write the path of a file that relais may read"});
}

}  // namespace

std::expected<std::string, PasswordTrouble> read_password(const std::string& path) {
  const OpenFile file(path);
  struct stat about {};
  if (file.fd() < 0 || fstat(file.fd(), &about) != 0)
    return cannot_be_read(std::generic_category().message(errno));
  if (!S_ISREG(about.st_mode)) return cannot_be_read("it is no file");
  if ((about.st_mode & 077) != 0) {
    return Trouble(
        {fmt::format("is open to others than its owner (mode {:o})", about.st_mode & 07777),
         "chmod 600 it"});
  }
  std::array<char, kCredentialMax + 3> start{};  // CRLF behind it, and one octet too many
  const ssize_t count = read(file.fd(), start.data(), start.size());
  if (count < 0) return cannot_be_read(std::generic_category().message(errno));
  std::string_view line(start.data(), static_cast<size_t>(count));
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return Trouble({"has no password in its first line", "Write it there"});
  if (line.size() > kCredentialMax || line.find('\0') != std::string_view::npos) {
    return Trouble(
        {fmt::format("has a first line that is no password of at most {} octets", kCredentialMax),
         "Write the password there, as text"});
  }
  return std::string(line);
}

}  // namespace relais::config
