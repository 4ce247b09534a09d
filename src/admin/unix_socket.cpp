#include "admin/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/result.h"

namespace relais::admin {
namespace {

std::string socket_problem(int number) { return std::string(describe(error_from_errno(number))); }

// What is wrong; empty: nothing.
std::string fill_address(sockaddr_un& address, const std::string& path) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fmt::format(
        "the path has {} octets, too long for a socket ({}): choose a shorter data_dir",
        path.size(), sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return {};
}

}  // namespace

int listen_at(const std::string& path, mode_t mode, int backlog, std::string& problem) {
  sockaddr_un address{};
  problem = fill_address(address, path);
  if (!problem.empty()) return -1;
  unlink(path.c_str());  // of a server that was killed
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The socket's mode becomes the file's, less the umask (unix(7) leaves that to the kernel, Linux
  // does so since 2.6.12), so that there is no moment at which others may connect.
  if (fd >= 0 && fchmod(fd, mode) == 0 &&
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      chmod(path.c_str(), mode) == 0 && listen(fd, backlog) == 0)
    return fd;
  problem = socket_problem(errno);
  if (fd >= 0) close(fd);
  return -1;
}

int connect_to(const std::string& data_dir, std::string_view name, std::string& problem) {
  const std::string path = fmt::format("{}/{}", data_dir, name);
  sockaddr_un address{};
  problem = fill_address(address, path);
  if (problem.empty()) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return fd;
    const int error = errno;
    problem = socket_problem(error);
    if (error == EACCES) problem += "; only the server's own user and root may ask it";
    if (fd >= 0) close(fd);
    if (error == ENOENT || error == ECONNREFUSED) {
      problem = fmt::format("no server runs with the data folder {}", data_dir);
      return -1;
    }
  }
  problem = fmt::format("{}: {}", path, problem);
  return -1;
}

}  // namespace relais::admin
