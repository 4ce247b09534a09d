// A message log as relais replay works on it: sessions and what they asked for, in a form that
// holds a million messages in some 100 MB; and beside it what the log says that limits did. Pure.
//
// A session is known by its client's address and port and by when it began (`session_ms`); in older
// logs, which do not say that, by the first two, and by not being silent for longer than a session
// may be.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admin/log_event.h"
#include "base/clock.h"
#include "base/ip.h"

namespace relais::admin {

// What one limit did, as far as the log tells it.
struct LoggedLimit {
  uint64_t delayed_sessions = 0;  // a line a session and limit, however often it had to wait
  uint64_t shadowed_sessions = 0;
  uint64_t deferred = 0;
  uint64_t closed = 0;
};

// And all limits of a connector.
struct LoggedConnector {
  uint64_t connections = 0;  // of which the log has a line
  uint64_t connections_refused = 0;
  uint64_t messages = 0;  // taken, or refused by a limit
  uint64_t accepted = 0;
  uint64_t deferred = 0;
  uint64_t closed = 0;
  uint64_t recipients_refused = 0;
  uint64_t delayed_sessions = 0;
  std::map<std::string, LoggedLimit, std::less<>> limits;
};

class ReplayLog {
 public:
  struct Session {
    Endpoint client;
    Endpoint local;
    bool has_local = false;
    uint32_t connector = 0;  // name() of what the log says
    WallTime opened;
    WallTime last;
  };
  struct Step {
    enum class Kind : uint8_t {
      kConnection,
      kMessage,    // that was taken
      kAttempt,    // of a message that a limit refused: who it was for and how large is not known
      kRecipient,  // that a limit refused
    };
    WallTime time;  // of MAIL, for a message
    uint32_t session = 0;
    uint32_t sender = 0;           // name()
    uint32_t first_recipient = 0;  // in domains()
    uint32_t recipients = 0;
    uint64_t size = 0;
    Kind kind = Kind::kConnection;
  };

  ReplayLog() { name_of({}); }
  // False: it says nothing that limits could be asked about.
  bool add(const LogEvent& event);

  [[nodiscard]] const std::vector<Session>& sessions() const { return sessions_; }
  // In the order of the log, which is nearly that of time.
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] std::string_view name(uint32_t id) const { return names_[id]; }
  // Of the recipients of all steps: names of their domains.
  [[nodiscard]] const std::vector<uint32_t>& domains() const { return domains_; }
  [[nodiscard]] const std::map<std::string, LoggedConnector, std::less<>>& was() const {
    return was_;
  }
  [[nodiscard]] uint64_t without_local() const { return without_local_; }

 private:
  struct EndpointHash {
    size_t operator()(const Endpoint& endpoint) const;
  };
  uint32_t name_of(std::string_view name);
  uint32_t session_of(const LogEvent& event, LoggedConnector& was);
  void add_refusal(const LogEvent& event, uint32_t session, LoggedConnector& was);
  void add_step(Step::Kind kind, WallTime time, uint32_t session, const LogEvent& event);

  std::vector<Session> sessions_;
  std::vector<Step> steps_;
  std::vector<uint32_t> domains_;
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<std::string_view> names_;  // into ids_
  std::unordered_map<Endpoint, uint32_t, EndpointHash> newest_;
  std::map<std::string, LoggedConnector, std::less<>> was_;
  uint64_t without_local_ = 0;
};

}  // namespace relais::admin
