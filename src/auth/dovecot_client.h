// Verifies by Dovecot's SASL socket (`service auth { unix_listener ... }`), so any directory that
// Dovecot knows works: one connection and one thread, requests side by side. The connection is made
// when it is first needed, and again when it has broken; while there is none, the answer is
// kUnavailable at once. Limits: kWaitMax requests, kAnswerWithin each.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "auth/authenticator.h"
#include "auth/dovecot.h"
#include "base/clock.h"

namespace relais::auth {

class DovecotClient final : public Authenticator {
 public:
  static constexpr size_t kWaitMax = 1000;
  static constexpr int kAnswerWithinMs = 30'000;

  DovecotClient(std::string socket, Tell tell);
  ~DovecotClient() override;
  [[nodiscard]] bool submit(Request request) override;

 private:
  struct Asked {
    Request request;
    int64_t until_ms = 0;
  };
  void work(const std::stop_token& stop);
  [[nodiscard]] bool connect();
  void disconnect(const std::string& why);
  void take_requests();
  [[nodiscard]] bool wait_for_events();
  [[nodiscard]] bool send();
  [[nodiscard]] bool receive();
  void answer(const DovecotDialogue::Answer& answer);
  void give_up_late_ones();

  std::string path_;
  Tell tell_;
  int wake_ = -1;  // an eventfd

  std::mutex mutex_;
  std::deque<Request> waiting_;  // by mutex_
  size_t pending_ = 0;           // by mutex_: of waiting_ and asked_

  // ---- of the thread
  int fd_ = -1;
  DovecotDialogue dialogue_;
  uint32_t next_id_ = 1;
  std::map<uint32_t, Asked> asked_;
  std::string told_;  // the last problem: told once
  std::jthread thread_;
};

}  // namespace relais::auth
