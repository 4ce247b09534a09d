#include "main/config_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "admin/notices.h"

namespace relais {
namespace {

constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
// What a mounted ConfigMap swaps to change all its files at one instant.
constexpr std::string_view kSwapped = "..data";

}  // namespace

bool ConfigWatch::Watched::is_ours(std::string_view name) const {
  if (name == kSwapped || std::ranges::find(files, name) != files.end()) return true;
  return any_toml && name.ends_with(".toml") && !name.starts_with('.');
}

void ConfigWatch::start(const std::string& folder, const std::string& address_book) {
  if (fd_ < 0) fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0) {
    admin::notice("watch_config: {}; changes take effect with SIGHUP", std::strerror(errno));
    return;
  }
  namespace fs = std::filesystem;
  std::vector<Watched> wanted;
  wanted.push_back({.folder = folder, .files = {"relais.toml", "connectors"}});
  wanted.push_back({.folder = folder + "/connectors", .files = {}, .any_toml = true});
  if (!address_book.empty()) {
    const fs::path book(address_book);
    std::error_code failed;
    const std::string parent = book.has_parent_path() ? book.parent_path().string() : ".";
    if (fs::equivalent(parent, folder, failed)) {
      wanted.front().files.push_back(book.filename().string());
    } else {
      wanted.push_back({.folder = parent, .files = {book.filename().string()}});
    }
  }
  for (Watched& fresh : wanted) {
    const auto old = std::ranges::find(folders_, fresh.folder, &Watched::folder);
    if (old == folders_.end()) continue;
    fresh.id = old->id;
    fresh.broken = old->broken;
  }
  folders_ = std::move(wanted);
  // Folders that are new to us are no change.
  const std::string before = changed_;
  watch_again();
  changed_ = before;
}

void ConfigWatch::stop() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  folders_.clear();
  changed_.clear();
}

// The same folder has the same number; another one in its place has another.
void ConfigWatch::watch_again() {
  for (Watched& watched : folders_) {
    const int id = inotify_add_watch(fd_, watched.folder.c_str(), kEvents);
    if (id < 0 && !watched.broken) {
      admin::notice("watch_config: {}: {}; changes in it take effect with SIGHUP", watched.folder,
                    std::strerror(errno));
    }
    watched.broken = id < 0;
    if (id == watched.id) continue;
    watched.id = id;
    if (id >= 0) on_change(watched.folder);
  }
}

void ConfigWatch::on_change(std::string file) {
  if (changed_.empty()) first_ = now_;
  last_ = now_;
  changed_ = std::move(file);
}

void ConfigWatch::on_event(int id, std::string_view name) {
  // One folder may be watched for two reasons.
  for (const Watched& watched : folders_) {
    if (watched.id != id || !watched.is_ours(name)) continue;
    std::string file = watched.folder;
    if (!file.ends_with('/')) file += '/';
    return on_change(file += name);
  }
}

void ConfigWatch::read_events() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = read(fd_, buffer.data(), buffer.size());
    if (count <= 0) return;
    for (const char* at = buffer.data(); at < buffer.data() + count;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* const name = at + sizeof event;
      if ((event.mask & IN_Q_OVERFLOW) != 0 && !folders_.empty())
        on_change(folders_.front().folder);
      if (event.len > 0) on_event(event.wd, std::string_view(name, strnlen(name, event.len)));
      at = name + event.len;
    }
  }
}

void ConfigWatch::look(Instant now) {
  if (fd_ < 0) return;
  now_ = now;
  read_events();
  watch_again();
}

std::optional<std::string> ConfigWatch::take_change(Instant now) {
  const auto left = time_left(now);
  if (!left || *left > Duration{}) return std::nullopt;
  return std::exchange(changed_, {});
}

void ConfigWatch::forget() {
  if (fd_ < 0) return;
  read_events();
  changed_.clear();
}

std::optional<Duration> ConfigWatch::time_left(Instant now) const {
  if (changed_.empty()) return std::nullopt;
  return std::max(std::min(last_ + kQuiet, first_ + kAtMost) - now, Duration{});
}

}  // namespace relais
