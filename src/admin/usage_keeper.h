// The main thread's part of counting: sums what the cores have put on their trays and keeps the
// file. tick() about once a second; it writes when something changed, every 3 s at most, and more
// rarely when writing takes long (a twentieth of the time at most). So kill -9 loses at most 5 s of
// counts. Failure: counting and mail go on, the file stays as it was, and that is said once. A file
// that cannot be read is set aside and counting begins anew.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/usage.h"
#include "admin/usage_totals.h"
#include "base/clock.h"
#include "ring/kernel.h"

namespace relais::admin {

class UsageKeeper {
 public:
  // `kernel`: for its clocks.
  UsageKeeper(ring::Kernel& kernel, std::string data_dir)
      : kernel_(kernel), data_dir_(std::move(data_dir)) {}

  // Reads the file and writes it again with our process id in it.
  void begin(int64_t pid);
  void add(std::shared_ptr<UsageTray> tray) { trays_.push_back(std::move(tray)); }
  void tick();
  // All cores have ended.
  void finish();

  [[nodiscard]] const UsageTotals& totals() const { return totals_; }
  // Of this life alone, by connector, without ranges.
  [[nodiscard]] const UsageTotals& since_start() const { return since_start_; }
  // The sum of what the cores have said last.
  [[nodiscard]] CoreFigures cores() const;
  [[nodiscard]] std::vector<upstream::HostFigures> upstreams() const;
  // All that happened before it is counted; of what came later, perhaps some. It never goes back.
  [[nodiscard]] Instant counted_until() const { return counted_until_; }

 private:
  void collect();
  void write();

  ring::Kernel& kernel_;
  std::string data_dir_;
  std::vector<std::shared_ptr<UsageTray>> trays_;
  UsageTotals totals_;
  UsageTotals since_start_;
  Instant counted_until_;
  Instant next_write_;
  WallTime next_forget_;
  bool changed_ = false;
  bool broken_ = false;  // said so already
};

}  // namespace relais::admin
