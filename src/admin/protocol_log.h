// Writes what the cores' dialogues of Verbose connectors say to the files of the protocol log: a
// thread of its own, less urgent than the cores. Mail never waits for it: lines that it cannot
// take or write are dropped, counted, told on standard error once, and marked in the file
// (`#Dropped:`).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "admin/dialogue_tray.h"
#include "admin/protocol_log_figures.h"
#include "admin/protocol_log_files.h"
#include "config/model.h"
#include "ring/kernel.h"

namespace relais::admin {

class ProtocolLog {
 public:
  // Octets that wait for the disk, of all cores together.
  static constexpr size_t kTrayMax = 8 << 20;

  // `kernel`: for its clock, which any thread may read. `version`: the program's.
  ProtocolLog(ring::Kernel& kernel, std::string version)
      : kernel_(kernel), version_(std::move(version)) {}
  ~ProtocolLog() { finish(); }
  ProtocolLog(const ProtocolLog&) = delete;
  ProtocolLog& operator=(const ProtocolLog&) = delete;

  // Where cores put their lines; outlives this.
  [[nodiscard]] const std::shared_ptr<DialogueTray>& tray() const { return tray_; }
  // Begins, or goes on otherwise.
  void configure(const config::Model& model);
  // Writes what there is; no core puts any more.
  void finish();
  [[nodiscard]] ProtocolLogFigures figures() const;

 private:
  void serve();
  void take_settings();
  void write(const DialogueBatch& batch);
  void write_lines(std::string_view text);
  void drop(uint64_t lines, const std::string& problem);

  ring::Kernel& kernel_;
  const std::string version_;
  std::shared_ptr<DialogueTray> tray_ = std::make_shared<DialogueTray>(kTrayMax);
  std::atomic<uint64_t> lines_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::optional<config::ProtocolLogSettings> fresh_;  // not taken yet
  std::thread thread_;

  // ---- the thread's
  std::optional<ProtocolLogFiles> files_;
  uint64_t unmarked_ = 0;  // dropped, and the file does not say so yet
  bool broken_ = false;    // said so already
  Instant dropped_at_{};   // the last ones
};

}  // namespace relais::admin
