#include "admin/usage_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "admin/usage_json.h"

namespace relais::admin {
namespace {

std::unexpected<Error> last_error() { return std::unexpected(error_from_errno(errno)); }

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return last_error();
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fdatasync(fd) != 0) return last_error();
  return {};
}

}  // namespace

std::string usage_path(const std::string& data_dir) { return data_dir + "/usage.json"; }

Result<void> write_usage(const std::string& data_dir, const UsageTotals& totals) {
  const std::string path = usage_path(data_dir);
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return last_error();
  const Result<void> written = write_all(fd, to_json(totals));
  close(fd);
  if (!written) return written;
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return last_error();
  return {};
}

UsageRead read_usage_file(const std::string& data_dir) {
  UsageRead read;
  errno = 0;
  std::ifstream file(usage_path(data_dir), std::ios::binary);
  if (!file) {
    read.there = errno != ENOENT;
    if (read.there) read.problem = describe(error_from_errno(errno));
    return read;
  }
  read.there = true;
  std::ostringstream text;
  text << file.rdbuf();
  auto totals = usage_from_json(std::move(text).str());
  if (totals)
    read.totals = std::move(*totals);
  else
    read.problem = totals.error();
  return read;
}

bool server_runs(const UsageTotals& totals) {
  if (totals.pid <= 0) return false;
  std::ifstream file("/proc/" + std::to_string(totals.pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name == "relais";
}

std::optional<PresentUse> read_usage(const std::string& data_dir) {
  const UsageRead read = read_usage_file(data_dir);
  if (!read.there || !read.problem.empty()) return std::nullopt;
  PresentUse present{.running = server_runs(read.totals),
                     .pid = read.totals.pid,
                     .updated = read.totals.updated,
                     .connectors = {}};
  for (const auto& [name, connector] : read.totals.connectors) {
    if (!name.empty())
      present.connectors.push_back({name, present.running ? connector.sum.sessions() : 0});
  }
  return present;
}

}  // namespace relais::admin
