#include "admin/protocol_log_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/result.h"

namespace relais::admin {
namespace {

constexpr std::string_view kPrefix = "RECV";
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDayDigits = 8;
constexpr Duration kDay = hours(24);
constexpr mode_t kLogMode = 0640;  // who writes to whom

int64_t day_of(WallTime now) { return now.ns / kDay.ns; }

// "20260131"
std::string day_text(int64_t day) {
  const std::string date = iso8601({day * kDay.ns});
  return date.substr(0, 4) + date.substr(5, 2) + date.substr(8, 2);
}

template <class Number>
bool read_digits(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

bool read_day(std::string_view text, int64_t& day) {
  int year = 0;
  unsigned month = 0;
  unsigned date = 0;
  if (text.size() != kDayDigits || !read_digits(text.substr(0, 4), year) ||
      !read_digits(text.substr(4, 2), month) || !read_digits(text.substr(6), date))
    return false;
  const std::chrono::year_month_day civil{std::chrono::year(year), std::chrono::month(month),
                                          std::chrono::day(date)};
  if (!civil.ok()) return false;
  day = std::chrono::sys_days(civil).time_since_epoch().count();
  return true;
}

std::string header(std::string_view version, WallTime now) {
  return fmt::format(
      "#Software: relais\n#Version: {}\n#Log-Type: SMTP Receive Protocol Log\n#Date: {}\n"
      "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,"
      "event,data,context\n",
      version, iso8601(now));
}

std::string reason(int number) { return std::string(describe(error_from_errno(number))); }

// So many of the first octets of whole lines as fit into `room`, but at least one line.
size_t fitting(std::string_view lines, uint64_t room) {
  if (lines.size() <= room) return lines.size();
  const size_t end = room == 0 ? std::string_view::npos : lines.rfind('\n', room - 1);
  return end != std::string_view::npos ? end + 1 : lines.find('\n') + 1;
}

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

ProtocolLogFiles::ProtocolLogFiles(config::ProtocolLogSettings settings, std::string version)
    : settings_(std::move(settings)), version_(std::move(version)) {}

ProtocolLogFiles::~ProtocolLogFiles() { close(); }

void ProtocolLogFiles::configure(config::ProtocolLogSettings settings) {
  if (settings.folder != settings_.folder) {
    close();
    looked_ = false;
  }
  settings_ = std::move(settings);
}

void ProtocolLogFiles::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

// Unreadable: as empty; who cannot read it cannot write there either, and hears that.
std::vector<ProtocolLogFiles::File> ProtocolLogFiles::files() const {
  std::vector<File> found;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(settings_.folder, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    std::string_view middle(name);
    middle.remove_prefix(kPrefix.size());
    middle.remove_suffix(kSuffix.size());
    File file{.name = name};
    if (middle.size() < kDayDigits + 2 || middle[kDayDigits] != '-' ||
        !read_day(middle.substr(0, kDayDigits), file.day) ||
        !read_digits(middle.substr(kDayDigits + 1), file.number))
      continue;
    std::error_code gone;
    file.octets = entry->file_size(gone);
    if (!gone) found.push_back(std::move(file));
  }
  std::ranges::sort(found, {}, [](const File& file) { return std::tuple(file.day, file.number); });
  return found;
}

void ProtocolLogFiles::remove(const File& file) const {
  unlink((settings_.folder + '/' + file.name).c_str());
}

// Before a new file: it may become as large as a file may.
void ProtocolLogFiles::make_room(WallTime now) {
  clean(now);
  std::vector<File> kept = files();
  uint64_t octets = settings_.max_file_size;
  for (const File& file : kept) octets += file.octets;
  for (const File& file : kept) {
    if (octets <= settings_.max_folder_size) return;
    remove(file);
    octets -= file.octets;
  }
}

void ProtocolLogFiles::clean(WallTime now) {
  for (const File& file : files()) {
    const WallTime ended{(file.day + 1) * kDay.ns};
    if (now - ended <= settings_.max_age) return;
    if (fd_ < 0 || file.name != file_.name) remove(file);
  }
}

// What is wrong; empty: the file for a line of now with room for so many octets is open.
std::string ProtocolLogFiles::open_for(size_t octets, WallTime now) {
  const int64_t day = day_of(now);
  const bool fits = file_.octets + octets <= settings_.max_file_size;
  // A clock that is set back does not begin a file for each line.
  if (fd_ >= 0 && file_.day >= day && fits) return {};
  close();
  return begin(day, now);
}

std::string ProtocolLogFiles::begin(int64_t day, WallTime now) {
  std::error_code failed;
  std::filesystem::create_directories(settings_.folder, failed);
  if (failed) return fmt::format("{}: {}", settings_.folder, reason(failed.value()));
  const std::vector<File> known = files();
  uint64_t number = 1;
  for (const File& file : known) {
    if (file.day != day) continue;
    number = file.number + 1;
    // Of an earlier process.
    if (looked_ || &file != &known.back() || file.octets >= settings_.max_file_size) continue;
    looked_ = true;
    if (open(file, now).empty()) return {};
  }
  looked_ = true;
  make_room(now);
  return open({.name = fmt::format("{}{}-{:04}{}", kPrefix, day_text(day), number, kSuffix),
               .day = day,
               .number = number},
              now);
}

std::string ProtocolLogFiles::open(const File& file, WallTime now) {
  const std::string path = settings_.folder + '/' + file.name;
  fd_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLogMode);
  if (fd_ < 0) return fmt::format("{}: {}", path, reason(errno));
  file_ = file;
  if (file_.octets == 0) {
    std::string problem = append(header(version_, now));
    if (problem.empty()) return {};
    close();
    remove(file);  // or each attempt would leave one
    return problem;
  }
  char last = 0;
  const auto end = static_cast<off_t>(file_.octets) - 1;
  if (pread(fd_, &last, 1, end) == 1 && last == '\n') return {};
  // A process that was killed, or a machine.
  close();
  return fmt::format("{} ends in the middle of a line", path);
}

// All or nothing.
std::string ProtocolLogFiles::append(std::string_view text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t more = ::write(fd_, text.data() + written, text.size() - written);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      const int number = more < 0 ? errno : ENOSPC;
      const auto before = static_cast<off_t>(file_.octets);
      // What cannot be taken back would be half a line: the next one begins another file.
      if (written > 0 && ftruncate(fd_, before) != 0) file_.octets = settings_.max_file_size;
      return fmt::format("{}/{}: {}", settings_.folder, file_.name, reason(number));
    }
    written += static_cast<size_t>(more);
  }
  file_.octets += text.size();
  return {};
}

ProtocolLogFiles::Written ProtocolLogFiles::write(std::string_view lines, WallTime now) {
  Written written;
  while (!lines.empty()) {
    const size_t first = lines.find('\n') + 1;
    written.problem = open_for(first, now);
    std::string_view part;
    if (written.problem.empty()) {
      const uint64_t max = settings_.max_file_size;
      part = lines.substr(0, fitting(lines, max > file_.octets ? max - file_.octets : 0));
      written.problem = append(part);
    }
    if (!written.problem.empty()) {
      written.dropped = count_lines(lines);
      return written;
    }
    written.lines += count_lines(part);
    lines.remove_prefix(part.size());
  }
  return written;
}

}  // namespace relais::admin
