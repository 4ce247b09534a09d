#include "admin/process_figures.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace relais::admin {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<uint64_t> count_descriptors() {
  std::error_code failed;
  std::filesystem::directory_iterator entry("/proc/self/fd", failed);
  uint64_t count = 0;
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed))
    ++count;
  if (failed || count == 0) return std::nullopt;
  return count - 1;  // the one that we read the folder with
}

}  // namespace

ProcessFigures read_process_figures() {
  ProcessFigures figures;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  std::ifstream statm("/proc/self/statm");  // in pages: size, resident, ...
  uint64_t size = 0;
  uint64_t resident = 0;
  if (statm >> size >> resident) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    figures.virtual_octets = size * page;
    figures.resident_octets = resident * page;
  }
  figures.open_descriptors = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.descriptors_max = limit.rlim_cur;
  return figures;
}

double read_process_start() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return 0;
  // The name of the program stands in parentheses and may hold anything; behind it field 3 begins.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;  // since boot
  if (!(fields >> ticks)) return 0;
  const double since_boot = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + since_boot;
}

}  // namespace relais::admin
