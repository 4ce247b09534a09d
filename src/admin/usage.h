// Counts who uses which connector and which of its ranges: the front's observer on one core. It
// counts into a table of its own, without lock or atomic, and hands the table to the main thread
// about a second after the first event in it (UsageTray); the main thread sums the cores and writes
// the file (usage_keeper.h). A core that nobody uses and whose queue is empty arms no timer. Cannot
// fail.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "admin/core_figures.h"
#include "admin/usage_table.h"
#include "base/clock.h"
#include "front/observer.h"
#include "ring/loop.h"
#include "upstream/figures.h"

namespace relais::admin {

// Between one core and the main thread: full tables one way, empty ones back, and how the core
// stands. Once a second at most, so a lock does not matter. It outlives the core, whose last table
// lies here.
class UsageTray {
 public:
  // The core: an empty table for a full one.
  [[nodiscard]] std::unique_ptr<UsageTable> exchange(std::unique_ptr<UsageTable> full);
  void put(const CoreFigures& figures, std::vector<upstream::HostFigures> upstreams);
  // What happens from `since` on is not here yet; nullopt: nothing happens.
  void owe(std::optional<Instant> since);
  // The main thread.
  struct Taken {
    std::vector<std::unique_ptr<UsageTable>> tables;
    std::optional<Instant> owed_since;  // they have all that was before; nullopt: before now
  };
  [[nodiscard]] Taken take();
  void give_back(std::unique_ptr<UsageTable> empty);
  [[nodiscard]] CoreFigures figures() const;
  [[nodiscard]] std::vector<upstream::HostFigures> upstreams() const;

 private:
  mutable std::mutex mutex_;
  CoreFigures figures_;
  std::vector<upstream::HostFigures> upstreams_;
  std::vector<std::unique_ptr<UsageTable>> full_;
  std::vector<std::unique_ptr<UsageTable>> empty_;
  std::optional<Instant> owed_since_;
};

class Usage final : public front::Observer {
 public:
  Usage(ring::Loop& loop, std::shared_ptr<UsageTray> tray);
  ~Usage() override;  // hands over what is left
  Usage(const Usage&) = delete;
  Usage& operator=(const Usage&) = delete;

  void on_opened(const front::Client& client) override;
  void on_closed(const front::Client& client) override;
  void on_taken(const front::Client& client, const smtp::Transaction& transaction, const Guid& id,
                uint64_t octets, const smtp::Reply& reply, Duration since_mail) override;
  void on_turned_away(const front::Client& client, std::string_view reason) override;
  void on_refused(const front::Client& client, std::string_view command,
                  const smtp::Transaction& transaction, std::string_view recipient,
                  const smtp::Reply& reply, std::string_view reason) override;

  // The hand-over is due.
  void on_completion(const ring::Completion& completion);
  // How the core stands, whenever a hand-over is due and at the start. While it is busy, the next
  // one comes without a client's doing, too.
  void report(const CoreFigures& figures, std::vector<upstream::HostFigures> upstreams);

 private:
  [[nodiscard]] UsageTable::Place at(const front::Client& client);
  void count_refusal(const front::Client& client, Refusal refusal, std::string_view reply,
                     std::string_view reason);
  void hand_over();
  void arm();

  ring::Loop& loop_;
  std::shared_ptr<UsageTray> tray_;
  std::unique_ptr<UsageTable> table_;
  ring::TimerId timer_;
};

}  // namespace relais::admin
