// Routes, hosts and the pool of connections. The connections themselves: hop_io.cpp.
#include "relay/smart_hosts.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::relay {
namespace {

constexpr Duration kHostRetryFirst = seconds(1);
constexpr Duration kHostRetryMax = seconds(60);
// How long a job waits for a connection that is about to have room for it.
constexpr Duration kFollowPatience = milliseconds(10);

}  // namespace

SmartHosts::SmartHosts(Desk& desk, const std::vector<config::SendConnector>& connectors,
                       ring::BufferGroup& buffers, const Options& options)
    : desk_(desk),
      buffers_(buffers),
      options_(options),
      ehlo_name_(options.ehlo_name),
      sessions_(options.sessions_max) {
  for (const auto& connector : connectors) {
    Route route;
    route.connector = &connector;
    if (!options.security.empty()) route.security = options.security.at(routes_.size());
    ASSERT(!connector.requires_tls() || route.security.tls != nullptr);
    ASSERT(connector.auth == config::SmartHostAuth::kNone || route.security.credentials != nullptr);
    for (const Endpoint& endpoint : connector.smart_hosts) {
      Host& host = route.hosts.emplace_back();
      host.endpoint = endpoint;
      host.name = endpoint.to_string();
    }
    routes_.push_back(std::move(route));
  }
}

SmartHosts::~SmartHosts() {
  sessions_.for_each([this](HopSession& session) {
    if (session.fd >= 0) desk_.loop.kernel().close(session.fd);
  });
}

bool SmartHosts::open(uint32_t index) const {
  const Route& route = routes_[index];
  return !draining_ && !route.down && !route.pending.congested();
}

bool SmartHosts::takes(uint32_t index, const Claim& claim) const {
  const Route& route = routes_[index];
  return !draining_ && !route.down && route.pending.has_room(claim);
}

void SmartHosts::enqueue(Job& job) {
  if (takes(job.route, job.claim))
    return routes_[job.route].pending.push(desk_.jobs.handle_of(&job), job.claim);
  job.conclude(Fate::kParked, {});
  desk_.finish(job);
}

bool SmartHosts::take_retry(uint32_t& route) {
  if (retries_.empty()) return false;
  route = retries_.front();
  retries_.pop_front();
  return true;
}

std::string_view SmartHosts::why_down(uint32_t index) const {
  for (const Host& host : routes_[index].hosts) {
    if (!host.why.empty()) return host.why;
  }
  return {};
}

void SmartHosts::pump() {
  for (uint32_t route = 0; route < routes_.size(); ++route) {
    if (!routes_[route].pending.empty()) pump(route);
  }
}

Job* SmartHosts::take_pending(Route& route) {
  if (route.pending.empty()) return nullptr;
  Job* job = desk_.jobs.get(route.pending.pop());
  ASSERT(job != nullptr);
  return job;
}

bool SmartHosts::at_limit() const {
  return std::ranges::any_of(routes_, [](const Route& route) {
    return !route.pending.empty() && route.sessions.size() >= route.connector->max_connections;
  });
}

void SmartHosts::pump(uint32_t index) {
  Route& route = routes_[index];
  size_t reserved = count_followable(route);
  while (route.pending.size() > reserved) {
    if (HopSession* session = find_session(route)) {
      assign(*session, *take_pending(route));
      read_replies(*session);  // the client may not even have to ask
      send_more(*session);
      reserved = count_followable(route);
      continue;
    }
    // Connections are opened while there is clearly more to do than those that exist, or are being
    // made, can take at once.
    const size_t wanted = (route.pending.size() + 1) / 2;
    const bool room = route.sessions.size() < route.connector->max_connections && !sessions_.full();
    if (route.connecting >= wanted || !room) return;
    if (!connect(index)) return;
  }
  if (reserved > 0 && !route.pending.empty() && route.timer.is_null()) {
    route.timer = desk_.loop.arm_timer(desk_.loop.now() + kFollowPatience,
                                       {ring::Operation::kRouteTimer, {index, 0}});
  }
}

// Connections whose next send, very soon, can carry one more transaction's commands behind the
// content: a job that waits for it costs one send and one receive less.
size_t SmartHosts::count_followable(const Route& route) {
  const Instant begun = desk_.loop.now() - kFollowPatience;
  return static_cast<size_t>(std::ranges::count_if(route.sessions, [&](Handle handle) {
    const HopSession& session = *sessions_.get(handle);
    return session.ready && !session.closing && !session.quitting && session.jobs.size() == 1 &&
           !session.content_out && session.client.extensions().pipelining && session.begun > begun;
  }));
}

// An idle connection, or one that waits for the answer to a final dot.
HopSession* SmartHosts::find_session(Route& route) {
  HopSession* second_best = nullptr;
  for (const Handle handle : route.sessions) {
    HopSession* session = sessions_.get(handle);
    ASSERT(session != nullptr);
    if (session->closing || session->quitting || !session->client.can_begin()) continue;
    if (session->client.in_flight() == 0) return session;
    if (second_best == nullptr) second_best = session;
  }
  return second_best;
}

void SmartHosts::assign(HopSession& session, Job& job) {
  session.jobs.push_back(desk_.jobs.handle_of(&job));
  job.carrier = Carrier::kSmartHost;
  job.carried_by = sessions_.handle_of(&session);
  job.host = host_of(session).name;
  job.tls_version = session.tls != nullptr ? session.tls->stream.version() : std::string_view{};
  job.tls_cipher = session.tls != nullptr ? session.tls->stream.cipher() : std::string_view{};
  session.client.begin(job);
  session.begun = desk_.loop.now();
  if (++session.taken >= routes_[session.route].connector->max_messages_per_connection) {
    session.quitting = true;
    session.client.quit();
  }
  if (session.jobs.size() == 1) {
    session.last_input = desk_.loop.now();
    arm_timer(session, routes_[session.route].connector->inactivity_timeout);
  }
}

// The usable one with the fewest connections; null: there is none now. Where we must log on, one
// connection tries first: a password that is wrong, tried twenty times at once, locks accounts.
SmartHosts::Host* SmartHosts::choose_host(Route& route) {
  const bool one_first = route.connector->auth != config::SmartHostAuth::kNone;
  Host* best = nullptr;
  for (Host& host : route.hosts) {
    if (host.retry_at > desk_.loop.now()) continue;
    if (one_first && !host.proven && host.connections > 0) continue;
    if (best == nullptr || host.connections < best->connections) best = &host;
  }
  return best;
}

// False: no host is usable now, or no connection can be opened.
bool SmartHosts::connect(uint32_t index) {
  Route& route = routes_[index];
  Host* best = choose_host(route);
  if (best == nullptr) {
    // Down only when nothing that exists or is being made can still carry on.
    if (route.sessions.empty()) park_all(index);
    return false;
  }
  const auto fd = desk_.loop.kernel().socket(best->endpoint.address.family());
  if (!fd) {
    mark_down(route, *best, describe(fd.error()));
    if (route.sessions.empty()) park_all(index);
    return false;
  }
  HopSession* session = sessions_.acquire(client_options_of(route, *best), index,
                                          static_cast<uint32_t>(best - route.hosts.data()));
  ASSERT(session != nullptr);
  ++best->connections;
  ++route.connecting;
  route.sessions.push_back(sessions_.handle_of(session));
  session->fd = *fd;
  session->failures_before = best->failures;
  session->connecting = true;
  const uint32_t length = best->endpoint.to_sockaddr(session->address);
  desk_.loop.connect(session->fd, session->address, length,
                     token(ring::Operation::kHopConnect, *session));
  arm_timer(*session, route.connector->connect_timeout);
  return true;
}

// Connections that were made together fail together: that counts once. What one of them still finds
// out after the host was found to be down says nothing about the next attempt.
bool SmartHosts::is_old_news(const HopSession& session) const {
  return session.failures_before < routes_[session.route].hosts[session.host].failures;
}

void SmartHosts::found_down(const HopSession& session, std::string_view why, Duration at_least) {
  if (is_old_news(session)) return;
  Route& route = routes_[session.route];
  mark_down(route, route.hosts[session.host], why, at_least);
}

void SmartHosts::mark_down(Route& route, Host& host, std::string_view why, Duration at_least) {
  if (host.retry_at > desk_.loop.now()) return;
  ++host.failures;
  host.why = why;
  host.proven = false;
  host.tickets = {};
  const Duration wait =
      std::max(at_least, growing_wait(kHostRetryFirst, kHostRetryMax, host.failures));
  host.retry_at = desk_.loop.now() + wait;
  desk_.observer.on_host(route.connector->name, host.name, false, why,
                         desk_.loop.wall_now() + wait);
}

void SmartHosts::host_ready(HopSession& session) {
  Host& host = host_of(session);
  Route& route = routes_[session.route];
  if (!is_old_news(session)) host.retry_at = {};
  host.proven = true;
  route.down = false;
  desk_.loop.cancel_timer(route.timer);
}

// Only that shows that it is well: one that says hello and hangs up is not.
void SmartHosts::mail_answered(HopSession& session) {
  if (session.answered) return;
  session.answered = true;
  Host& host = host_of(session);
  if (host.failures > 0)
    desk_.observer.on_host(routes_[session.route].connector->name, host.name, true, {}, {});
  host.failures = host.fruitless = 0;
  host.retry_at = {};
  host.why.clear();
}

// No host can be used: what waits in memory goes back to the log, and one timer waits for the first
// host's turn.
void SmartHosts::park_all(uint32_t index) {
  Route& route = routes_[index];
  route.down = true;
  while (Job* job = take_pending(route)) {
    job->conclude(Fate::kParked, {});
    desk_.finish(*job);
  }
  Instant first = Instant{INT64_MAX};
  for (const Host& host : route.hosts) first = std::min(first, host.retry_at);
  desk_.loop.cancel_timer(route.timer);
  route.timer = desk_.loop.arm_timer(first, {ring::Operation::kRouteTimer, {index, 0}});
}

void SmartHosts::drain() {
  draining_ = true;
  for (uint32_t index = 0; index < routes_.size(); ++index) {
    Route& route = routes_[index];
    while (Job* job = take_pending(route)) {
      job->conclude(Fate::kParked, {});
      desk_.finish(*job);
    }
    desk_.loop.cancel_timer(route.timer);
  }
  sessions_.for_each([this](HopSession& session) {
    if (session.closing) return;
    if (!session.ready) return begin_close(session, "draining");
    if (session.quitting) return;
    session.quitting = true;
    session.client.quit();
    send_more(session);
  });
}

void SmartHosts::on_chunk(Job& job, uint32_t chunk, bool readable) {
  HopSession* session = sessions_.get(job.carried_by);
  if (session == nullptr || session->closing || session->jobs.empty()) return;
  if (desk_.jobs.get(session->jobs.front()) != &job) return;
  std::erase(session->coming, chunk);
  if (!session->reading || session->next_chunk != chunk) return;
  session->reading = false;
  if (!readable) {
    // In the middle of DATA the only way not to deliver half a message is to drop the connection.
    job.conclude(Fate::kDeferred, "the message cannot be read back from the spool");
    return begin_close(*session, "spool error");
  }
  send_more(*session);
}

void SmartHosts::on_completion(const ring::Completion& completion) {
  const Handle handle = completion.token.handle;
  if (completion.token.operation == ring::Operation::kRouteTimer) {
    Route& route = routes_[handle.slot];
    route.timer = {};
    if (draining_ || !route.down) return;
    // One connection finds out; the route opens when it is answered.
    retries_.push_back(handle.slot);
    if (route.sessions.empty() && !connect(handle.slot)) park_all(handle.slot);
    return;
  }
  HopSession* session = sessions_.get(handle);
  if (session == nullptr) return;
  switch (completion.token.operation) {
    case ring::Operation::kHopConnect:
      return on_connect(*session, completion);
    case ring::Operation::kHopReceive:
      return on_receive(*session, completion);
    case ring::Operation::kHopSend:
      return on_send(*session, completion);
    case ring::Operation::kHopTimer:
      return on_timer(*session);
    case ring::Operation::kHopClose:
      return retire(*session);
    default:
      ASSERT(false);
  }
}

}  // namespace relais::relay
