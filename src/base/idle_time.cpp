#include "base/idle_time.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace relais {
namespace {

// The next word as a number, which is taken off the text.
std::optional<int64_t> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<Duration> idle_time_in(std::string_view stat, Duration tick,
                                     std::span<const uint32_t> cpus) {
  std::optional<Duration> sum;
  while (!stat.empty()) {
    std::string_view line = stat.substr(0, stat.find('\n'));
    stat.remove_prefix(std::min(line.size() + 1, stat.size()));
    if (!line.starts_with("cpu")) break;  // they come first
    line.remove_prefix(3);
    if (line.starts_with(' ')) continue;  // of all
    const auto cpu = take_number(line);
    std::optional<int64_t> fields[5];  // user, nice, system, idle, waiting for a disk
    for (auto& field : fields) field = take_number(line);
    if (!cpu || !fields[4]) return std::nullopt;
    if (std::ranges::find(cpus, *cpu) == cpus.end()) continue;
    sum = Duration{sum.value_or(Duration{}).ns + (*fields[3] + *fields[4]) * tick.ns};
  }
  return sum;
}

std::optional<Duration> idle_time(std::span<const uint32_t> cpus) {
  std::ifstream file("/proc/stat");
  std::string text;
  for (std::string line; std::getline(file, line) && line.starts_with("cpu");) text += line + '\n';
  return idle_time_in(text, {1'000'000'000 / sysconf(_SC_CLK_TCK)}, cpus);
}

}  // namespace relais
