#include "relay/relay.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/assert.h"

namespace relais::relay {
namespace {

// Readmitted at once when a route opens; the rest follows as these are finished.
constexpr size_t kReadmitted = JobQueue::kMax / 2;

constexpr std::string_view kExpired =
    "550 4.4.7 message expired: it could not be delivered in time";

}  // namespace

Relay::Relay(ring::Loop& loop, spool::Spool& spool, Observer& observer,
             const std::vector<config::SendConnector>& connectors, const Options& options,
             ring::BufferGroup& buffers)
    : desk_(loop, spool, observer, options.works_max),
      connectors_(connectors),
      options_(options),
      routing_(connectors, options.postmaster_domain),
      smart_hosts_(desk_, connectors, buffers,
                   {.ehlo_name = options.fqdn,
                    .sessions_max = options.connections_max,
                    .security = options.security}),
      maildirs_(desk_, connectors, options.failed_folder, options.fqdn),
      notices_(desk_, options.notices),
      parked_(connectors.size() + 1) {}

Result<std::unique_ptr<Relay>> Relay::create(ring::Loop& loop, spool::Spool& spool,
                                             Observer& observer,
                                             const std::vector<config::SendConnector>& connectors,
                                             const Options& options, std::string& problem) {
  // Buffers of their own: replies of next hops must come in even when all inbound buffers are
  // taken, since only deliveries free memory.
  const auto buffers = loop.add_buffers(options.receive_buffers, options.receive_buffer_octets);
  if (!buffers) {
    problem = "receive buffers";
    return std::unexpected(buffers.error());
  }
  std::unique_ptr<Relay> relay(new Relay(loop, spool, observer, connectors, options, **buffers));
  if (auto opened = relay->maildirs_.open_folders(problem); !opened)
    return std::unexpected(opened.error());
  return relay;
}

void Relay::adopt(const std::vector<Handle>& messages) {
  for (const Handle handle : messages) {
    const spool::Message* message = desk_.spool.find(handle);
    const Duration wait = message->state.next_attempt - desk_.loop.wall_now();
    if (wait.ns <= 0) {
      make_ready(handle);
      continue;
    }
    ++deferred_;
    // A clock that was set back must not keep mail: the wait is never longer than the longest one.
    const Duration bounded = std::min(wait, options_.retry.max);
    [[maybe_unused]] const auto timer =
        desk_.loop.arm_timer(desk_.loop.now() + bounded, {ring::Operation::kMessageTimer, handle});
  }
}

bool Relay::expired(WallTime received) const {
  return desk_.loop.wall_now() - received > options_.retry.expire_after;
}

Duration Relay::backoff(uint32_t attempts) const {
  return growing_wait(options_.retry.first, options_.retry.max, attempts);
}

bool Relay::route_open(uint32_t route) const {
  return maildirs_.serves(route) ? maildirs_.open(route) : smart_hosts_.open(route);
}

bool Relay::route_down(uint32_t route) const {
  return !maildirs_.serves(route) && smart_hosts_.down(route);
}

bool Relay::route_takes(uint32_t route, const Claim& claim) const {
  return maildirs_.serves(route) ? maildirs_.takes(route, claim) : smart_hosts_.takes(route, claim);
}

// ---- beginning

void Relay::make_ready(Handle handle) {
  const spool::Message* message = desk_.spool.find(handle);
  if (message == nullptr) return;
  const Claim claim = claim_of(desk_.spool, *message);
  ready_.push(claim.flow, claim.weight, claim.cost, handle);
}

void Relay::end_of_turn() {
  uint32_t checked = 0;
  while (smart_hosts_.take_retry(checked)) fail_expired(checked);
  for (uint32_t route = 0; route < parked_.size(); ++route) readmit(route);
  while (!draining_ && !ready_.empty() && can_start()) start(ready_.pop());
  smart_hosts_.pump();
  maildirs_.pump();
  notices_.pump();
  while (!desk_.finished.empty()) {
    Job* job = desk_.jobs.get(desk_.finished.front());
    ASSERT(job != nullptr);
    desk_.finished.pop_front();
    on_finished(*job);
  }
}

// A job for every two works is kept for failures.
bool Relay::can_start() const {
  return !desk_.works.full() && desk_.jobs.size() <= desk_.works.capacity();
}

void Relay::start(Handle message_handle) {
  const spool::Message* message = desk_.spool.find(message_handle);
  if (message == nullptr) return;
  Work* work = desk_.works.acquire();
  ASSERT(work != nullptr);
  const Handle handle = desk_.works.handle_of(work);
  work->message = message_handle;
  work->attempts = message->state.attempts;
  const uint32_t chunks = (message->envelope_octets + spool::kPayloadMax - 1) / spool::kPayloadMax;
  for (uint32_t i = 0; i < chunks; ++i) {
    if (!desk_.spool.load(message_handle, i, handle)) ++work->chunks_missing;
  }
  if (work->chunks_missing == 0) on_envelope(handle);
}

void Relay::on_spool_event(const spool::Event& event) {
  switch (event.kind) {
    case spool::Event::Kind::kCommitted:
      notices_.on_spool_event(event);
      return make_ready(event.message);
    case spool::Event::Kind::kFailed:
    case spool::Event::Kind::kSpace:
      return notices_.on_spool_event(event);
    case spool::Event::Kind::kLoaded:
    case spool::Event::Kind::kUnreadable:
      return on_chunk(event);
  }
}

void Relay::on_chunk(const spool::Event& event) {
  Work* work = desk_.works.get(event.owner);
  if (work == nullptr) return;
  const bool readable = event.kind == spool::Event::Kind::kLoaded;
  if (work->chunks_missing > 0) {
    if (!readable) {
      // The envelope is gone with the medium. What can be done is to say so and to keep trying: it
      // may be a loose cable.
      report(*work, nullptr, {}, Fate::kDeferred, {},
             "the message cannot be read back from the spool");
      return defer(*work);
    }
    if (--work->chunks_missing == 0) on_envelope(event.owner);
    return;
  }
  for (const Handle handle : work->jobs) {
    Job* job = desk_.jobs.get(handle);
    ASSERT(job != nullptr);
    if (job->carrier == Carrier::kSmartHost) smart_hosts_.on_chunk(*job, event.chunk, readable);
    if (job->carrier == Carrier::kMaildir) maildirs_.on_chunk(*job, event.chunk, readable);
    if (job->carrier == Carrier::kNotices) notices_.on_chunk(*job, event.chunk, readable);
  }
}

void Relay::on_envelope(Handle handle) {
  Work& work = *desk_.works.get(handle);
  const spool::Message* message = desk_.spool.find(work.message);
  ASSERT(message != nullptr);
  for (uint32_t i = 0; work.bytes.size() < message->envelope_octets; ++i) {
    // Between being loaded and being copied a chunk may have been dropped again for want of memory.
    if (!desk_.spool.load(work.message, i, handle)) {
      work.bytes.clear();
      work.chunks_missing = 1;
      return;
    }
    spool::BlockId block = spool::kNoBlock;
    const auto bytes = desk_.spool.pin(work.message, i, block);
    work.bytes.append(bytes.data(),
                      std::min(bytes.size(), message->envelope_octets - work.bytes.size()));
    desk_.spool.unpin(block);
  }
  auto envelope = spool::read_envelope(work.bytes);
  ASSERT(envelope.has_value());  // its CRC was good, so this is what we wrote
  work.envelope = std::move(*envelope);
  const auto count = static_cast<uint32_t>(work.envelope.recipients.size());
  desk_.spool.set_recipients(work.message, count);
  for (uint32_t i = 0; i < count; ++i) {
    if (!message->is_settled(i)) work.open.push_back(i);
  }
  dispatch(handle);
}

// One job for each route that the open recipients need.
void Relay::dispatch(Handle handle) {
  Work& work = *desk_.works.get(handle);
  const bool is_expired = expired(work.envelope.received);
  const Claim claim = claim_of(desk_.spool, *desk_.spool.find(work.message));
  std::map<uint32_t, std::vector<uint32_t>> routes;
  for (const uint32_t index : work.open) {
    routes[routing_.route_of(domain_of(work.envelope.recipients[index]))].push_back(index);
  }
  for (auto& [route, recipients] : routes) {
    if (route == kNoRoute && is_expired) {
      fail(work, recipients, "550 4.4.7 message expired: no send connector takes the domain");
    } else if (route == kNoRoute) {
      work.deferred = true;
      work.deferred_why = "no send connector has an address space for the domain";
      report(work, nullptr, recipients, Fate::kDeferred, {}, work.deferred_why);
    } else if (!route_takes(route, claim) || desk_.jobs.size() + 1 >= desk_.jobs.capacity()) {
      // Where too much waits, or a job is missing, it has a try yet to come.
      if (is_expired && route_down(route)) {
        fail(work, recipients, why_unreachable(route));
      } else {
        work.parked_on = route;
      }
    } else {
      enqueue(work, handle, route, std::move(recipients));
    }
  }
  if (work.jobs.empty()) finish(handle);
}

// Of a route that is down.
std::string Relay::why_unreachable(uint32_t route) const {
  std::string text = "550 4.4.7 message expired: the next hop could not be reached in time";
  const std::string_view why = smart_hosts_.why_down(route);
  if (!why.empty()) (text += ": ") += why;
  return text;
}

Job& Relay::add_job(Work& work, Handle handle, uint32_t route, std::vector<uint32_t> recipients) {
  Job* job = desk_.jobs.acquire();
  ASSERT(job != nullptr);
  job->work = &work;
  job->work_handle = handle;
  job->route = route;
  job->recipients = std::move(recipients);
  job->results.resize(job->recipients.size());
  const spool::Message& message = *desk_.spool.find(work.message);
  job->content_octets = message.content_octets();
  job->is_seven_bit = message.traits.seven_bit;
  job->claim = claim_of(desk_.spool, message);
  work.jobs.push_back(desk_.jobs.handle_of(job));
  return *job;
}

void Relay::enqueue(Work& work, Handle handle, uint32_t route, std::vector<uint32_t> recipients) {
  Job& job = add_job(work, handle, route, std::move(recipients));
  if (maildirs_.serves(route)) {
    maildirs_.enqueue(job);
  } else {
    smart_hosts_.enqueue(job);
  }
}

// Those whose sender is told first, then the others.
void Relay::enqueue_failures(Work& work, Handle handle) {
  const auto rest = std::ranges::stable_partition(
      work.failed, [&](const Outcome& outcome) { return is_told(work, outcome.recipient); });
  const bool tells = rest.begin() != work.failed.begin();
  const auto end = tells ? rest.begin() : work.failed.end();
  std::vector<Outcome> outcomes(std::make_move_iterator(work.failed.begin()),
                                std::make_move_iterator(end));
  work.failed.erase(work.failed.begin(), end);
  add_outcomes(work, handle, std::move(outcomes), tells);
}

void Relay::add_outcomes(Work& work, Handle handle, std::vector<Outcome> outcomes, bool tells) {
  std::vector<uint32_t> recipients;
  for (const Outcome& outcome : outcomes) recipients.push_back(outcome.recipient);
  Job& job = add_job(work, handle, maildirs_.failed_route(), std::move(recipients));
  job.outcomes = std::move(outcomes);
  if (tells) return notices_.enqueue(job);
  maildirs_.enqueue(job);
}

// ---- ending

void Relay::on_finished(Job& job) {
  const Handle handle = job.work_handle;
  Work& work = *desk_.works.get(handle);
  take_results(work, job);
  std::erase(work.jobs, desk_.jobs.handle_of(&job));
  desk_.jobs.release(&job);
  // The message may be gone with its last recipient.
  if (desk_.spool.find(work.message) == nullptr) return forget(work);
  if (work.jobs.empty()) finish(handle);
}

void Relay::take_results(Work& work, Job& job) {
  if (!job.outcomes.empty()) return take_kept(work, job);
  // Recipients with the same fate and words are told in one line.
  std::map<std::pair<Fate, std::string>, std::vector<uint32_t>> groups;
  std::vector<uint32_t> settled;
  const bool is_expired = expired(work.envelope.received);
  for (size_t i = 0; i < job.recipients.size(); ++i) {
    const RecipientResult& result = job.results[i];
    const uint32_t index = job.recipients[i];
    ASSERT(result.fate != Fate::kOpen);
    if (result.fate == Fate::kParked && is_expired && !draining_ && route_down(job.route)) {
      fail(work, {index}, why_unreachable(job.route));
    } else if (result.fate == Fate::kParked) {
      work.parked_on = job.route;
    } else if (result.fate == Fate::kFailed) {
      work.failed.push_back({.recipient = index,
                             .reply = result.reply,
                             .host = job.host,
                             .ours = result.ours,
                             .route = job.route});
    } else if (result.fate == Fate::kDeferred && is_expired) {
      work.failed.push_back({.recipient = index,
                             .reply = std::string(kExpired),
                             .host = job.host,
                             .last = result.reply,
                             .route = job.route});
    } else {
      groups[{result.fate, result.reply}].push_back(index);
      if (result.fate == Fate::kDelivered && !note_success(work, job, result, index))
        settled.push_back(index);
      if (result.fate == Fate::kDeferred) {
        work.deferred = true;
        work.deferred_why = result.reply;
      }
    }
  }
  for (const auto& [key, recipients] : groups)
    report(work, &job, recipients, key.first, job.host, key.second);
  if (!settled.empty()) desk_.spool.settle(work.message, settled);
}

// A notification is kept, or a copy in the failed folder; or it could not be, and is tried again,
// for ever: nothing is dropped but the news of a success, for which nobody should get the message
// twice.
void Relay::take_kept(Work& work, Job& job) {
  const RecipientResult& result = job.results.front();  // one for all
  const bool is_kept = result.fate == Fate::kDelivered;
  if (!is_kept && !job.is_about_success()) {
    work.deferred = true;
    work.deferred_why = result.reply;
    return report(work, nullptr, job.recipients, Fate::kDeferred, job.host, result.reply);
  }
  if (!job.is_about_success()) report_failed(work, job);
  if (is_kept && job.notified_by != Guid{}) report_notified(work, job);
  desk_.spool.settle(work.message, job.recipients);
}

// True: its sender is told before it is settled.
bool Relay::note_success(Work& work, const Job& job, const RecipientResult& result,
                         uint32_t recipient) {
  if (job.takes_dsn || draining_ || !is_told(work, recipient, true)) return false;
  const bool is_final = maildirs_.serves(job.route);
  work.succeeded.push_back({.recipient = recipient,
                            .action = is_final ? Action::kDelivered : Action::kRelayed,
                            .reply = result.reply,
                            .host = is_final ? std::string{} : job.host});
  return true;
}

void Relay::settle_succeeded(Work& work) {
  std::vector<uint32_t> recipients;
  for (const Outcome& outcome : std::exchange(work.succeeded, {}))
    recipients.push_back(outcome.recipient);
  if (!recipients.empty()) desk_.spool.settle(work.message, recipients);
}

Delivery Relay::delivery_of(const Work& work, const Job* job,
                            std::span<const std::string_view> names, std::string_view host,
                            std::string_view reply) const {
  return {.id = work.envelope.guid,
          .connector = work.envelope.connector,
          .client = work.envelope.client,
          .sender = work.envelope.sender,
          .recipients = names,
          .send_connector =
              job != nullptr ? std::string_view(connectors_[job->route].name) : std::string_view{},
          .host = host,
          .reply = reply,
          .tls_version = job != nullptr ? job->tls_version : std::string_view{},
          .tls_cipher = job != nullptr ? job->tls_cipher : std::string_view{},
          .attempts = work.attempts + 1,
          .since_received = desk_.loop.wall_now() - work.envelope.received};
}

std::vector<std::string_view> Relay::names_of(const Work& work,
                                              const std::vector<uint32_t>& recipients) {
  std::vector<std::string_view> names;
  for (const uint32_t index : recipients) names.push_back(work.envelope.recipients[index]);
  return names;
}

void Relay::report(const Work& work, const Job* job, const std::vector<uint32_t>& recipients,
                   Fate fate, std::string_view host, std::string_view reply) {
  const auto names = names_of(work, recipients);
  const Delivery delivery = delivery_of(work, job, names, host, reply);
  if (fate == Fate::kDelivered) {
    figures_.delivered += recipients.size();
    desk_.observer.on_delivered(delivery);
  } else if (fate == Fate::kDeferred) {
    figures_.deferred += recipients.size();
    const WallTime next = desk_.loop.wall_now() + backoff(delivery.attempts);
    desk_.observer.on_deferred(delivery, next);
  }
}

// Given up by ourselves; `finish` sees to the rest.
void Relay::fail(Work& work, const std::vector<uint32_t>& recipients, std::string_view why) {
  for (const uint32_t index : recipients)
    work.failed.push_back({.recipient = index, .reply = std::string(why)});
}

// The recipients' end, once it is durable what became of them.
void Relay::report_failed(const Work& work, const Job& job) {
  figures_.failed += job.outcomes.size();
  std::map<std::tuple<std::string, std::string, uint32_t>, std::vector<uint32_t>> groups;
  for (const Outcome& outcome : job.outcomes) {
    std::string words = outcome.reply;
    if (!outcome.last.empty()) (words += ": ") += outcome.last;
    groups[{words, outcome.host, outcome.route}].push_back(outcome.recipient);
  }
  const bool is_told = job.notified_by != Guid{};
  for (const auto& [key, recipients] : groups) {
    const auto& [words, host, route] = key;
    const auto names = names_of(work, recipients);
    Delivery delivery = delivery_of(work, nullptr, names, host, words);
    if (route < connectors_.size()) delivery.send_connector = connectors_[route].name;
    desk_.observer.on_failed(delivery, is_told ? std::string_view{} : options_.failed_folder);
  }
}

void Relay::report_notified(const Work& work, const Job& job) {
  const auto names = names_of(work, job.recipients);
  desk_.observer.on_notified(delivery_of(work, nullptr, names, {}, {}), job.notified_by);
}

// All jobs are done. What is left of the message decides where it goes.
void Relay::finish(Handle handle) {
  Work& work = *desk_.works.get(handle);
  if (!work.succeeded.empty()) {
    if (!draining_ && !desk_.jobs.full())
      return add_outcomes(work, handle, std::exchange(work.succeeded, {}), true);
    settle_succeeded(work);
    if (desk_.spool.find(work.message) == nullptr) return forget(work);
  }
  if (!work.failed.empty() && !draining_) {
    // First what becomes of those; then this is called again. In a drain it is left for the next
    // start: the recipients are still open in the log.
    if (!desk_.jobs.full()) return enqueue_failures(work, handle);
    work.deferred = true;
  }
  if (work.deferred) return defer(work);
  if (work.parked_on != UINT32_MAX) return park(work);
  // A drain cut it short, or every recipient was settled before: nothing to do, or for the next
  // start.
  desk_.spool.uncache(work.message);
  forget(work);
}

void Relay::defer(Work& work) {
  const Handle message = work.message;
  const uint32_t attempts = work.attempts + 1;
  const Duration wait = backoff(attempts);
  desk_.spool.defer(message, attempts, desk_.loop.wall_now() + wait);
  ++deferred_;
  [[maybe_unused]] const auto timer =
      desk_.loop.arm_timer(desk_.loop.now() + wait, {ring::Operation::kMessageTimer, message});
  forget(work);
}

void Relay::park(Work& work) {
  const Claim claim = claim_of(desk_.spool, *desk_.spool.find(work.message));
  parked_[work.parked_on].push(claim.flow, claim.weight, claim.cost, work.message);
  desk_.spool.uncache(work.message);
  forget(work);
}

void Relay::forget(Work& work) {
  for (const Handle handle : work.jobs) {
    Job* job = desk_.jobs.get(handle);
    ASSERT(job == nullptr);
  }
  desk_.works.release(&work);
}

// Some of what was parked on a route may go once the route is open; the rest follows as these are
// finished. While too much waits for the route, a source gets a place of its own back.
void Relay::readmit(uint32_t route) {
  JobQueue& pending =
      maildirs_.serves(route) ? maildirs_.pending(route) : smart_hosts_.pending(route);
  const std::vector<Claim> left = pending.take_left();
  auto& parked = parked_[route];
  if (!route_open(route)) {
    for (const Claim& claim : left) {
      if (parked.length(claim.flow) > 0 && route_takes(route, claim))
        make_ready(parked.pop_of(claim.flow));
    }
    return;
  }
  // One at least, so that what is parked here has its turn also while what is ready is for others.
  bool one = true;
  while (!parked.empty() && (ready_.size() < kReadmitted || one)) {
    make_ready(parked.pop());
    one = false;
  }
}

// The route is still down: what has waited too long is let through, to be failed.
void Relay::fail_expired(uint32_t route) {
  const auto is_due = [this](Handle handle) {
    const spool::Message* message = desk_.spool.find(handle);
    return message == nullptr || expired(message->received);
  };
  parked_[route].take_fronts(is_due, [this](Handle handle) { make_ready(handle); });
}

void Relay::on_completion(const ring::Completion& completion) {
  switch (completion.token.operation) {
    case ring::Operation::kMessageTimer:
      --deferred_;
      make_ready(completion.token.handle);
      return;
    case ring::Operation::kMaildirOpen:
    case ring::Operation::kMaildirWrite:
    case ring::Operation::kMaildirSync:
    case ring::Operation::kMaildirRename:
    case ring::Operation::kMaildirSyncFolder:
    case ring::Operation::kMaildirClose:
      return maildirs_.on_completion(completion);
    default:
      return smart_hosts_.on_completion(completion);
  }
}

void Relay::drain() {
  draining_ = true;
  smart_hosts_.drain();
}

bool Relay::drained() const {
  return draining_ && smart_hosts_.at_rest() && maildirs_.at_rest() && notices_.at_rest() &&
         desk_.finished.empty();
}

Relay::Figures Relay::figures() const {
  Figures figures = figures_;
  figures.waiting = ready_.size() + deferred_;
  for (const auto& parked : parked_) figures.waiting += parked.size();
  figures.in_work = desk_.works.size();
  figures.connections = smart_hosts_.session_count();
  return figures;
}

}  // namespace relais::relay
