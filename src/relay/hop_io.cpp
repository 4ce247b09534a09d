// One outbound connection's small loop: receive, feed, act, send; and how it closes.
#include <algorithm>

#include "base/assert.h"
#include "relay/smart_hosts.h"

namespace relais::relay {
namespace {

// How long a connection without work stays open.
constexpr Duration kIdle = seconds(30);
// How long the answer to QUIT is waited for.
constexpr Duration kQuitPatience = seconds(2);
// Pieces of one send: 64 blocks are 1 MiB; in TLS, where each is copied, a quarter of that.
constexpr size_t kVectorsMax = 66;
constexpr size_t kVectorsMaxInTls = 18;
constexpr uint32_t kReadAhead = 8;  // chunks
// TLS's last words.
constexpr Duration kFarewellPatience = seconds(2);
// A next hop that does not know us will not know us in a second either, and counts the failures.
constexpr Duration kLogonRetry = minutes(5);
constexpr std::string_view kDot = ".\r\n";

Fate fate_of(uint16_t code) {
  return code >= 200 && code < 300 ? Fate::kDelivered
         : code >= 500             ? Fate::kFailed
                                   : Fate::kDeferred;
}

}  // namespace

ring::Token SmartHosts::token(ring::Operation operation, const HopSession& session) const {
  return {operation, sessions_.handle_of(&session)};
}

void SmartHosts::arm_receive(HopSession& session) {
  ASSERT(!session.receiving);
  session.receiving = true;
  session.parked = false;
  desk_.loop.receive(session.fd, buffers_, token(ring::Operation::kHopReceive, session));
}

void SmartHosts::arm_timer(HopSession& session, Duration delay) {
  desk_.loop.cancel_timer(session.timer);
  session.timer =
      desk_.loop.arm_timer(desk_.loop.now() + delay, token(ring::Operation::kHopTimer, session));
}

void SmartHosts::on_connect(HopSession& session, const ring::Completion& completion) {
  session.connecting = false;
  if (session.closing) return close_when_quiet(session);
  if (!completion.ok()) {
    return begin_close(session, describe(completion.error()));
  }
  session.last_input = desk_.loop.now();
  arm_timer(session, routes_[session.route].connector->inactivity_timeout);
  arm_receive(session);
  if (routes_[session.route].connector->tls_start != config::TlsStart::kImplicit) return;
  begin_tls(session);
  send_more(session);
}

void SmartHosts::on_receive(HopSession& session, const ring::Completion& completion) {
  if (completion.unparked) {
    if (!session.closing) arm_receive(session);
    return;
  }
  const bool has_bytes = completion.has_buffer && completion.result > 0;
  if (has_bytes && !session.closing) {
    session.last_input = desk_.loop.now();
    const auto bytes = buffers_.bytes(completion.buffer, static_cast<uint32_t>(completion.result));
    if (session.tls != nullptr) {
      read_tls(session, bytes);
    } else {
      session.client.feed(bytes);
      read_replies(session);
    }
  }
  if (completion.has_buffer) buffers_.give_back(completion.buffer);
  session.receiving = false;
  if (session.closing) return close_when_quiet(session);
  if (completion.result == 0) {
    session.peer_gone = true;
    return begin_close(session, "the next hop closed the connection");
  }
  if (!completion.ok()) {
    if (completion.error() == Error::kNoBuffers) {
      session.parked = true;
      return buffers_.park(completion.token);
    }
    session.peer_gone = true;
    return begin_close(session, describe(completion.error()));
  }
  arm_receive(session);
  send_more(session);
}

void SmartHosts::read_replies(HopSession& session) {
  while (!session.closing) {
    const smtp::ClientEvent event = session.client.next();
    if (event.kind == smtp::ClientEvent::Kind::kNeedInput || !act(session, event)) return;
  }
}

// False: the connection is over.
bool SmartHosts::act(HopSession& session, const smtp::ClientEvent& event) {
  using Kind = smtp::ClientEvent::Kind;
  switch (event.kind) {
    case Kind::kNeedInput:
      return true;
    case Kind::kStartTls:
      begin_tls(session);
      return !session.closing;
    case Kind::kReady:
      session.ready = true;
      if (session.tls != nullptr) keep_tickets(session);
      --routes_[session.route].connecting;
      host_ready(session);
      arm_timer(session, kIdle);
      if (draining_) {
        session.quitting = true;
        session.client.quit();
      }
      return true;
    case Kind::kUnusable:
      session.logon_refused =
          event.stage == smtp::ClientEvent::Stage::kAuth && event.reply.code >= 500;
      begin_close(session, obstacle(session, event));
      return false;
    case Kind::kRecipientResult: {
      if (!event.ours) mail_answered(session);
      Job* job = desk_.jobs.get(session.jobs.front());
      const Fate fate = fate_of(event.reply.code);
      // A positive answer is only half of it: the final dot decides.
      if (fate != Fate::kDelivered)
        job->results[event.recipient] = {fate, smtp::in_one_line(event.reply), event.ours};
      return true;
    }
    case Kind::kContentWanted:
      session.content_wanted = true;
      session.content_empty = event.empty;
      session.content_out = false;
      session.next_chunk = 0;
      session.coming.clear();
      session.unstuffing.reset();
      return true;
    case Kind::kFinished:
      on_finished(session, event);
      return true;
    case Kind::kClosing:
      begin_close(session, smtp::in_one_line(event.reply));
      return false;
  }
  return false;
}

std::string SmartHosts::obstacle(const HopSession& session, const smtp::ClientEvent& event) const {
  const Route& route = routes_[session.route];
  switch (event.stage) {
    case smtp::ClientEvent::Stage::kSession:
    case smtp::ClientEvent::Stage::kXclient:  // mail from the queue comes without
      break;
    case smtp::ClientEvent::Stage::kTls:
      return "no TLS: " + smtp::in_one_line(event.reply);
    case smtp::ClientEvent::Stage::kAuth:
      return "Send connector \"" + route.connector->name + "\" cannot log on as \"" +
             route.security.credentials->user + "\": " + smtp::in_one_line(event.reply);
  }
  return smtp::in_one_line(event.reply);
}

void SmartHosts::on_finished(HopSession& session, const smtp::ClientEvent& event) {
  Job* job = desk_.jobs.get(session.jobs.front());
  ASSERT(job != nullptr);
  session.jobs.pop_front();
  session.content_wanted = false;
  session.content_out = false;
  job->takes_dsn = session.client.extensions().dsn;
  job->conclude(fate_of(event.reply.code), smtp::in_one_line(event.reply));
  job->carrier = Carrier::kNone;
  desk_.finish(*job);
  if (session.jobs.empty() && !session.quitting) arm_timer(session, kIdle);
}

// ---- sending

void SmartHosts::add_vector(HopSession& session, std::string_view bytes) {
  if (bytes.empty()) return;
  session.vectors.push_back({const_cast<char*>(bytes.data()), bytes.size()});
}

// Commands that wait, then as much content as there is, then the commands of the next transaction:
// one send.
void SmartHosts::send_more(HopSession& session) {
  if (session.sending || session.closing || session.connecting) return;
  session.vectors.clear();
  session.first_vector = 0;
  session.before.clear();
  session.after.clear();
  session.copies.clear();
  std::swap(session.before, session.client.output_buffer());
  add_vector(session, session.before);
  if (session.content_wanted) add_content(session);
  if (session.tls != nullptr && !session.closing) encrypt(session);
  if (!session.closing && !session.vectors.empty()) issue_send(session);
}

void SmartHosts::add_content(HopSession& session) {
  const bool raw = session.client.in_chunks();
  const size_t front = session.vectors.size();
  if (raw) session.vectors.push_back({});  // for BDAT, once its size is known
  const uint64_t octets = add_pieces(session, raw);
  const bool last = !session.reading && session.next_chunk == chunks_of(session);
  if (raw && octets == 0 && !last) return session.vectors.resize(front);
  if (raw) {
    session.chunk = session.client.begin_chunk(octets, last);
    session.vectors[front] = {session.chunk.data(), session.chunk.size()};
  }
  if (!last) return;
  if (!raw) add_vector(session, kDot);
  session.content_wanted = false;
  session.content_out = true;
  session.client.content_sent();
  add_next_transaction(session);
}

const Job& SmartHosts::oldest_job(const HopSession& session) const {
  const Job* job = desk_.jobs.get(session.jobs.front());
  ASSERT(job != nullptr);
  return *job;
}

uint32_t SmartHosts::chunks_of(const HopSession& session) const {
  const spool::Message* stored = desk_.spool.find(oldest_job(session).work->message);
  ASSERT(stored != nullptr);
  return session.content_empty ? 0 : stored->chunk_count();
}

// The next chunk is in memory; else it is being read, and those behind it too: the disk does
// several at a time in hardly more time than one, and then one send has them all.
bool SmartHosts::have_chunk(HopSession& session, const Job& job) {
  const Handle message = job.work->message;
  if (desk_.spool.has(message, session.next_chunk)) return true;
  session.reading = true;
  const uint32_t end = std::min(session.next_chunk + kReadAhead, chunks_of(session));
  const auto wanted = [&](uint32_t index) {
    return index < end && !desk_.spool.has(message, index) &&
           std::ranges::find(session.coming, index) == session.coming.end();
  };
  for (uint32_t index = session.next_chunk; index < end;) {
    uint32_t run = 0;
    while (wanted(index + run)) ++run;
    if (run == 0) {
      ++index;
      continue;
    }
    if (index > session.next_chunk && !desk_.spool.may_read_ahead()) break;
    for (run = desk_.spool.load_run(message, index, run, job.work_handle); run > 0; --run)
      session.coming.push_back(index++);
  }
  return false;
}

// As much as one send may have, or as there is. Octets.
uint64_t SmartHosts::add_pieces(HopSession& session, bool raw) {
  const Job& job = oldest_job(session);
  const Handle message = job.work->message;
  const spool::Message* stored = desk_.spool.find(message);
  const uint32_t chunks = chunks_of(session);
  const uint64_t envelope = stored->envelope_octets;
  const size_t vectors_max = session.tls != nullptr ? kVectorsMaxInTls : kVectorsMax;
  uint64_t octets = 0;
  while (session.next_chunk < chunks && session.vectors.size() < vectors_max && !session.reading) {
    const uint32_t index = session.next_chunk;
    const uint64_t start = uint64_t{index} * spool::kPayloadMax;
    if (start + stored->payload_octets(index) > envelope) {
      if (!have_chunk(session, job)) break;
      spool::BlockId block = spool::kNoBlock;
      const auto bytes = desk_.spool.pin(message, index, block);
      session.pinned.push_back(block);
      std::string_view piece(bytes.data(), bytes.size());
      piece.remove_prefix(envelope > start ? envelope - start : 0);
      if (raw && !stored->traits.undotted)
        piece = session.unstuffing.next(piece, session.copies.emplace_back());
      octets += piece.size();
      add_vector(session, piece);
    }
    // Of a long message only what is being sent stays in memory.
    if (chunks > 8) desk_.spool.uncache(message, index);
    ++session.next_chunk;
  }
  return octets;
}

void SmartHosts::add_next_transaction(HopSession& session) {
  Route& route = routes_[session.route];
  if (session.quitting || !session.client.can_begin()) return;
  Job* next = take_pending(route);
  if (next == nullptr) return;
  assign(session, *next);
  std::swap(session.after, session.client.output_buffer());
  add_vector(session, session.after);
}

void SmartHosts::issue_send(HopSession& session) {
  session.sending = true;
  session.header = {};
  session.header.msg_iov = session.vectors.data() + session.first_vector;
  session.header.msg_iovlen = session.vectors.size() - session.first_vector;
  desk_.loop.send_vector(session.fd, session.header, token(ring::Operation::kHopSend, session));
}

void SmartHosts::on_send(HopSession& session, const ring::Completion& completion) {
  session.sending = false;
  if (session.closing) return close_when_quiet(session);
  if (!completion.ok()) {
    session.peer_gone = true;
    return begin_close(session, describe(completion.error()));
  }
  auto octets = static_cast<size_t>(completion.result);
  while (octets > 0) {
    iovec& vector = session.vectors[session.first_vector];
    if (octets < vector.iov_len) {
      vector.iov_base = static_cast<char*>(vector.iov_base) + octets;
      vector.iov_len -= octets;
      break;
    }
    octets -= vector.iov_len;
    ++session.first_vector;
  }
  // A slow next hop is not a silent one.
  session.last_input = desk_.loop.now();
  if (session.first_vector < session.vectors.size()) return issue_send(session);
  release_pins(session);
  send_more(session);
}

void SmartHosts::release_pins(HopSession& session) {
  for (const spool::BlockId block : session.pinned) desk_.spool.unpin(block);
  session.pinned.clear();
}

// ---- time and the end

void SmartHosts::on_timer(HopSession& session) {
  session.timer = {};
  if (session.closing) {
    if (session.sending) desk_.loop.cancel_all(session.fd);
    return;
  }
  const auto& connector = *routes_[session.route].connector;
  if (!session.ready) return begin_close(session, "no answer in time");
  if (session.quitting && session.jobs.empty()) return begin_close(session, "no answer to QUIT");
  if (session.jobs.empty()) {
    session.quitting = true;
    session.client.quit();
    arm_timer(session, kQuitPatience);
    return send_more(session);
  }
  const Instant due = session.last_input + connector.inactivity_timeout;
  if (desk_.loop.now() < due) return arm_timer(session, due - desk_.loop.now());
  begin_close(session, "no answer in time");
}

// Not one that others left nothing to do, so that its end shows nothing; but who is down is tried
// before there is anything.
bool SmartHosts::was_needed(const HopSession& session) const {
  const Route& route = routes_[session.route];
  return session.taken > 0 || !route.pending.empty() || route.hosts[session.host].failures > 0;
}

// What was in flight is not delivered as far as we know. If its content had not gone out completely
// it certainly was not, and it may go again at once over another connection; else it waits, since
// the next hop may have it.
void SmartHosts::begin_close(HopSession& session, std::string_view why) {
  if (session.closing) return;
  session.closing = true;
  Route& route = routes_[session.route];
  if (!session.ready) {
    --route.connecting;
    if (!draining_) give_up(session, why);
  } else if (!session.answered && !session.quitting && !draining_ && was_needed(session)) {
    // Once is no matter: a connection may have been idle for too long. What was begun on it is
    // tried again at once.
    Host& host = host_of(session);
    if (++host.fruitless > 1) found_down(session, why);
  }
  bool oldest = true;
  while (!session.jobs.empty()) {
    Job* job = desk_.jobs.get(session.jobs.back());
    oldest = session.jobs.size() == 1;
    session.jobs.pop_back();
    job->carrier = Carrier::kNone;
    const bool uncertain = oldest && session.content_out;
    const bool untouched = std::ranges::all_of(
        job->results, [](const RecipientResult& r) { return r.fate == Fate::kOpen; });
    if (!uncertain && untouched && job->tries++ == 0 && !draining_) {
      route.pending.push_front(desk_.jobs.handle_of(job), job->claim);
    } else {
      job->conclude(Fate::kDeferred, why);
      desk_.finish(*job);
    }
  }
  if (send_farewell(session)) {
    arm_timer(session, kFarewellPatience);
    if (session.receiving) desk_.loop.cancel(token(ring::Operation::kHopReceive, session));
  } else if (session.connecting || session.receiving || session.sending) {
    desk_.loop.cancel_all(session.fd);
  }
  close_when_quiet(session);
}

// Refused, silent, gone before it said hello, or nonsense: whatever it was, the host is left alone
// for a while; but where only TLS is in the way and need not be, it is asked again without.
void SmartHosts::give_up(HopSession& session, std::string_view why) {
  Route& route = routes_[session.route];
  Host& host = host_of(session);
  if (!in_handshake(session))
    return found_down(session, why, session.logon_refused ? kLogonRetry : Duration{});
  const std::string reason = "TLS handshake: " + std::string(why);
  if (!route.connector->requires_tls()) return go_on_in_clear(route, host, reason);
  found_down(session, reason);
}

void SmartHosts::close_when_quiet(HopSession& session) {
  ASSERT(session.closing);
  if (session.connecting || session.receiving || session.sending || session.fd < 0) return;
  release_pins(session);
  // Once: a completion that comes after this finds no descriptor.
  desk_.loop.close(std::exchange(session.fd, -1), token(ring::Operation::kHopClose, session));
}

void SmartHosts::retire(HopSession& session) {
  Route& route = routes_[session.route];
  const uint32_t index = session.route;
  --host_of(session).connections;
  std::erase(route.sessions, sessions_.handle_of(&session));
  desk_.loop.cancel_timer(session.timer);
  sessions_.release(&session);
  // The last one of a route that is down takes what waits with it, and leaves a timer behind.
  const bool usable = std::ranges::any_of(
      route.hosts, [&](const Host& host) { return host.retry_at <= desk_.loop.now(); });
  if (route.sessions.empty() && (route.down || !usable) && !draining_) park_all(index);
}

}  // namespace relais::relay
