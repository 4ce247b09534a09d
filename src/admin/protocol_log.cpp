#include "admin/protocol_log.h"

#include <fmt/format.h>

#include <utility>

#include "admin/notices.h"
#include "base/gentle_thread.h"

namespace relais::admin {
namespace {

// Files become too old also while nobody says anything.
constexpr int64_t kCleanEveryMs = 3'600'000;
// Without a drop, until it is said that all is well: a disk that is nearly full takes a line now
// and then.
constexpr Duration kWellFor = seconds(5);

}  // namespace

void ProtocolLog::configure(const config::Model& model) {
  config::ProtocolLogSettings settings = model.protocol_log;
  if (settings.folder.empty()) settings.folder = model.server.data_dir + "/protocol";
  {
    const std::lock_guard lock(mutex_);
    fresh_ = std::move(settings);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
}

void ProtocolLog::finish() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  tray_->wake();
  thread_.join();
}

ProtocolLogFigures ProtocolLog::figures() const {
  return {.lines = lines_.load(std::memory_order_relaxed),
          .dropped = dropped_.load(std::memory_order_relaxed)};
}

void ProtocolLog::take_settings() {
  std::optional<config::ProtocolLogSettings> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh = std::exchange(fresh_, std::nullopt);
  }
  if (!fresh) return;
  if (files_) {
    files_->configure(std::move(*fresh));
  } else {
    files_.emplace(std::move(*fresh), version_);
  }
}

void ProtocolLog::serve() {
  go_gently("protocol-log");
  take_settings();
  files_->clean(kernel_.wall_now());
  bool last = false;
  while (!last) {
    last = stopping_;
    const auto batches = last ? tray_->take() : tray_->wait(kCleanEveryMs);
    take_settings();
    for (const DialogueBatch& batch : batches) write(batch);
    if (batches.empty()) files_->clean(kernel_.wall_now());
  }
}

void ProtocolLog::write(const DialogueBatch& batch) {
  if (!batch.text.empty()) write_lines(batch.text);
  if (batch.dropped > 0) drop(batch.dropped, "the disk is too slow");
}

void ProtocolLog::write_lines(std::string_view text) {
  const WallTime now = kernel_.wall_now();
  if (unmarked_ > 0) {
    const std::string mark = fmt::format("#Dropped: {} {} lines\n", iso8601(now), unmarked_);
    if (files_->write(mark, now).problem.empty()) unmarked_ = 0;
  }
  const auto written = files_->write(text, now);
  lines_.fetch_add(written.lines, std::memory_order_relaxed);
  if (written.dropped > 0) return drop(written.dropped, written.problem);
  if (!broken_ || kernel_.now() - dropped_at_ < kWellFor) return;
  broken_ = false;
  notice("the protocol log is being written again; {} lines were dropped so far",
         dropped_.load(std::memory_order_relaxed));
}

void ProtocolLog::drop(uint64_t lines, const std::string& problem) {
  unmarked_ += lines;
  dropped_at_ = kernel_.now();
  dropped_.fetch_add(lines, std::memory_order_relaxed);
  if (!std::exchange(broken_, true))
    notice("the protocol log: {}; mail goes on, lines of it are dropped", problem);
}

}  // namespace relais::admin
