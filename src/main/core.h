// One core: a thread's worth of everything. Owns the loop and the rooms' objects, dispatches
// completions (core.cpp's switch is the table of contents of the program), and carries events from
// room to room. Made and run on its own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/dialogue_feed.h"
#include "admin/message_log.h"
#include "admin/observers.h"
#include "admin/usage.h"
#include "config/model.h"
#include "front/front.h"
#include "relay/relay.h"
#include "ring/loop.h"
#include "ring/mailbox.h"
#include "spool/spool.h"
#include "tls/handshakes.h"

namespace relais {

// What the mailbox brings with Letter::Kind::kPolicy.
struct PolicyLetter {
  std::shared_ptr<const front::ServingPolicy> policy;
  std::vector<front::Listener> listeners;               // of this core
  std::shared_ptr<const policy::LimitSet> limits = {};  // null: none
};

class Core {
 public:
  struct Options {
    uint16_t index = 0;
    uint64_t guid_salt = 0;
    relay::HopSecurities hop_security = {};                  // by Send connector
    uint32_t step_events = 64;                               // see Front
    tls::Handshakes* handshakes = nullptr;                   // outlives the core; null: on it
    std::shared_ptr<admin::DialogueTray> protocol_log = {};  // null: none
  };

  // An error: `problem` says what could not be made. `model` must outlive the core.
  static Result<std::unique_ptr<Core>> create(ring::Kernel& kernel, const config::Model& model,
                                              front::Neighbours& neighbours, const Options& options,
                                              std::string& problem);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // One turn. False: drained, everything is on disk, and there is nothing left to do.
  [[nodiscard]] bool turn();
  void run() {
    while (turn()) {
    }
  }

  void apply(PolicyLetter letter);
  void drain();

  [[nodiscard]] ring::Mailbox& mailbox() { return *mailbox_; }
  // What it counts; outlives the core.
  [[nodiscard]] const std::shared_ptr<admin::UsageTray>& usage_tray() const { return usage_tray_; }
  [[nodiscard]] const spool::Spool& spool() const { return *spool_; }
  [[nodiscard]] const front::Front& front() const { return *front_; }
  [[nodiscard]] const relay::Relay& relay() const { return *relay_; }
  [[nodiscard]] const ring::Loop& loop() const { return *loop_; }

 private:
  Core() = default;
  void dispatch(const ring::Completion& completion);
  void on_letters();
  void report();
  void on_pressure(const ring::Letter& letter);
  void on_spool_event(const spool::Event& event);
  void settle();
  [[nodiscard]] bool finished();

  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<ring::Mailbox> mailbox_;
  std::unique_ptr<admin::MessageLog> log_;
  std::shared_ptr<admin::UsageTray> usage_tray_ = std::make_shared<admin::UsageTray>();
  std::unique_ptr<admin::Usage> usage_;
  std::unique_ptr<admin::Observers> observers_;
  std::unique_ptr<admin::DialogueFeed> dialogues_;
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<front::Front> front_;
  std::unique_ptr<relay::Relay> relay_;
  uint16_t index_ = 0;
  Duration drain_timeout_;
  bool draining_ = false;
  bool time_is_up_ = false;
};

}  // namespace relais
