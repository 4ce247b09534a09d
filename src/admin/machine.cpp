#include "admin/machine.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace relais::admin {
namespace {

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<uint64_t> number_of(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc()) return std::nullopt;
  return number;
}

// The number behind a name at the start of a line: "MemTotal:  24683620 kB", "inactive_file 4096".
std::optional<uint64_t> field(std::string_view text, std::string_view name) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(name)) return number_of(line.substr(name.size()));
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<uint64_t> kilobytes(std::string_view text, std::string_view name) {
  const auto number = field(text, name);
  if (!number) return std::nullopt;
  return *number * 1024;
}

// Where our memory is accounted: a folder of cgroupfs, and how the files in it are called.
struct Group {
  std::string base;  // mount point of the hierarchy
  std::string path;  // below it, "/" or "/system.slice/relais.service"
  std::string_view limit;
  std::string_view usage;
  std::string_view droppable;  // of memory.stat
};

// Lines of /proc/self/cgroup: "4:memory:/path" for version 1, which wins where it has the memory
// controller, "0::/path" for version 2.
std::optional<Group> find_group(const std::string& root, std::string_view text) {
  std::optional<Group> unified;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers == "memory") {
      return Group{root + "/sys/fs/cgroup/memory", path, "/memory.limit_in_bytes",
                   "/memory.usage_in_bytes", "total_inactive_file "};
    }
    if (controllers.empty())
      unified = {root + "/sys/fs/cgroup", path, "/memory.max", "/memory.current", "inactive_file "};
  }
  return unified;
}

struct Limits {
  uint64_t smallest;  // octets
  uint64_t percent;   // of the limit that is nearest
};

// Our group and those around it, up to the root: each may have a limit. In a container the path may
// be one of the host's, of which only the root can be seen.
void visit_groups(Group group, uint64_t machine, Limits& limits) {
  while (true) {
    if (group.path == "/") group.path.clear();
    const std::string folder = group.base + group.path;
    const auto text = read_text(folder + std::string(group.limit));
    const auto limit = text ? number_of(*text) : std::nullopt;  // "max" is none
    if (limit && *limit > 0 && *limit < machine) {
      limits.smallest = std::min(limits.smallest, *limit);
      const auto usage = read_text(folder + std::string(group.usage));
      const auto used = usage ? number_of(*usage) : std::nullopt;
      const auto stat = read_text(folder + "/memory.stat");
      const uint64_t droppable = stat ? field(*stat, group.droppable).value_or(0) : 0;
      if (used) {
        limits.percent =
            std::max(limits.percent, percent_of(*used - std::min(*used, droppable), *limit));
      }
    }
    if (group.path.empty()) return;
    group.path.resize(group.path.rfind('/') == std::string::npos ? 0 : group.path.rfind('/'));
  }
}

}  // namespace

uint64_t percent_of(uint64_t part, uint64_t whole) {
  if (whole == 0) return 0;
  if (part >= whole) return 100;
  return static_cast<uint64_t>(static_cast<__uint128_t>(part) * 100 / whole);
}

MemoryUse read_memory(const std::string& root) {
  const auto meminfo = read_text(root + "/proc/meminfo");
  const auto total = meminfo ? kilobytes(*meminfo, "MemTotal:") : std::nullopt;
  if (!total || *total == 0) return {};
  Limits limits{*total, 0};
  if (const auto text = read_text(root + "/proc/self/cgroup")) {
    if (auto group = find_group(root, *text)) visit_groups(std::move(*group), *total, limits);
  }
  MemoryUse use;
  if (const auto available = kilobytes(*meminfo, "MemAvailable:")) {
    use.system_percent =
        std::max(percent_of(*total - std::min(*total, *available), *total), limits.percent);
  }
  const auto status = read_text(root + "/proc/self/status");
  const auto anonymous = status ? kilobytes(*status, "RssAnon:") : std::nullopt;
  if (anonymous) {
    const uint64_t swapped = kilobytes(*status, "VmSwap:").value_or(0);
    use.private_percent = percent_of(*anonymous + swapped, limits.smallest);
  }
  return use;
}

std::optional<DiskUse> read_disk(const std::string& folder) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
  const uint64_t used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
  return DiskUse{used + disk.f_bavail * disk.f_frsize, used};
}

}  // namespace relais::admin
