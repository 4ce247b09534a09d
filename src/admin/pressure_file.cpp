#include "admin/pressure_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

namespace relais::admin {
namespace {

constexpr size_t kBlock = 4096;
constexpr int kReads = 5;

}  // namespace

std::string pressure_path(const std::string& data_dir) { return data_dir + "/resources.json"; }

Result<void> write_pressure(const std::string& data_dir, const PressureReport& report) {
  std::string text = to_json(report);
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\n');
  const int fd = open(pressure_path(data_dir).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(error_from_errno(errno));
  const ssize_t written = pwrite(fd, text.data(), text.size(), 0);
  const int number = written < 0 ? errno : ENOSPC;
  const bool whole = written == static_cast<ssize_t>(text.size()) &&
                     ftruncate(fd, static_cast<off_t>(text.size())) == 0;
  close(fd);
  if (!whole) return std::unexpected(error_from_errno(number));
  return {};
}

std::optional<PressureReport> read_pressure(const std::string& data_dir) {
  for (int i = 0; i < kReads; ++i) {
    std::ifstream file(pressure_path(data_dir), std::ios::binary);
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    if (auto report = pressure_report_from_json(std::move(text).str())) return report;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return std::nullopt;
}

}  // namespace relais::admin
