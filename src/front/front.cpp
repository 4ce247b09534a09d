// Listeners, the beginning and the end of sessions, their timers.
#include "front/front.h"

#include <algorithm>

#include "base/assert.h"
#include "front/limit_reply.h"

namespace relais::front {
namespace {

constexpr Duration kAcceptPause = milliseconds(100);
constexpr smtp::Reply kTooManySessions{421, {4, 3, 2}, kTooManyConnectionsText};

}  // namespace

Front::Front(ring::Loop& loop, spool::Spool& spool, Observer& observer, Neighbours& neighbours,
             const Options& options, ring::BufferGroup& buffers)
    : loop_(loop),
      spool_(spool),
      observer_(observer),
      neighbours_(neighbours),
      options_(options),
      buffers_(&buffers),
      sessions_(options.sessions_max),
      arrivals_(options.sessions_max),
      milters_(loop, observer, options.sessions_max),
      upstreams_(loop, observer, options.sessions_max),
      placement_(neighbours, options.core),
      pressure_(std::make_shared<const policy::BackPressure>()),
      ids_(options.guid_salt ^ options.core) {}

Result<std::unique_ptr<Front>> Front::create(ring::Loop& loop, spool::Spool& spool,
                                             Observer& observer, Neighbours& neighbours,
                                             const Options& options) {
  const auto buffers = loop.add_buffers(options.receive_buffers, options.receive_buffer_octets);
  if (!buffers) return std::unexpected(buffers.error());
  return std::unique_ptr<Front>(new Front(loop, spool, observer, neighbours, options, **buffers));
}

Front::~Front() {
  if (way_back_ != nullptr) way_back_->close();
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) loop_.kernel().close(listener.fd);
  }
  sessions_.for_each([this](Session& session) { loop_.kernel().close(session.fd); });
  arrivals_.for_each([this](Arrival& arrival) { loop_.kernel().close(arrival.fd); });
}

void Front::apply(std::shared_ptr<const ServingPolicy> policy,
                  std::shared_ptr<const policy::LimitSet> limits) {
  limits_ = std::move(limits);
  policies_.push_back({std::move(policy), 0});
  if (policies_.size() > 1) release_policy(&*std::prev(policies_.end(), 2));
}

void Front::apply(std::shared_ptr<const policy::BackPressure> pressure) {
  pressure_ = std::move(pressure);
}

void Front::release_policy(PolicyUse* use) {
  if (use->sessions > 0 || use == &policies_.back()) return;
  policies_.remove_if([use](const PolicyUse& candidate) { return &candidate == use; });
}

// Listeners keep their index for life: it is in the tokens.
void Front::listen(std::vector<Listener> wanted) {
  for (Listener& old : listeners_) {
    const bool kept =
        std::ranges::any_of(wanted, [&](const Listener& l) { return l.fd == old.fd; });
    if (old.fd < 0 || kept) continue;
    loop_.cancel_all(old.fd);
    loop_.close(old.fd, {});
    old.fd = -1;
  }
  for (const Listener& listener : wanted) {
    const bool served =
        std::ranges::any_of(listeners_, [&](const Listener& l) { return l.fd == listener.fd; });
    if (served) continue;
    listeners_.push_back(listener);
    if (neighbours_.gathers) loop_.kernel().steer(listener.fd, placement_.open());
    arm_accept(static_cast<uint32_t>(listeners_.size() - 1));
  }
}

void Front::arm_accept(uint32_t listener) {
  ++accepts_;
  loop_.accept_multishot(listeners_[listener].fd, {ring::Operation::kAccept, {listener, 0}});
}

void Front::on_accept(const ring::Completion& completion) {
  const uint32_t index = completion.token.handle.slot;
  const Listener& listener = listeners_[index];
  if (!completion.more) --accepts_;
  if (completion.ok()) {
    if (draining_ || listener.fd < 0) {
      loop_.kernel().say_and_close(completion.result, "421 4.3.2 Service not active\r\n");
    } else {
      my_load().fetch_add(1, std::memory_order_relaxed);
      const Duration wait = pace_connection();
      // Whoever must wait is counted on here, where accepting pauses.
      const bool stays = wait.ns > 0 || !hand_over(completion.result);
      if (!stays || !open(completion.result, &listener.endpoint, wait))
        my_load().fetch_sub(1, std::memory_order_relaxed);
      if (wait.ns > 0) pause_accepting(index, wait, completion.more);
    }
  }
  if (completion.more || draining_ || listener.fd < 0) return;
  if (listener.paused_until > loop_.now()) return resume_accepting(index, listener.paused_until);
  if (completion.ok()) return arm_accept(index);
  // No descriptors, no memory, or a connection that was reset before we saw it: the first two need
  // a pause.
  resume_accepting(index, loop_.now() + kAcceptPause);
}

// The kernel's queue holds those who come meanwhile, and beyond it they try again by themselves.
void Front::pause_accepting(uint32_t listener, Duration wait, bool armed) {
  listeners_[listener].paused_until = loop_.now() + wait;
  if (armed) loop_.cancel({ring::Operation::kAccept, {listener, 0}});
}

void Front::resume_accepting(uint32_t listener, Instant when) {
  [[maybe_unused]] const auto timer =
      loop_.arm_timer(when, {ring::Operation::kAcceptRetry, {listener, 0}});
}

void Front::adopt(int fd) {
  if (draining_) loop_.kernel().say_and_close(fd, "421 4.3.2 Service not active\r\n");
  // It was counted as ours when it was handed over.
  if (draining_ || !open(fd, nullptr, {})) my_load().fetch_sub(1, std::memory_order_relaxed);
}

// True: there is a session for it now, or there will be one as soon as it has said whose it is.
bool Front::open(int fd, const Endpoint* listener, Duration wait) {
  auto& kernel = loop_.kernel();
  const auto remote = kernel.remote_endpoint(fd);
  Result<Endpoint> local = std::unexpected(Error::kOther);
  if (remote)
    local = listener != nullptr && !listener->address.is_unspecified() ? *listener
                                                                       : kernel.local_endpoint(fd);
  if (!remote || !local) {  // gone before we looked
    kernel.close(fd);
    return false;
  }

  const auto* proxies = policies_.back().policy->snapshot().proxies_at(*local);
  if (proxies != nullptr) return await_header(fd, *local, *remote, *proxies, wait);
  Connection connection{.fd = fd, .local = *local, .remote = *remote, .via = {}, .wait = wait};
  return begin(connection);
}

// True: there is a session for it now.
bool Front::begin(Connection& connection) {
  const int fd = connection.fd;
  const Endpoint& local = connection.local;
  const Endpoint& remote = connection.remote;
  PolicyUse& use = policies_.back();
  const ServingPolicy& policy = *use.policy;
  const policy::Selection selection = policy.snapshot().select(local, remote.address);
  if (selection.connector == nullptr) {
    // A load balancer that looks whether we live is no client that we turn down.
    if (connection.is_probe) {
      say_and_close(fd, smtp::replies::kNotAccepting);
    } else {
      refuse_connection(fd, local, remote, selection, smtp::replies::kNotAccepting,
                        "no connector serves this address on this binding");
    }
    return false;
  }
  if (is_full()) {
    refuse_connection(fd, local, remote, selection, kTooManySessions,
                      "max_sessions of this core is reached");
    return false;
  }
  Admission admission{.slot = slot_of(selection), .charges = {}, .wait = connection.wait};
  if (!connection.is_probe && !may_connect(fd, local, remote, selection, admission)) return false;
  Session* session =
      sessions_.acquire(fd, use, selection.connector_index, remote.address.to_string());
  ASSERT(session != nullptr);
  ++use.sessions;
  session->range = selection.range_index;
  session->local = local;
  session->remote = remote;
  session->via = connection.via;
  session->input = std::move(connection.input);
  session->peer_done = connection.peer_done;
  session->opened = session->last_input = loop_.now();
  session->limit_slot = admission.slot;
  session->connection_charges = std::move(admission.charges);
  become(*session, session->principal);
  if (policy.snapshot().takes_xclient(session->connector, remote.address))
    session->server.trust_with_xclient();
  arm_timer(*session, loop_.now() + selection.connector->connection_inactivity_timeout);
  observer_.on_opened(client_of(*session));
  begin_dialogue(*session);
  hold(*session, admission.wait, 0);
  if (!policy.snapshot().tls_at(local)) {
    session->server.greet(rfc5322_date(loop_.wall_now()));
  } else if (!begin_with_tls(*session)) {
    session->peer_done = true;
  }
  step(*session);
  return true;
}

void Front::refuse_connection(int fd, const Endpoint& local, const Endpoint& remote,
                              const policy::Selection& selection, const smtp::Reply& reply,
                              std::string_view reason) {
  // Who begins with TLS cannot read what we say in the clear.
  const bool heard = !policies_.back().policy->snapshot().tls_at(local);
  if (heard) {
    say_and_close(fd, reply);
  } else {
    loop_.kernel().close(fd);
  }
  const Client client = client_at_connect(local, remote, selection);
  observer_.on_refused(client, "connect", {}, {}, reply, reason);
  show_refused_connection(client, selection.connector, heard ? &reply : nullptr, reason);
}

void Front::say_and_close(int fd, const smtp::Reply& reply) {
  scratch_.clear();
  append_reply(scratch_, reply, true);
  loop_.kernel().say_and_close(fd, scratch_);
}

Client Front::client_at_connect(const Endpoint& local, const Endpoint& remote,
                                const policy::Selection& selection) {
  Client client{.connector = {}, .remote = remote, .local = local, .hello = {}};
  if (selection.connector != nullptr) {
    client.connector = selection.connector->name;
    client.range = &selection.connector->remote_ranges[selection.range_index];
  }
  return client;
}

void Front::arm_timer(Session& session, Instant when) {
  loop_.cancel_timer(session.timer);
  session.timer =
      loop_.arm_timer(when, {ring::Operation::kSessionTimer, sessions_.handle_of(&session)});
}

// One timer a session, looked at only when it fires: input costs no timer work.
void Front::on_timer(Session& session) {
  session.timer = {};
  if (session.held() && !session.closing) return on_held_long_enough(session);
  if (session.lingering || session.finishing) return begin_close(session);
  if (session.closing) return;
  // While we owe the client an answer or memory, it is not the client who is silent.
  const bool ours = session.server.awaits_answer() || session.waits();
  const Instant now = loop_.now();
  if (ours) session.last_input = now;
  const Instant end = session.ends_at();
  if (now < end && now < session.idle_at()) return arm_timer(session, session.times_out_at());
  // A message that is being committed is answered first; its answer comes within a flush.
  if (now >= end && ours) return arm_timer(session, now + seconds(1));
  const bool timed_out = now >= end;
  const smtp::Reply& reply = timed_out ? smtp::replies::kConnectionTimedOut : smtp::replies::kIdle;
  note(session, timed_out ? "connection_timeout" : "connection_inactivity_timeout", "timed out");
  shut(session, "timeout", reply,
       timed_out ? "connection_timeout" : "connection_inactivity_timeout");
}

// The session ends, and hears why if it listens.
void Front::shut(Session& session, std::string_view command, const smtp::Reply& reply,
                 std::string_view reason) {
  observer_.on_refused(client_of(session), command, session.server.transaction(), {}, reply,
                       reason);
  shut(session, reply);
}

void Front::shut(Session& session, const smtp::Reply& reply) {
  drop_message(session);
  release(session);
  session.server.shut(reply);
  step(session);
  arm_timer(session, loop_.now() + kLinger);
}

// Not counted as its silence. What the step does may hold it again, or end it.
void Front::on_held_long_enough(Session& session) {
  if (loop_.now() < session.held_until) return arm_timer(session, session.held_until);
  release(session);
  session.last_input = loop_.now();
  arm_timer(session, session.times_out_at());
  step(session);
}

// The descriptor is closed and nothing of the session is under way any more.
void Front::retire(Session& session) {
  ASSERT(!session.receiving && !session.sending && !session.handshake_is_away());
  ASSERT(session.input.empty());
  loop_.cancel_timer(session.timer);
  observer_.on_closed(client_of(session));
  if (session.dialogue != nullptr) session.dialogue->closed(loop_.wall_now(), session.finishing);
  if (!session.connection_charges.empty())
    limits_->give_back(session.connection_charges, loop_.now());
  stay(session);
  forget(session);
}

// Its place is free.
void Front::forget(Session& session) {
  PolicyUse* use = session.policy;
  --use->sessions;
  sessions_.release(&session);
  release_policy(use);
  my_load().fetch_sub(1, std::memory_order_relaxed);
}

std::atomic<uint32_t>& Front::my_load() { return neighbours_.cores[options_.core]->sessions; }

const std::shared_ptr<ring::WayBack>& Front::way_back() {
  if (way_back_ == nullptr)
    way_back_ = std::make_shared<ring::WayBack>(neighbours_.cores[options_.core]->mailbox);
  return way_back_;
}

void Front::drain() {
  if (draining_) return;
  listen({});
  draining_ = true;
  milters_.drain();
  upstreams_.drain();
  [[maybe_unused]] const auto timer =
      loop_.arm_timer(loop_.now() + options_.drain_timeout, {ring::Operation::kDrainTimer, {}});
  arrivals_.for_each([this](Arrival& arrival) { begin_close(arrival); });
  sessions_.for_each([this](Session& session) {
    if (!session.closing && !session.finishing) step(session);
  });
}

void Front::on_completion(const ring::Completion& completion) {
  const Handle handle = completion.token.handle;
  switch (completion.token.operation) {
    case ring::Operation::kAccept:
      return on_accept(completion);
    case ring::Operation::kAcceptRetry:
      if (!draining_ && listeners_[handle.slot].fd >= 0) arm_accept(handle.slot);
      return;
    case ring::Operation::kSessionReceive:
      return on_receive(completion);
    case ring::Operation::kSessionSend:
      return on_send(completion);
    case ring::Operation::kSessionClose:
      if (Session* session = sessions_.get(handle)) retire(*session);
      return;
    case ring::Operation::kSessionTimer:
      if (Session* session = sessions_.get(handle)) on_timer(*session);
      return;
    case ring::Operation::kDrainTimer:
      sessions_.for_each([this](Session& session) {
        if (!session.closing) shut(session, smtp::replies::kShuttingDown);
      });
      return;
    case ring::Operation::kBuffersTimer:
      return look_for_hoarders();
    case ring::Operation::kArrivalReceive:
      return on_arrival_receive(completion);
    case ring::Operation::kArrivalClose:
      if (Arrival* arrival = arrivals_.get(handle)) retire(*arrival);
      return;
    case ring::Operation::kArrivalTimer:
      if (Arrival* arrival = arrivals_.get(handle)) on_header_timeout(*arrival);
      return;
    case ring::Operation::kMilterConnect:
    case ring::Operation::kMilterReceive:
    case ring::Operation::kMilterSend:
    case ring::Operation::kMilterClose:
    case ring::Operation::kMilterLinkTimer:
    case ring::Operation::kMilterTalkTimer:
      return milters_.on_completion(completion);
    case ring::Operation::kUpstreamConnect:
    case ring::Operation::kUpstreamReceive:
    case ring::Operation::kUpstreamSend:
    case ring::Operation::kUpstreamClose:
    case ring::Operation::kUpstreamLinkTimer:
    case ring::Operation::kUpstreamTalkTimer:
    case ring::Operation::kUpstreamTrialTimer:
      return upstreams_.on_completion(completion);
    default:
      ASSERT(false);
  }
}

void Front::end_of_turn() {
  resume_interrupted();
  MilterEvent of_milter;
  upstream::Event of_upstream;
  for (;;) {
    if (milters_.next_event(of_milter)) {
      on_milter_event(of_milter);
    } else if (upstreams_.next_event(of_upstream)) {
      on_upstream_event(of_upstream);
    } else {
      break;
    }
  }
  milters_.flush();
  upstreams_.flush();
}

}  // namespace relais::front
