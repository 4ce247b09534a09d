#include "admin/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "admin/limit_metrics.h"
#include "base/prng.h"
#include "config/settings.h"
#include "policy/ascii.h"
#include "policy/connector_table.h"
#include "policy/limits.h"

namespace relais::admin {
namespace {

using policy::Charges;
using policy::LimitVerdict;
using policy::LiveLimit;
using policy::Measure;
using Step = ReplayLog::Step;

// Buckets must not be left alone for months of the log's time (policy/bucket.h).
constexpr Duration kReplaySweep = hours(24);
// The clock begins here: an Instant of 0 means "never" in some places.
constexpr Instant kReplayStart{seconds(1).ns};
constexpr uint32_t kNobody = UINT32_MAX;

// The same results each time; nobody can choose keys for a log that has been written.
std::array<char, 192> replay_secret() {
  Prng random(192);
  std::array<char, 192> bytes{};
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

bool in_log(Measure measure) {
  return measure == Measure::kConnections || measure == Measure::kMessages ||
         measure == Measure::kRecipients || measure == Measure::kBytes;
}

struct AddressHash {
  size_t operator()(const IpAddress& address) const {
    const uint64_t hash =
        (address.high() ^ address.low() * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    return hash ^ hash >> 30;
  }
};

void add_counts(ReplayCounts& sum, const ReplayCounts& one) {
  sum.delayed += one.delayed;
  sum.deferred += one.deferred;
  sum.closed += one.closed;
  sum.shadowed += one.shadowed;
  sum.delay = sum.delay + one.delay;
  sum.longest = std::max(sum.longest, one.longest);
}

// Counters of a bucket, before and after a charge.
struct CountersOf {
  explicit CountersOf(const policy::LimitState& state)
      : delayed(state.delayed.load(std::memory_order_relaxed)),
        deferred(state.deferred.load(std::memory_order_relaxed)),
        closed(state.closed.load(std::memory_order_relaxed)),
        shadowed(state.shadowed.load(std::memory_order_relaxed)),
        delayed_ns(state.delayed_ns.load(std::memory_order_relaxed)) {}
  uint64_t delayed, deferred, closed, shadowed, delayed_ns;
};

class Player {
 public:
  Player(const ReplayLog& log, const config::Model& model, size_t sources)
      : log_(log),
        model_(model),
        sources_(sources),
        limits_(model.limits.table_memory, replay_secret()),
        set_(limits_.compile(model.receive_connectors, kReplayStart,
                             model.server.max_connection_rate_per_minute)),
        table_(policy::ConnectorTable::compile(model.receive_connectors)) {}

  Replay play() && {
    make_rows();
    choose_connectors();
    take_steps();
    return finish();
  }

 private:
  // One limit (all its steps) with what is only needed on the way.
  struct Tally {
    size_t connector;  // in out_.connectors
    size_t limit;      // in its limits
    std::unordered_map<IpAddress, ReplayCounts, AddressHash> sources;
  };
  struct Seat {
    uint32_t connector = kNobody;  // in the model
    const LiveLimit* told = nullptr;
    WallTime free;  // nothing more comes from it before
  };
  struct Postponed {
    WallTime at;
    size_t order;
    bool operator>(const Postponed& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  void make_rows();
  void add_limits(size_t row, uint32_t slot);
  void add_was();
  void choose_connectors();
  void take_steps();
  void take_step(const Step& step, WallTime at);
  void on_connection(const Step& step);
  void on_message(const Step& step);
  void on_refused_recipient(const Step& step);
  LimitVerdict charge(uint32_t slot, Measure measure, const policy::LimitSubject& subject,
                      uint64_t n, Charges& charges);
  void pace(uint32_t slot, const policy::LimitSubject& subject, uint64_t octets);
  void tell(const LimitVerdict& verdict);
  void note(const LiveLimit& live, const CountersOf& before, bool asked, const IpAddress& client);
  template <class Ask>
  LimitVerdict watched(uint32_t slot, Measure measure, const IpAddress& client, Ask&& ask);
  Replay finish();

  [[nodiscard]] ReplayLimit& limit_of(const Tally& tally) {
    return out_.connectors[tally.connector].limits[tally.limit];
  }
  [[nodiscard]] Tally& tally_of(const LiveLimit& live) {
    return tallies_[by_state_.at(live.state)];
  }
  [[nodiscard]] Instant clock() const { return kReplayStart + (now_ - out_.from); }
  [[nodiscard]] policy::LimitSubject subject_of(const Step& step) const;
  [[nodiscard]] size_t server_row() const { return model_.receive_connectors.size(); }

  const ReplayLog& log_;
  const config::Model& model_;
  size_t sources_;
  policy::Limits limits_;
  std::shared_ptr<const policy::LimitSet> set_;
  policy::ConnectorTable table_;
  Replay out_;
  std::vector<Tally> tallies_;
  std::unordered_map<const policy::LimitState*, size_t> by_state_;
  std::vector<Seat> seats_;  // by session
  // ---- of the step that is being taken
  WallTime now_;
  Seat* seat_ = nullptr;
  Duration wait_;  // that it has met so far
};

void Player::make_rows() {
  for (const auto& connector : model_.receive_connectors)
    out_.connectors.emplace_back().name = connector.name;
  out_.connectors.emplace_back();
  for (size_t i = 0; i < model_.receive_connectors.size(); ++i) add_limits(i, set_->slots()[i]);
  add_limits(server_row(), policy::LimitSet::server_slot());
  add_was();
}

void Player::add_limits(size_t row, uint32_t slot) {
  ReplayConnector& connector = out_.connectors[row];
  for (size_t measure = 0; measure < policy::kMeasures; ++measure) {
    for (const LiveLimit& live : set_->limits(slot, static_cast<Measure>(measure))) {
      std::string name = live.limit->shown_name();
      // The parameter message_rate_limit may be two limits, by source and by user.
      std::string terms = config::allowance_text(*live.limit);
      const auto known = std::ranges::find(connector.limits, name, &ReplayLimit::name);
      size_t tally = tallies_.size();
      if (known == connector.limits.end()) {
        ReplayLimit& limit = connector.limits.emplace_back();
        limit.name = std::move(name);
        limit.terms = std::move(terms);
        limit.replayed = in_log(live.limit->measure);
        tallies_.push_back({row, connector.limits.size() - 1, {}});
      } else {
        const auto index = static_cast<size_t>(known - connector.limits.begin());
        const auto same = std::ranges::find_if(tallies_, [&](const Tally& other) {
          return other.connector == row && other.limit == index;
        });
        tally = static_cast<size_t>(same - tallies_.begin());
      }
      by_state_[live.state] = tally;
    }
  }
}

// What the log says, beside the row of the same name.
void Player::add_was() {
  for (const auto& [name, logged] : log_.was()) {
    auto row = std::ranges::find(out_.connectors, name, &ReplayConnector::name);
    if (row == out_.connectors.end()) {
      out_.connectors.emplace_back().name = name;
      row = out_.connectors.end() - 1;
    }
    row->was = {logged.connections,        logged.connections_refused,
                logged.messages,           logged.accepted,
                logged.deferred,           logged.closed,
                logged.recipients_refused, logged.delayed_sessions};
    for (const auto& [limit_name, was] : logged.limits) {
      auto limit = std::ranges::find(row->limits, limit_name, &ReplayLimit::name);
      if (limit == row->limits.end()) {
        row->limits.emplace_back().name = limit_name;
        limit = row->limits.end() - 1;
      }
      limit->was = was;
    }
  }
}

void Player::choose_connectors() {
  seats_.resize(log_.sessions().size());
  for (size_t i = 0; i < seats_.size(); ++i) {
    const ReplayLog::Session& session = log_.sessions()[i];
    if (session.has_local) {
      seats_[i].connector = table_.select(session.local, session.client.address).connector_index;
    } else {
      const std::string_view name = log_.name(session.connector);
      const auto found = std::ranges::find_if(model_.receive_connectors, [&](const auto& one) {
        return one.enabled && policy::equal_ignoring_case(one.name, name);
      });
      if (found != model_.receive_connectors.end())
        seats_[i].connector = static_cast<uint32_t>(found - model_.receive_connectors.begin());
    }
    if (seats_[i].connector == kNobody) ++out_.unserved;
  }
}

// In the order of time. What a held session would do only later waits in a heap meanwhile.
void Player::take_steps() {
  const std::vector<Step>& steps = log_.steps();
  std::vector<uint32_t> order(steps.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return steps[i].time; });
  if (order.empty()) return;
  out_.from = steps[order.front()].time;
  out_.until = steps[order.back()].time;
  WallTime swept = out_.from;
  std::priority_queue<Postponed, std::vector<Postponed>, std::greater<>> postponed;
  for (size_t next = 0; next < order.size() || !postponed.empty();) {
    const bool late = !postponed.empty() &&
                      (next == order.size() || postponed.top().at <= steps[order[next]].time);
    const size_t index = late ? postponed.top().order : next++;
    const Step& step = steps[order[index]];
    const WallTime at = late ? postponed.top().at : step.time;
    if (late) postponed.pop();
    if (const WallTime free = seats_[step.session].free; free > at) {
      postponed.push({free, index});
      continue;
    }
    if (at - swept > kReplaySweep) {
      swept = now_ = at;
      limits_.sweep(clock());
    }
    take_step(step, at);
  }
}

void Player::take_step(const Step& step, WallTime at) {
  now_ = at;
  seat_ = &seats_[step.session];
  wait_ = {};
  if (step.kind == Step::Kind::kAttempt) ++out_.unknown_sizes;
  if (seat_->connector == kNobody) {
    ReplayConnector::Outcome& nobody = out_.connectors[server_row()].would;
    if (step.kind == Step::Kind::kConnection) {
      ++nobody.connections;
      ++nobody.connections_refused;
    } else if (step.kind != Step::Kind::kRecipient) {
      ++nobody.messages;
      ++nobody.closed;
    }
    return;
  }
  switch (step.kind) {
    case Step::Kind::kConnection:
      on_connection(step);
      break;
    case Step::Kind::kMessage:
    case Step::Kind::kAttempt:
      on_message(step);
      break;
    case Step::Kind::kRecipient:
      on_refused_recipient(step);
      break;
  }
  seat_->free = now_ + wait_;
}

policy::LimitSubject Player::subject_of(const Step& step) const {
  policy::LimitSubject subject;
  subject.client = log_.sessions()[step.session].client.address;
  subject.sender = log_.name(step.sender);
  const size_t at = subject.sender.rfind('@');
  if (at != std::string_view::npos) subject.sender_domain = subject.sender.substr(at + 1);
  return subject;
}

// At accept (front/session_limits.cpp, may_connect): nothing is written to the log about a delay.
void Player::on_connection(const Step& step) {
  ReplayConnector::Outcome& would = out_.connectors[seat_->connector].would;
  ++would.connections;
  const policy::LimitSubject subject = subject_of(step);
  Charges unkept;
  charge(policy::LimitSet::server_slot(), Measure::kConnections, subject, 1, unkept);
  const LimitVerdict verdict =
      charge(set_->slots()[seat_->connector], Measure::kConnections, subject, 1, unkept);
  if (verdict.refused()) ++would.connections_refused;
}

// As front charges MAIL, each RCPT, and the content.
void Player::on_message(const Step& step) {
  ReplayConnector& row = out_.connectors[seat_->connector];
  const uint32_t slot = set_->slots()[seat_->connector];
  policy::LimitSubject subject = subject_of(step);
  const bool whole = step.kind == Step::Kind::kMessage;
  ++row.would.messages;
  Charges charges;
  LimitVerdict refused = charge(slot, Measure::kMessages, subject, 1, charges);
  if (!refused.refused()) {
    const LimitVerdict bytes = set_->ask(slot, Measure::kBytes, subject, 1, clock());
    if (bytes.refused()) {
      // ask() counts nothing.
      ReplayLimit& limit = limit_of(tally_of(*bytes.by));
      ReplayCounts one;
      ++(bytes.kind == LimitVerdict::Kind::kClose ? one.closed : one.deferred);
      add_counts(limit.would, one);
      add_counts(tally_of(*bytes.by).sources[subject.client], one);
      if (limit.first.ns == 0) limit.first = now_;
      refused = bytes;
    }
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < step.recipients && !refused.refused(); ++i) {
    subject.recipient_domain = log_.name(log_.domains()[step.first_recipient + i]);
    const LimitVerdict verdict = charge(slot, Measure::kRecipients, subject, 1, charges);
    if (!verdict.refused()) ++kept;
    if (verdict.refused()) ++row.would.recipients_refused;
    const bool none_left = i + 1 == step.recipients && kept == 0;
    if (verdict.kind == LimitVerdict::Kind::kClose || (verdict.refused() && none_left))
      refused = verdict;
  }
  if (!refused.refused() && whole) {
    pace(slot, subject, step.size);
    refused = charge(slot, Measure::kBytes, subject, step.size, charges);
  }
  if (refused.refused()) {
    set_->give_back(charges, clock());
    ++(refused.kind == LimitVerdict::Kind::kClose ? row.would.closed : row.would.deferred);
  } else {
    ++row.would.accepted;
  }
  if (wait_.ns == 0) return;
  ++row.delayed;
  row.delay = row.delay + wait_;
  row.longest = std::max(row.longest, wait_);
}

void Player::on_refused_recipient(const Step& step) {
  const uint32_t slot = set_->slots()[seat_->connector];
  policy::LimitSubject subject = subject_of(step);
  if (step.recipients > 0)
    subject.recipient_domain = log_.name(log_.domains()[step.first_recipient]);
  Charges charges;
  if (charge(slot, Measure::kRecipients, subject, 1, charges).refused())
    ++out_.connectors[seat_->connector].would.recipients_refused;
}

// Asks, and looks at what each limit of the measure has counted.
template <class Ask>
LimitVerdict Player::watched(uint32_t slot, Measure measure, const IpAddress& client, Ask&& ask) {
  if (!set_->has(slot, measure)) return {};
  const std::vector<LiveLimit>& all = set_->limits(slot, measure);
  constexpr size_t kMost = 128;  // 32 of a connector's own with 3 steps each, and Exchange's
  std::array<std::optional<CountersOf>, kMost> before;
  for (size_t i = 0; i < all.size() && i < kMost; ++i) before[i].emplace(*all[i].state);
  const LimitVerdict verdict = ask();
  for (size_t i = 0; i < all.size() && i < kMost; ++i)
    note(all[i], *before[i], all[i].step == 0, client);
  return verdict;
}

LimitVerdict Player::charge(uint32_t slot, Measure measure, const policy::LimitSubject& subject,
                            uint64_t n, Charges& charges) {
  const LimitVerdict verdict = watched(slot, measure, subject.client, [&] {
    return set_->charge(slot, measure, subject, n, clock(), charges);
  });
  if (measure != Measure::kConnections || verdict.shadow != nullptr) tell(verdict);
  if (verdict.kind == LimitVerdict::Kind::kDelay) wait_ = std::max(wait_, verdict.wait);
  return verdict;
}

// Content of limits that delay has arrived; the log is not told of the wait.
void Player::pace(uint32_t slot, const policy::LimitSubject& subject, uint64_t octets) {
  if (octets == 0) return;
  const LimitVerdict verdict = watched(slot, Measure::kBytes, subject.client, [&] {
    return set_->content(slot, subject, octets, clock());
  });
  if (verdict.kind == LimitVerdict::Kind::kDelay) wait_ = std::max(wait_, verdict.wait);
}

// The lines that the log would have (front/session_limits.cpp, tell_limited).
void Player::tell(const LimitVerdict& verdict) {
  if (verdict.shadow != nullptr && seat_->told != verdict.shadow) {
    seat_->told = verdict.shadow;
    ++limit_of(tally_of(*verdict.shadow)).shadowed_sessions;
  }
  if (verdict.kind != LimitVerdict::Kind::kDelay || seat_->told == verdict.by) return;
  seat_->told = verdict.by;
  const Tally& tally = tally_of(*verdict.by);
  ++limit_of(tally).delayed_sessions;
  ++out_.connectors[tally.connector].would.delayed_sessions;
}

void Player::note(const LiveLimit& live, const CountersOf& before, bool asked,
                  const IpAddress& client) {
  const CountersOf after(*live.state);
  Tally& tally = tally_of(live);
  ReplayLimit& limit = limit_of(tally);
  if (asked) ++limit.asked;
  ReplayCounts one{.delayed = after.delayed - before.delayed,
                   .deferred = after.deferred - before.deferred,
                   .closed = after.closed - before.closed,
                   .shadowed = after.shadowed - before.shadowed,
                   .delay = {static_cast<int64_t>(after.delayed_ns - before.delayed_ns)},
                   .longest = {}};
  one.longest = one.delay;
  // Content that is paced is told by its time alone.
  if (one.delay.ns > 0 && one.delayed == 0) one.delayed = 1;
  if (!one.any()) return;
  if (limit.first.ns == 0) limit.first = now_;
  add_counts(limit.would, one);
  add_counts(tally.sources[client], one);
}

Replay Player::finish() {
  out_.sessions = log_.sessions().size();
  out_.without_local = log_.without_local();
  for (const Tally& tally : tallies_) {
    std::vector<ReplayLimit::Source>& top = limit_of(tally).sources;
    for (const auto& [address, counts] : tally.sources) top.push_back({address, counts});
    const auto weight = [](const ReplayLimit::Source& source) {
      const ReplayCounts& counts = source.counts;
      return std::tuple(counts.deferred + counts.closed, counts.delayed, counts.shadowed);
    };
    std::ranges::sort(top, [&](const auto& a, const auto& b) {
      return weight(a) != weight(b) ? weight(a) > weight(b) : a.address < b.address;
    });
    if (top.size() > sources_) top.resize(sources_);
  }
  return std::move(out_);
}

}  // namespace

std::span<const std::string_view> replay_limits() {
  static constexpr std::string_view kSentences[] = {
      "Clients are taken to do what they did: who is refused is not seen to come back, and who was "
      "refused is seen to try again as often as it did.",
      "A client that is delayed goes on later in the same session; connections that it would have "
      "opened later come when they came.",
      "A client that the old limits slowed down would perhaps have been faster under the new ones.",
      "A message of a connection that would be refused, or of a session that would be closed, is "
      "judged as if it came in another one.",
      "A message is charged whole when its MAIL comes. Those that the old limits refused are "
      "charged without recipients and size, which the log does not have in full.",
      "Connections that neither brought a message nor were refused anything are not in the log.",
      "How many sessions there were at one time, commands, errors, failed AUTHs and TLS handshakes "
      "are not in the log: limits of these are listed, not replayed.",
      "The old limits' delays are in the log once a session and limit, so sessions are compared, "
      "not messages.",
      "Buckets are full at the beginning of the log.",
  };
  return kSentences;
}

Replay replay(const ReplayLog& log, const config::Model& model, size_t sources) {
  return Player(log, model, sources).play();
}

}  // namespace relais::admin
