#include "admin/replay_log.h"

#include <algorithm>

namespace relais::admin {
namespace {

// Where a line says when its session began: clocks are adjusted, and times are cut to milliseconds.
constexpr Duration kSameBeginning = milliseconds(500);
// Where it does not: the usual connection_inactivity_timeout.
constexpr Duration kSilentMax = minutes(5);

WallTime earlier(WallTime time, Duration by) { return {time.ns - by.ns}; }

Duration time_between(WallTime a, WallTime b) { return a < b ? b - a : a - b; }

std::string_view recipient_domain(std::string_view address) {
  const size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

}  // namespace

size_t ReplayLog::EndpointHash::operator()(const Endpoint& endpoint) const {
  uint64_t hash = endpoint.address.high() * 0x9e3779b97f4a7c15;
  hash = (hash ^ endpoint.address.low()) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ hash >> 31 ^ endpoint.port) * 0x94d049bb133111eb;
  return hash ^ hash >> 29;
}

uint32_t ReplayLog::name_of(std::string_view name) {
  const auto [at, fresh] =
      ids_.try_emplace(std::string(name), static_cast<uint32_t>(names_.size()));
  if (fresh) names_.push_back(at->first);
  return at->second;
}

uint32_t ReplayLog::session_of(const LogEvent& event, LoggedConnector& was) {
  const WallTime began = earlier(event.time, event.since_mail);
  const WallTime opened = event.session_age ? earlier(event.time, *event.session_age) : began;
  const auto next = static_cast<uint32_t>(sessions_.size());
  const auto [at, fresh] = newest_.try_emplace(event.client, next);
  if (!fresh) {
    Session& known = sessions_[at->second];
    const bool same = event.session_age ? time_between(known.opened, opened) < kSameBeginning
                                        : time_between(known.last, began) < kSilentMax;
    // Who is refused at the door has no session to go on with.
    if (same && event.command != "connect") {
      known.last = std::max(known.last, event.time);
      return at->second;
    }
    at->second = next;
  }
  sessions_.push_back({.client = event.client,
                       .local = event.local.value_or(Endpoint{}),
                       .has_local = event.local.has_value(),
                       .connector = name_of(event.connector),
                       .opened = opened,
                       .last = event.time});
  ++was.connections;
  add_step(Step::Kind::kConnection, opened, next, event);
  return next;
}

void ReplayLog::add_step(Step::Kind kind, WallTime time, uint32_t session, const LogEvent& event) {
  Step step{.time = time,
            .session = session,
            .sender = 0,
            .first_recipient = static_cast<uint32_t>(domains_.size()),
            .recipients = 0,
            .size = event.size.value_or(0),
            .kind = kind};
  if (kind != Step::Kind::kConnection) step.sender = name_of(event.sender);
  if (kind == Step::Kind::kMessage || kind == Step::Kind::kRecipient) {
    step.recipients = static_cast<uint32_t>(event.recipients.size());
    for (const std::string& recipient : event.recipients)
      domains_.push_back(name_of(recipient_domain(recipient)));
  }
  steps_.push_back(step);
}

void ReplayLog::add_refusal(const LogEvent& event, uint32_t session, LoggedConnector& was) {
  if (event.limit.empty()) return;
  const bool closed = event.code == 421;
  LoggedLimit& limit = was.limits[event.limit];
  ++(closed ? limit.closed : limit.deferred);
  if (event.command == "connect") {
    ++was.connections_refused;
  } else if (event.command == "RCPT") {
    ++was.recipients_refused;
    add_step(Step::Kind::kRecipient, event.time, session, event);
  } else if (event.command == "MAIL" || event.command == "DATA" || event.command == "BDAT") {
    ++was.messages;
    ++(closed ? was.closed : was.deferred);
    add_step(Step::Kind::kAttempt, event.time, session, event);
  }
}

bool ReplayLog::add(const LogEvent& event) {
  using Kind = LogEvent::Kind;
  if (event.kind == Kind::kOther) return false;
  if (!event.local) ++without_local_;
  auto found = was_.find(event.connector);
  if (found == was_.end()) found = was_.emplace(event.connector, LoggedConnector{}).first;
  LoggedConnector& was = found->second;
  const uint32_t session = session_of(event, was);
  switch (event.kind) {
    case Kind::kMessage:
      ++was.messages;
      ++was.accepted;
      add_step(Step::Kind::kMessage, earlier(event.time, event.since_mail), session, event);
      break;
    case Kind::kRefused:
      add_refusal(event, session, was);
      break;
    case Kind::kLimited: {
      LoggedLimit& limit = was.limits[event.limit];
      ++(event.shadow ? limit.shadowed_sessions : limit.delayed_sessions);
      if (!event.shadow) ++was.delayed_sessions;
      break;
    }
    case Kind::kOther:
      break;
  }
  return true;
}

}  // namespace relais::admin
