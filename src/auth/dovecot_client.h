// Verifies by Dovecot's SASL socket (`service auth { unix_listener ... }`), so any directory that
// Dovecot knows works: one connection and one thread, requests side by side. The connection is made
// when it is first needed, and again when it has broken; while there is none, the answer is
// kUnavailable at once. No connection is asked for longer than kConnectionAgeMs: a Dovecot that was
// stopped or reloaded leaves its old process to the clients that it has, with the old settings, for
// as long as they stay. Limits: kWaitMax requests, kAnswerWithin each.
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
  static constexpr int kConnectionAgeMs = 5'000;

  DovecotClient(std::string socket, Tell tell, int connection_age_ms = kConnectionAgeMs);
  ~DovecotClient() override;
  [[nodiscard]] bool submit(Request request) override;

 private:
  struct Asked {
    Request request;
    int64_t until_ms = 0;
  };
  struct Link {
    int fd = -1;
    int64_t since_ms = 0;
    DovecotDialogue dialogue;
    std::map<uint32_t, Asked> asked = {};
  };
  void work(const std::stop_token& stop);
  void renew();
  void take_requests();
  void connect();
  void disconnect(Link& link, const std::string& why);
  void wait_for_events();
  void send(Link& link);
  void receive(Link& link);
  void answer(Link& link, const DovecotDialogue::Answer& answer);
  void give_up_late_ones(Link& link);

  std::string path_;
  Tell tell_;
  int connection_age_ms_;
  int wake_ = -1;  // an eventfd

  std::mutex mutex_;
  std::deque<Request> waiting_;  // by mutex_
  size_t pending_ = 0;           // by mutex_: waiting and asked

  // ---- of the thread
  Link link_;    // of what is asked next
  Link former_;  // it still owes answers
  uint32_t next_id_ = 1;
  std::string told_;  // the last problem: told once
  std::jthread thread_;
};

}  // namespace relais::auth
