// Sessions that go over to another core (placement.h): between two messages, with all that is known
// of them. It reads no further from the moment it is chosen, its receive is cancelled, and once its
// last reply has left it goes, within the same turn as a rule. What cannot go stays and goes on.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "front/front.h"
#include "front/moved_session.h"

namespace relais::front {
namespace {

// Of the spool's room, which is not counted through at each review.
constexpr Duration kRoomEvery = seconds(1);
// Reviews in a row at which mail waits for connections: what waits in between is no backlog.
constexpr uint32_t kHopWindows = 20;

}  // namespace

void Front::review_placement(bool hops_at_limit) {
  hop_windows_ = hops_at_limit ? hop_windows_ + 1 : 0;
  placement_.review(loop_.now(), loop_.kernel().thread_time(), fullness());
  steer();
}

// Permille, of whatever there is least of; sessions are counted elsewhere.
uint32_t Front::fullness() {
  if (loop_.now() >= room_known_ + kRoomEvery) {
    const spool::Spool::Room room = spool_.room();
    spool_full_ = static_cast<uint32_t>(room.live * 1000 / std::max<uint64_t>(room.budget, 1));
    room_known_ = loop_.now();
  }
  const spool::Spool::Figures spool = spool_.figures();
  const uint32_t memory = 1000 - spool.free_blocks * 1000 / std::max(spool.blocks, 1U);
  const uint32_t hops = hop_windows_ > kHopWindows ? 1000 : 0;
  return std::max({spool_full_, memory, hops});
}

// Where the kernel brings new connections. Each core does so as it notices, the last one for good.
void Front::steer() {
  if (!neighbours_.gathers || placement_.open() == steered_) return;
  steered_ = placement_.open();
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) loop_.kernel().steer(listener.fd, steered_);
  }
}

// True: another core has it.
bool Front::hand_over(int fd) {
  const auto to = placement_.place_new(loop_.now(), !is_full(), ids_.next());
  if (!to) return false;
  // Counted there at once, so that a burst is spread and not sent to one core whole.
  neighbours_.cores[*to]->sessions.fetch_add(1, std::memory_order_relaxed);
  neighbours_.cores[*to]->mailbox->post({.kind = ring::Letter::Kind::kConnection, .value = fd});
  return true;
}

// A session has finished a message, and its reply is about to leave.
void Front::on_message_done(Session& session) {
  if (!neighbours_.gathers) return;
  const bool is_first = session.seen_working == 0;
  placement_.saw_message_of(session.seen_working);
  const auto to = placement_.wants_away(loop_.now());
  // Who is watched stays: its lines would come from two cores, in any order. And who has sent one
  // message may have no other.
  if (!to || is_first || drains() || session.dialogue != nullptr || session.parked ||
      session.held() || (session.stays_until > loop_.now() && !placement_.is_closed()))
    return;
  if (!placement_.give_one()) return;
  session.leaves_for = *to;
  if (session.receiving)
    loop_.cancel({ring::Operation::kSessionReceive, sessions_.handle_of(&session)});
}

bool Front::can_go(const Session& session) const {
  if (drains() || session.peer_done || session.finishing || session.held() || session.parked ||
      session.dialogue != nullptr || !session.server.stands() || !session.message.is_null() ||
      !session.message_charges.empty() || session.uncharged_content ||
      !session.milter.talk.is_null() || !session.upstream.talk.is_null())
    return false;
  if (session.tls == nullptr || session.tls->kernel_opens()) return true;
  // Ciphertext that OpenSSL has begun to read stays where it is.
  const SessionTls& tls = *session.tls;
  return tls.stream != nullptr && tls.stream->state() == tls::Stream::State::kOpen && !tls.came &&
         tls.input.empty() && !tls.fed && session.input.empty();
}

// It is to go, and has come to the end of a step.
void Front::leave_when_quiet(Session& session) {
  if (session.interrupted) return;  // another step comes
  if (can_go(session)) {
    if (session.receiving || session.sending || has_output(session)) return;
    return leave(session);
  }
  stay(session);
  step(session);
}

// Its place on the other core is free again.
void Front::stay(Session& session) {
  if (!session.leaves_for) return;
  neighbours_.cores[*session.leaves_for]->sessions.fetch_sub(1, std::memory_order_relaxed);
  session.leaves_for.reset();
}

void Front::leave(Session& session) {
  auto moved = std::make_shared<MovedSession>(loop_.kernel());
  moved->fd = session.fd;
  moved->policy = session.policy->policy;
  moved->connector = session.connector;
  moved->principal = session.principal;
  moved->client = session.client;
  moved->standing = session.server.standing();
  if (session.tls == nullptr || session.tls->kernel_opens()) {
    if (session.fed) take_back(session);  // the server's part of it is in standing()
    ASSERT(session.carried.empty());
    while (!session.input.empty()) {
      const auto octets = front_of(session);
      moved->standing.unread.append(octets.data(), octets.size());
      take_back(session);
    }
  } else {
    session.carried.clear();
    session.tls->memory.reset();
  }
  moved->unwatched_by_milter = session.milter.passed;
  static_cast<Portable&>(*moved) = std::move(static_cast<Portable&>(session));

  const uint16_t to = *std::exchange(session.leaves_for, std::nullopt);
  ++given_away_;
  loop_.cancel_timer(session.timer);
  forget(session);
  neighbours_.cores[to]->mailbox->post(
      {.kind = ring::Letter::Kind::kSession, .object = std::move(moved)});
}

void Front::take_over(MovedSession& moved) {
  PolicyUse& use = use_of(moved.policy);
  Session* session = sessions_.acquire(moved.fd, use, moved.connector, moved.client);
  ASSERT(session != nullptr);  // whoever gave it has taken its place
  moved.fd = -1;
  ++use.sessions;
  static_cast<Portable&>(*session) = std::move(static_cast<Portable&>(moved));
  session->server.resume(moved.standing);
  session->carried = std::move(moved.standing.unread);
  session->milter.passed = moved.unwatched_by_milter;
  session->stays_until = loop_.now() + Placement::kStays;
  become(*session, moved.principal);
  arm_timer(*session, session->times_out_at());
  step(*session);
}

// The core's own count of the sessions under this policy.
PolicyUse& Front::use_of(const std::shared_ptr<const ServingPolicy>& policy) {
  const auto known = std::ranges::find(policies_, policy, &PolicyUse::policy);
  if (known != policies_.end()) return *known;
  // An older one, or a newer one whose letter is on its way.
  return policies_.emplace_front(policy, 0);
}

}  // namespace relais::front
