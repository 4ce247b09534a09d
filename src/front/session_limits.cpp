// A session and its limits: what it is charged and given back, how it is held back, and how long
// its errors wait (tarpit). Charges are made on the newest limits; sessions keep only their slot.
#include <algorithm>

#include "base/assert.h"
#include "front/front.h"
#include "front/limit_reply.h"

namespace relais::front {
namespace {

using policy::LimitVerdict;
using policy::Measure;

}  // namespace

bool Front::is_limited(const Session& session, Measure measure) const {
  return limits_ != nullptr && limits_->has(session.limit_slot, measure);
}

policy::LimitSubject Front::subject_of(const Session& session) const {
  policy::LimitSubject subject;
  subject.client = session.remote.address;
  subject.user = session.user;
  const smtp::Transaction& transaction = session.server.transaction();
  if (transaction.has_sender()) {
    subject.sender = transaction.sender();
    const size_t at = subject.sender.rfind('@');
    if (at != std::string_view::npos) subject.sender_domain = subject.sender.substr(at + 1);
  }
  return subject;
}

std::string Front::limit_id() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(8, '0');
  uint64_t number = ids_.next();
  for (char& digit : id) {
    digit = kDigits[number & 15];
    number >>= 4;
  }
  return id;
}

// Tells and counts what a verdict means; true: it has been refused, and answered.
bool Front::limited(Session& session, const LimitVerdict& verdict, std::string_view command,
                    std::string_view recipient) {
  if (verdict.shadow != nullptr)
    tell_limited(session, *verdict.shadow, verdict.shadow_level, {}, true);
  if (verdict.kind == LimitVerdict::Kind::kPass) return false;
  if (verdict.kind == LimitVerdict::Kind::kDelay) {
    tell_limited(session, *verdict.by, verdict.level, verdict.wait, false);
    if (session.dialogue != nullptr)
      note(session, tarpit_text(verdict.wait), verdict.by->limit->shown_name());
    hold(session, verdict.wait, session.server.output().size());
    return false;
  }
  const Measure measure = verdict.by->limit->measure;
  const bool ends = measure == Measure::kCommands || measure == Measure::kErrors;
  const LimitRefusal refusal(verdict, session.receive_connector().name, limit_id(), ends);
  const smtp::Reply& reply = refusal.reply;
  observer_.on_refused(client_of(session), command, session.server.transaction(), recipient, reply,
                       refusal.reason);
  note(session, refusal.reason, "refused");
  if (session.server.awaits_answer()) {
    session.server.answer({.reply = reply, .close = reply.code == 421});
  } else {
    session.server.shut(reply);
  }
  return true;
}

// One line a session and limit: who is paced is paced at each message.
void Front::tell_limited(Session& session, const policy::LiveLimit& limit,
                         const policy::LimitLevel& level, Duration wait, bool shadow) {
  if (session.told_of == limit.state) return;
  session.told_of = limit.state;
  observer_.on_limited(client_of(session), session.server.transaction(), limit, level, wait, shadow,
                       limit_id());
}

// Replies behind the first `free` octets of output, and all input, wait.
void Front::hold(Session& session, Duration wait, size_t free) {
  if (wait.ns <= 0) return;
  const Instant until = loop_.now() + wait;
  if (!session.held()) {
    session.free_output = free;
  } else if (until <= session.held_until) {
    return;
  }
  session.held_until = until;
  arm_timer(session, until);
}

void Front::release(Session& session) {
  session.held_until = {};
  session.free_output = 0;
}

bool Front::may_send(Session& session, const smtp::Event& event) {
  const uint32_t slot = session.limit_slot;
  if (!is_limited(session, Measure::kMessages) && !is_limited(session, Measure::kBytes))
    return true;
  policy::LimitSubject subject = subject_of(session);
  subject.sender = event.path.address;
  subject.sender_domain = event.path.domain;
  ASSERT(session.message_charges.empty());
  if (limited(session,
              limits_->charge(slot, Measure::kMessages, subject, 1, loop_.now(),
                              session.message_charges),
              "MAIL", {}))
    return false;
  const uint64_t octets = std::max<uint64_t>(event.size, 1);
  const LimitVerdict bytes = limits_->ask(slot, Measure::kBytes, subject, octets, loop_.now());
  if (!bytes.refused()) return true;
  limited(session, bytes, "MAIL", {});
  give_back(session, 0);
  return false;
}

bool Front::may_address(Session& session, const smtp::Event& event) {
  session.charges_before_recipient = session.message_charges.size();
  if (!is_limited(session, Measure::kRecipients)) return true;
  policy::LimitSubject subject = subject_of(session);
  subject.recipient_domain = event.path.domain;
  return !limited(session,
                  limits_->charge(session.limit_slot, Measure::kRecipients, subject, 1, loop_.now(),
                                  session.message_charges),
                  "RCPT", event.path.address);
}

// What has been charged so is never given back.
LimitVerdict Front::charge_for_good(const Session& session, Measure measure, uint64_t n) {
  const LimitVerdict verdict =
      limits_->charge(session.limit_slot, measure, subject_of(session), n, loop_.now(), unkept_);
  unkept_.clear();
  return verdict;
}

// Before content of a size that nobody knows: is there anything left?
bool Front::may_begin_content(Session& session) {
  if (!is_limited(session, Measure::kBytes)) return true;
  const LimitVerdict verdict =
      limits_->ask(session.limit_slot, Measure::kBytes, subject_of(session), 1, loop_.now());
  return !verdict.refused() || !limited(session, verdict, session.server.content_verb(), {});
}

// Whole messages, for the limits that refuse. What they let pass is never given back.
bool Front::may_keep(Session& session) {
  session.uncharged_content = false;
  if (!is_limited(session, Measure::kBytes)) return true;
  const LimitVerdict verdict =
      charge_for_good(session, Measure::kBytes, session.server.content_size());
  return !limited(session, verdict, session.server.content_verb(), {});
}

// Content of a message that comes to nothing was work all the same.
void Front::charge_lost_content(Session& session) {
  if (!std::exchange(session.uncharged_content, false)) return;
  if (!is_limited(session, Measure::kBytes)) return;
  limits_->spend(session.limit_slot, subject_of(session), session.server.content_size(),
                 loop_.now());
}

void Front::pace_content(Session& session, uint64_t octets) {
  if (octets == 0 || !is_limited(session, Measure::kBytes)) return;
  const LimitVerdict verdict =
      limits_->content(session.limit_slot, subject_of(session), octets, loop_.now());
  if (verdict.kind == LimitVerdict::Kind::kDelay)
    hold(session, verdict.wait, session.server.output().size());
}

// Charges of the message that is being taken, from the index on.
void Front::give_back(Session& session, size_t from) {
  if (session.message_charges.size() <= from) return;
  policy::Charges charges(session.message_charges.begin() + static_cast<std::ptrdiff_t>(from),
                          session.message_charges.end());
  session.message_charges.resize(from);
  limits_->give_back(charges, loop_.now());
}

// A command has come. One that is delayed runs when its time has come.
void Front::on_command(Session& session, std::string_view line) {
  if (session.dialogue != nullptr) show_command(session, line);
  if (!is_limited(session, Measure::kCommands))
    return session.server.answer({smtp::replies::kNoop});
  const LimitVerdict verdict = charge_for_good(session, Measure::kCommands, 1);
  if (!limited(session, verdict, "command", {})) session.server.answer({smtp::replies::kNoop});
}

// A 5xx has been answered, behind `replies_before` octets of output. One too many takes its place.
// `tarpit`: how long it waits, of a failed logon; else tarpit_interval says.
void Front::on_error_reply(Session& session, size_t replies_before,
                           std::optional<Duration> tarpit) {
  if (is_limited(session, Measure::kErrors)) {
    const LimitVerdict verdict = charge_for_good(session, Measure::kErrors, 1);
    if (verdict.refused()) {
      session.server.output_buffer().resize(replies_before);
    } else if (verdict.kind == LimitVerdict::Kind::kDelay) {
      hold(session, verdict.wait, replies_before);
    }
    limited(session, verdict, "error", {});
  }
  const std::string_view whose = tarpit ? "auth_tarpit_interval" : "";
  if (!tarpit && session.tarpitted) tarpit = session.receive_connector().tarpit_interval;
  if (!tarpit || tarpit->ns == 0) return;
  if (session.dialogue != nullptr) note(session, tarpit_text(*tarpit), whose);
  hold(session, *tarpit, replies_before);
}

// How many connections there may be, and how many may begin. The verdict that refuses, if any.
std::optional<LimitVerdict> Front::refusal_of_connection(const Endpoint& local,
                                                         const Endpoint& remote,
                                                         const policy::Selection& selection,
                                                         Admission& admission) {
  if (limits_ == nullptr) return std::nullopt;
  policy::LimitSubject subject;
  subject.client = remote.address;
  const auto refuse = [&](const LimitVerdict& verdict) {
    limits_->give_back(admission.charges, loop_.now());
    return verdict;
  };
  // Who has made too many errors does not get more by coming again.
  const LimitVerdict errors =
      limits_->ask(admission.slot, Measure::kErrors, subject, 1, loop_.now());
  if (errors.refused()) return refuse(errors);
  for (const Measure measure : {Measure::kConcurrent, Measure::kConnections}) {
    policy::Charges& charges = measure == Measure::kConcurrent ? admission.charges : unkept_;
    const LimitVerdict verdict =
        limits_->charge(admission.slot, measure, subject, 1, loop_.now(), charges);
    unkept_.clear();
    if (verdict.shadow != nullptr) {
      observer_.on_limited(client_at_connect(local, remote, selection), {}, *verdict.shadow,
                           verdict.shadow_level, {}, true, limit_id());
    }
    if (verdict.kind == LimitVerdict::Kind::kDelay)
      admission.wait = std::max(admission.wait, verdict.wait);
    if (verdict.refused()) return refuse(verdict);
  }
  return std::nullopt;
}

// When it begins. False: refused and closed.
bool Front::may_connect(int fd, const Endpoint& local, const Endpoint& remote,
                        const policy::Selection& selection, Admission& admission) {
  const auto verdict = refusal_of_connection(local, remote, selection, admission);
  if (!verdict) return true;
  const LimitRefusal refusal(*verdict, selection.connector->name, limit_id(), true);
  refuse_connection(fd, local, remote, selection, refusal.reply, refusal.reason);
  return false;
}

// The server-wide rate of connections: how long the next ones wait. Nobody is refused.
Duration Front::pace_connection() {
  if (limits_ == nullptr) return {};
  constexpr uint32_t kServer = policy::LimitSet::server_slot();
  const LimitVerdict verdict =
      limits_->charge(kServer, Measure::kConnections, {}, 1, loop_.now(), unkept_);
  unkept_.clear();
  return verdict.wait;
}

}  // namespace relais::front
