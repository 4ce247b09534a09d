#include "admin/usage_keeper.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "admin/notices.h"
#include "admin/usage_file.h"

namespace relais::admin {
namespace {

constexpr Duration kWriteEvery = seconds(3);
constexpr int64_t kWriteShare = 20;  // writing takes one part in so many of the time
constexpr Duration kForgetEvery = hours(24);

}  // namespace

void UsageKeeper::begin(int64_t pid) {
  UsageRead read = read_usage_file(data_dir_);
  if (!read.problem.empty()) {
    const std::string path = usage_path(data_dir_);
    const std::string aside = path + ".damaged";
    const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
    notice("{}: {}. It is {} and counting begins anew", path, read.problem,
           moved ? "kept as " + aside : "replaced");
  } else {
    totals_ = std::move(read.totals);
  }
  if (totals_.counted_since.ns == 0) totals_.counted_since = kernel_.wall_now();
  totals_.pid = pid;
  totals_.end_sessions();
  counted_until_ = kernel_.now();
  write();
}

// Cores hand over at times of their own, so the one that did so longest ago says how old it all is.
void UsageKeeper::collect() {
  Instant until = kernel_.now();  // before looking: what happens meanwhile is later
  for (const auto& tray : trays_) {
    UsageTray::Taken taken = tray->take();
    until = std::min(until, taken.owed_since.value_or(until));
    for (auto& table : taken.tables) {
      totals_.add(*table);
      since_start_.add(*table, UsageTotals::Ranges::kLeaveOut);
      changed_ = true;
      table->clear();
      tray->give_back(std::move(table));
    }
  }
  counted_until_ = std::max(counted_until_, until);
}

std::vector<upstream::HostFigures> UsageKeeper::upstreams() const {
  std::vector<upstream::HostFigures> sum;
  for (const auto& tray : trays_) {
    for (const upstream::HostFigures& host : tray->upstreams()) upstream::add_to(sum, host);
  }
  return sum;
}

CoreFigures UsageKeeper::cores() const {
  CoreFigures sum;
  for (const auto& tray : trays_) sum.add(tray->figures());
  return sum;
}

void UsageKeeper::tick() {
  collect();
  if (changed_ && kernel_.now() >= next_write_) write();
}

void UsageKeeper::finish() {
  collect();
  totals_.end_sessions();
  totals_.pid = 0;
  write();
}

void UsageKeeper::write() {
  const Instant began = kernel_.now();
  totals_.updated = kernel_.wall_now();
  if (totals_.updated >= next_forget_) {
    totals_.forget(totals_.updated);
    next_forget_ = totals_.updated + kForgetEvery;
  }
  const Result<void> written = write_usage(data_dir_, totals_);
  if (!written && !broken_) {
    notice("cannot write {}: {}; counting goes on, the file stays as it was", usage_path(data_dir_),
           describe(written.error()));
  }
  if (written && broken_) notice("{} is being written again", usage_path(data_dir_));
  broken_ = !written;
  changed_ = !written;
  const Instant now = kernel_.now();
  next_write_ = std::max(began + kWriteEvery, now + (now - began) * kWriteShare);
}

}  // namespace relais::admin
