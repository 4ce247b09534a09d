// Pools, and what a message asks. The connections themselves: milter_io.cpp.
#include "front/milters.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace relais::front {
namespace {

constexpr Duration kRetryFirst = seconds(1);
constexpr Duration kRetryMax = seconds(60);
// The milter's work is done at the end of data: it may take so many time-outs there.
constexpr int64_t kEndPatience = 4;
constexpr std::string_view kNoAnswer = "no answer in time";
constexpr uint32_t kLinksOfCore = 4 * Milters::kLinksMax;

}  // namespace

Milters::Milters(ring::Loop& loop, Observer& observer, uint32_t sessions_max)
    : loop_(loop), observer_(observer), talks_(sessions_max), links_(kLinksOfCore) {}

Milters::~Milters() {
  links_.for_each([this](MilterLink& link) {
    if (link.fd >= 0) loop_.kernel().close(link.fd);
  });
}

uint32_t Milters::pool_of(std::string_view name) {
  const auto found = std::ranges::find(pools_, name, &Pool::name);
  if (found != pools_.end()) return static_cast<uint32_t>(found - pools_.begin());
  pools_.emplace_back().name = name;
  return static_cast<uint32_t>(pools_.size() - 1);
}

Handle Milters::begin(std::string_view name, MilterRequest request) {
  MilterTalk* talk = talks_.acquire(pool_of(name), std::move(request));
  ASSERT(talk != nullptr);  // one a session at most
  talk->asking = true;
  expect(*talk, talk->request.timeout);
  place(*talk, false);
  return talks_.handle_of(talk);
}

// Gives it a connection, or lets it wait for one. `fresh`: one that has carried nothing yet.
void Milters::place(MilterTalk& talk, bool fresh) {
  Pool& pool = pools_[talk.pool];
  if (!fresh) {
    if (MilterLink* link = find_idle(pool, talk)) return assign(*link, talk);
  }
  // While it is in trouble one connection finds out whether that is over.
  const bool trying = pool.failures > 0 && pool.connecting > 0;
  if (pool.retry_at > loop_.now() || trying)
    return fail(talk, "it is left alone for a while: " + pool.trouble);
  if (pool.links.size() < kLinksMax && !links_.full()) {
    if (!connect(talk.pool, talk)) fail(talk, pool.trouble);
    return;
  }
  pool.waiting.push_back(talks_.handle_of(&talk));
  // One that can serve no other session makes room.
  if (!pool.idle.empty()) quit(*links_.get(pool.idle.front()));
}

bool Milters::can_serve(const MilterLink& link, const MilterTalk& talk) {
  if (link.served == talk.request.session && link.served_hellos == talk.request.hellos)
    return link.client.may_begin_message();
  const bool reusable = link.served.is_null() || !pools_[link.pool].one_session_each;
  return reusable && link.client.may_begin_session();
}

// The one that knows this SMTP client; else the one used last, so that the others can go.
MilterLink* Milters::find_idle(Pool& pool, const MilterTalk& talk) {
  MilterLink* best = nullptr;
  for (const Handle handle : pool.idle) {
    MilterLink* link = links_.get(handle);
    ASSERT(link != nullptr);
    if (!can_serve(*link, talk)) continue;
    best = link;
    if (link->served == talk.request.session) break;
  }
  return best;
}

void Milters::assign(MilterLink& link, MilterTalk& talk) {
  const MilterRequest& request = talk.request;
  std::erase(pools_[link.pool].idle, links_.handle_of(&link));
  link.talk = talks_.handle_of(&talk);
  talk.link = links_.handle_of(&link);
  const bool known = link.served == request.session && link.served_hellos == request.hellos;
  link.introduced_again = !known && !link.served.is_null();
  link.heard = false;
  if (!known) {
    link.client.begin_session({.remote = request.remote,
                               .local = request.local,
                               .hello = request.hello,
                               .fqdn = request.fqdn,
                               .connector = request.connector});
    link.served = request.session;
    link.served_hellos = request.hellos;
  }
  link.client.begin_message({.sender = request.sender,
                             .id = request.id,
                             .size = request.size,
                             .eight_bit = request.eight_bit});
  hear(link);
}

MilterLink* Milters::link_of(MilterTalk& talk) {
  return talk.link.is_null() ? nullptr : links_.get(talk.link);
}

void Milters::recipient(Handle handle, std::string_view address) {
  MilterTalk* talk = talks_.get(handle);
  if (MilterLink* link = link_of(*talk)) link->client.recipient(address);
  ask(*talk);
}

void Milters::data(Handle handle) {
  MilterTalk* talk = talks_.get(handle);
  if (MilterLink* link = link_of(*talk)) link->client.data();
  ask(*talk);
}

void Milters::end(Handle handle) {
  MilterTalk* talk = talks_.get(handle);
  talk->ending = true;
  if (MilterLink* link = link_of(*talk)) link->client.end();
  ask(*talk);
}

void Milters::ask(MilterTalk& talk) {
  ASSERT(!talk.asking);
  talk.asking = true;
  MilterLink* link = link_of(talk);
  if (link == nullptr) return fail(talk, std::string(talk.trouble));
  expect(talk, patience_with(talk));
  hear(*link);
}

void Milters::content(Handle handle, std::string_view wire) {
  MilterTalk* talk = talks_.get(handle);
  MilterLink* link = link_of(*talk);
  if (link == nullptr) return;
  link->client.content(wire);
  mark_dirty(*link);
  if (link->client.backlog() + link->out.size() - link->out_sent <= kBacklogMax) return;
  talk->full = true;
  expect(*talk, talk->request.timeout);
}

bool Milters::full(Handle handle) {
  const MilterTalk* talk = talks_.get(handle);
  return talk != nullptr && talk->full;
}

void Milters::check_room(MilterTalk& talk, MilterLink& link) {
  const size_t octets = link.client.backlog() + link.out.size() - link.out_sent;
  if (!talk.full || octets > kBacklogMax / 2) return;
  talk.full = false;
  if (!talk.asking) talk.due = {};
  push(talk, MilterEvent::Kind::kRoom, {}, {});
}

void Milters::release(Handle handle) {
  MilterTalk* talk = talks_.get(handle);
  if (talk == nullptr) return;
  MilterLink* link = link_of(*talk);
  loop_.cancel_timer(talk->timer);
  talks_.release(talk);
  if (link == nullptr || link->closing) return;
  link->talk = {};
  ++link->messages;
  const bool reusable = link->client.finish();
  mark_dirty(*link);  // what is left of the message, and perhaps an ABORT
  if (!reusable) return begin_close(*link);
  rest(*link);
}

// ---- time, failure, health

Duration Milters::patience_with(const MilterTalk& talk) {
  return talk.request.timeout * (talk.ending ? kEndPatience : 1);
}

void Milters::expect(MilterTalk& talk, Duration patience) {
  talk.due = loop_.now() + patience;
  if (talk.timer.is_null())
    talk.timer =
        loop_.arm_timer(talk.due, {ring::Operation::kMilterTalkTimer, talks_.handle_of(&talk)});
}

// One timer a message, looked at when it fires.
void Milters::on_talk_timer(MilterTalk& talk) {
  talk.timer = {};
  if (talk.due == Instant{}) return;
  if (loop_.now() < talk.due) {
    talk.timer =
        loop_.arm_timer(talk.due, {ring::Operation::kMilterTalkTimer, talks_.handle_of(&talk)});
    return;
  }
  talk.due = {};
  MilterLink* link = link_of(talk);
  if (link == nullptr) return fail(talk, "all connections to it are busy");
  talk.retried = true;  // it has had its time
  mark_down(pools_[talk.pool], kNoAnswer);
  lose(*link, kNoAnswer);
}

void Milters::fail(MilterTalk& talk, std::string_view why) {
  std::string reason(why);  // it may be talk.trouble, or the link's
  talk.trouble = std::move(reason);
  talk.link = {};
  talk.due = {};
  if (std::exchange(talk.full, false)) push(talk, MilterEvent::Kind::kRoom, {}, {});
  if (std::exchange(talk.asking, false)) push(talk, MilterEvent::Kind::kFailed, {}, talk.trouble);
}

void Milters::push(const MilterTalk& talk, MilterEvent::Kind kind, const milter::Verdict& verdict,
                   std::string_view text) {
  events_.push_back({.kind = kind,
                     .session = talk.request.session,
                     .talk = talks_.handle_of(&talk),
                     .verdict = verdict,
                     .text = std::string(text)});
}

bool Milters::next_event(MilterEvent& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.pop_front();
  event.verdict.text = event.text;
  return true;
}

void Milters::mark_down(Pool& pool, std::string_view why) {
  // Connections that were made together fail together: that counts once.
  if (pool.retry_at > loop_.now() || draining_) return;
  ++pool.failures;
  const Duration wait = growing_wait(kRetryFirst, kRetryMax, pool.failures);
  pool.retry_at = loop_.now() + wait;
  pool.trouble = why;
  observer_.on_milter(pool.name, false, why, loop_.wall_now() + wait);
}

void Milters::mark_up(Pool& pool) {
  if (pool.failures > 0) observer_.on_milter(pool.name, true, {}, {});
  pool.failures = 0;
  pool.retry_at = {};
}

void Milters::drain() {
  draining_ = true;
  for (Pool& pool : pools_) {
    while (!pool.idle.empty()) quit(*links_.get(pool.idle.back()));
  }
}

}  // namespace relais::front
