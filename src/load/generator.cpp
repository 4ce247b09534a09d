// What is to be done, and when: the clock, the seats, and which connection gets the next message.
#include "load/generator.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::load {
namespace {

constexpr Duration kSweep = milliseconds(250);
constexpr Duration kLook = milliseconds(500);
// How long what is under way may take once somebody has asked for the end.
constexpr Duration kStopPatience = seconds(5);
constexpr Duration kRetryFirst = milliseconds(100);
constexpr Duration kRetryLongest = seconds(2);
// So often in a row a target may turn us away before we believe that it always will.
constexpr uint32_t kFailuresMax = 10;

}  // namespace

Generator::Generator(ring::Loop& loop, ring::BufferGroup& buffers, const Plan& plan,
                     Watcher& watcher, const std::atomic<int>& stop)
    : loop_(loop),
      buffers_(buffers),
      plan_(plan),
      watcher_(watcher),
      stop_(stop),
      tally_(plan.targets.size()),
      random_(plan.seed),
      connections_(plan.sessions),
      targets_(plan.targets.size()) {}

Generator::~Generator() = default;

void Generator::run() {
  loop_.do_not_wait();  // a turn for the clock alone
  for (const ring::Completion& completion : loop_.turn()) dispatch(completion);
  start_ = loop_.now();
  last_progress_ = start_;
  next_look_ = start_ + kLook;
  tally_.count_from(start_ + plan_.warm_up);
  end_ = plan_.run_for.ns == 0 ? Instant{INT64_MAX} : tally_.from() + plan_.run_for;
  for (uint32_t seat = plan_.sessions; seat > 0; --seat) free_seats_.push_back(seat - 1);
  sweep();
  if (plan_.warm_up.ns == 0) begin_counting();
  look_at_clock();
  while (!is_done()) {
    const auto completions = loop_.turn();
    // Before anything begins: what does from here on counts.
    if (!counting_ && loop_.now() >= tally_.from()) begin_counting();
    for (const ring::Completion& completion : completions) dispatch(completion);
    look_at_clock();
  }
  finished_ = std::min(loop_.now(), end_);
  if (tally_.last() > finished_) finished_ = tally_.last();
}

Duration Generator::counted_time() const {
  return {std::max<int64_t>(0, (finished_ - tally_.from()).ns)};
}

bool Generator::is_done() const { return connections_.size() == 0 && (ended_ || all_given()); }

void Generator::dispatch(const ring::Completion& completion) {
  using ring::Operation;
  const ring::Token token = completion.token;
  if (token.operation == Operation::kLoadSweep) return sweep();
  if (token.operation == Operation::kLoadRetry) {
    --resting_;
    return free_seats_.push_back(token.handle.slot);
  }
  Connection* connection = connections_.get(token.handle);
  if (connection == nullptr) {
    if (completion.has_buffer) buffers_.give_back(completion.buffer);
    return;
  }
  switch (token.operation) {
    case Operation::kLoadConnect:
      return on_connect(*connection, completion);
    case Operation::kLoadReceive:
      return on_receive(*connection, completion);
    case Operation::kLoadSend:
      return on_send(*connection, completion);
    case Operation::kLoadClose:
      return retire(*connection);
    default:
      ASSERT(false);
  }
}

// ---- the clock

void Generator::look_at_clock() {
  const Instant now = loop_.now();
  if (!stopping_ && now >= end_) stopping_ = true;
  if (const int stop = stop_.load(std::memory_order_relaxed); stop > 0) heed(stop);
  if (hopeless_) end_now();
  if (plan_.rate) release_due();
  if (!ended_) open_seats();
  if (all_given()) send_home();
  if (now < next_look_) return;
  next_look_ = now + kLook;
  watcher_.look(tally_, now, connections_.size());
}

// Which message is the last, when a number was given, is known only now.
void Generator::begin_counting() {
  counting_ = true;
  watcher_.counting_begins();
  if (plan_.count == 0) return;
  const uint64_t early =
      plan_.rate ? plan_.rate->due_by({(tally_.from() - start_).ns - 1}) : begun_;
  first_never_ = early + plan_.count;
}

// Open loop: what is due by now, and when the next one is.
void Generator::release_due() {
  if (begins_no_more_) return;
  const Instant until = std::min(loop_.now(), Instant{end_.ns - 1});
  released_ = std::max(released_, std::min(plan_.rate->due_by(until - start_), first_never_));
  while (begun_ < released_ && !idle_.empty()) {
    Connection* connection = connections_.get(idle_.front());
    idle_.pop_front();
    if (connection == nullptr || !connection->idle) continue;
    connection->idle = false;
    give_work(*connection);
    send_more(*connection);
  }
  if (stopping_ || released_ >= first_never_) {
    if (all_due_at_.ns == 0) all_due_at_ = loop_.now();
    return;
  }
  const Instant next = start_ + plan_.rate->due(released_);
  if (next < end_) loop_.do_not_wait_beyond(next);
}

void Generator::heed(int stop) {
  if (give_up_at_.ns == 0) {
    begins_no_more_ = stopping_ = true;
    give_up_at_ = loop_.now() + kStopPatience;
    abandon_due();
  }
  if (stop > 1) end_now();
}

// Messages that are due will not be begun any more.
void Generator::abandon_due() {
  for (; begun_ < released_; ++begun_) {
    if (tally_.counts(start_ + plan_.rate->due(begun_))) tally_.not_begun(1);
  }
}

void Generator::end_now() {
  if (ended_) return;
  ended_ = stopping_ = true;
  abandon_due();
  connections_.for_each([&](Connection& connection) {
    if (!connection.closing) fail(connection, Step::kMessage, "the run was ended");
  });
}

// Who has waited for too long; and whether anything goes on at all.
void Generator::sweep() {
  const Instant now = loop_.now();
  if (ended_ && connections_.size() == 0) return;
  [[maybe_unused]] const ring::TimerId id =
      loop_.arm_timer(now + kSweep, {ring::Operation::kLoadSweep, {0, 0}});
  connections_.for_each([&](Connection& connection) {
    if (connection.closing) return;
    const bool waits = !connection.ready || connection.dialogue.waits();
    if (waits && now - connection.heard > plan_.patience)
      fail(connection, connection.dialogue.step_now(), "no answer in time");
  });
  if (give_up_at_.ns != 0 && now > give_up_at_) return end_now();
  // A server that is too slow by far must not make a run of a minute one of an hour.
  if (all_due_at_.ns != 0 && now > all_due_at_ + plan_.patience) {
    begins_no_more_ = true;
    abandon_due();
  }
  if (all_given()) return;
  // Two sweeps more, so that what is known to be wrong is said instead.
  if (now - last_progress_ > plan_.patience + kSweep * 2 && !ended_) {
    problem_ = last_obstacle_.empty() ? "nothing went on for too long" : last_obstacle_;
    end_now();
  }
}

// ---- messages

bool Generator::all_given() const {
  if (!plan_.rate) return stopping_ || begun_ >= first_never_;
  return (stopping_ || released_ >= first_never_) && begun_ >= released_;
}

bool Generator::take_message(Instant& due) {
  if (ended_) return false;
  if (!plan_.rate) {
    if (all_given()) return false;
    due = loop_.now();
  } else {
    if (begun_ >= released_) return false;
    due = start_ + plan_.rate->due(begun_);
    tally_.late(due, loop_.now());
  }
  ++begun_;
  return true;
}

// What a connection that is ready does next: a message, the end, or nothing for now.
void Generator::give_work(Connection& connection) {
  Dialogue& dialogue = connection.dialogue;
  if (!connection.ready || connection.closing || !dialogue.can_begin()) return;
  const bool used_up =
      plan_.per_connection != 0 && connection.messages_begun >= plan_.per_connection;
  Instant due;
  if (!used_up && take_message(due)) return begin_message(connection, due);
  if (dialogue.in_flight() > 0) return;
  if (used_up || all_given() || stopping_) {
    dialogue.quit(loop_.now());
    connection.heard = loop_.now();
  } else {
    connection.idle = true;
    idle_.push_back(connections_.handle_of(&connection));
  }
}

void Generator::begin_message(Connection& connection, Instant due) {
  Message& message = connection.messages[connection.dialogue.in_flight()];
  connection.newest_header ^= 1;
  std::string& header = connection.headers[connection.newest_header];
  message = {.number = begun_ - 1, .body = &plan_.content->draw(random_), .due = due};
  plan_.content->write_header(header, *message.body, message.number, loop_.wall_now());
  message.octets = header.size() + message.body->sum.octets;
  ++connection.messages_begun;
  connection.heard = loop_.now();
  connection.dialogue.begin({.octets = message.octets, .eight_bit = message.body->eight_bit},
                            loop_.now());
}

// The oldest message of a connection has met its fate.
void Generator::decide(Connection& connection, const Verdict& verdict) {
  const Message& message = connection.messages[0];
  const Instant now = loop_.now();
  if (verdict.fate == Fate::kAccepted) {
    const auto asked = static_cast<uint32_t>(plan_.script.recipients.size());
    const auto refused = static_cast<uint32_t>(verdict.refused.size());
    tally_.accepted(connection.target, message.due, now, message.octets, {asked - refused, asked});
  } else {
    tally_.failed(connection.target, verdict.fate, message.due, now);
  }
  watcher_.decided(message, verdict);
  last_progress_ = now;
  connection.messages[0] = connection.messages[1];
}

// Nothing more will come: those that wait for work say goodbye.
void Generator::send_home() {
  for (; !idle_.empty(); idle_.pop_front()) {
    Connection* connection = connections_.get(idle_.front());
    if (connection == nullptr || !connection->idle) continue;
    connection->idle = false;
    give_work(*connection);
    send_more(*connection);
  }
}

// ---- seats

// A closed loop fills all of its seats. An open one opens as many as it has messages for, but one
// for each target, so that they share the load from the beginning.
void Generator::open_seats() {
  if (!plan_.rate) {
    while (!free_seats_.empty() && !all_given() && begun_ + connecting_ < first_never_)
      if (!open()) return;
    return;
  }
  const auto wanted = std::min<uint64_t>(plan_.targets.size(), plan_.sessions);
  while (!free_seats_.empty() && !all_given() &&
         (opened_ < wanted || begun_ + connecting_ < released_)) {
    if (!open()) return;
  }
}

// A connection that never came to be of use.
void Generator::unreachable(Connection& connection, std::string_view why, bool for_good) {
  TargetState& target = targets_[connection.target];
  ++target.failures;
  last_obstacle_ = plan_.targets[connection.target].name + ": ";
  last_obstacle_ += why;
  connection.rests = true;
  if (target.was_ready || (!for_good && target.failures < kFailuresMax)) return;
  target.is_hopeless = true;
  const bool all =
      std::ranges::all_of(targets_, [](const TargetState& t) { return t.is_hopeless; });
  if (!all || ended_) return;
  problem_ = last_obstacle_;
  hopeless_ = true;
}

// Its seat is free; behind a failure only after a while.
void Generator::leave_seat(const Connection& connection) {
  if (!connection.rests) return free_seats_.push_back(connection.seat);
  ++resting_;
  const uint32_t failures = std::max(1U, targets_[connection.target].failures);
  [[maybe_unused]] const ring::TimerId id =
      loop_.arm_timer(loop_.now() + growing_wait(kRetryFirst, kRetryLongest, failures),
                      {ring::Operation::kLoadRetry, {connection.seat, 0}});
}

}  // namespace relais::load
