// Pools, and what a message asks. The connections themselves: upstream_io.cpp.
#include "upstream/upstreams.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace relais::upstream {
namespace {

// All pools of a core together.
constexpr uint32_t kLinksMax = 8192;
// A pool that no message has used for so long forgets what it knew about its hosts.
constexpr Duration kForgetAfter = minutes(10);
// Messages that one connection carries.
constexpr uint32_t kMessagesMax = 1000;
constexpr uint16_t kRefusedHere = 554;
// Nobody can have taken what has not left.
constexpr std::string_view kTooSoon = "answered the end of data before it had it all";
constexpr smtp::PeerReply kTooLarge{552, "5.3.4 Message size exceeds the maximum of the next hop"};

}  // namespace

Upstreams::Pool::Pool(const Target& what)
    : target(what), balancer(static_cast<uint32_t>(what.hosts.size())) {
  for (const Endpoint& endpoint : what.hosts)
    hosts.push_back({.endpoint = endpoint, .name = endpoint.to_string()});
}

Upstreams::Upstreams(ring::Loop& loop, Observer& observer, uint32_t sessions_max)
    : loop_(loop), observer_(observer), talks_(sessions_max), links_(kLinksMax) {}

Upstreams::~Upstreams() {
  links_.for_each([this](Link& link) {
    if (link.fd >= 0) loop_.kernel().close(link.fd);
  });
}

uint32_t Upstreams::pool_of(const Target& target) {
  const auto found = std::ranges::find(pools_, target, &Pool::target);
  if (found != pools_.end()) return static_cast<uint32_t>(found - pools_.begin());
  pools_.emplace_back(target);
  return static_cast<uint32_t>(pools_.size() - 1);
}

Handle Upstreams::begin(const Target& target, Handle owner, Mail mail) {
  const uint32_t pool = pool_of(target);
  Talk* talk = talks_.acquire(pool, owner, std::move(mail));
  ASSERT(talk != nullptr);  // one a session at most
  pools_[pool].used = loop_.now();
  talk->asked = Talk::Asked::kPlace;
  place(*talk, false);
  return talks_.handle_of(talk);
}

// Gives it a connection, or lets it wait for one. `fresh`: one that has carried nothing yet.
void Upstreams::place(Talk& talk, bool fresh) {
  Pool& pool = pools_[talk.pool];
  while (const auto index = pool.balancer.pick(loop_.now(), talk.tried)) {
    Host& host = pool.hosts[*index];
    if (Link* link = fresh ? nullptr : take_idle(pool, host, talk)) return assign(*link, talk);
    if (host.connections >= pool.target.connections_max || links_.full()) {
      pool.waiting.push_back(talks_.handle_of(&talk));
      talk.due = loop_.now() + kPlacePatience;
      if (talk.timer.is_null())
        talk.timer = loop_.arm_timer(
            talk.due, {ring::Operation::kUpstreamTalkTimer, talks_.handle_of(&talk)});
      return;
    }
    if (Link* link = connect(talk.pool, *index, &talk.mail)) return assign(*link, talk);
    talk.tried |= uint64_t{1} << *index;
  }
  fail(talk, all_trouble(pool));
}

// Null: none is idle that may carry it. Where all places are taken by those of other clients, the
// one that has been idle for the longest time makes room.
Link* Upstreams::take_idle(const Pool& pool, Host& host, const Talk& talk) {
  if (host.idle.empty()) return nullptr;
  auto found = std::prev(host.idle.end());
  if (pool.target.way.names_clients()) {
    found = std::ranges::find_if(
        host.idle, [&](Handle idle) { return links_.get(idle)->names == talk.mail.client; });
    if (found == host.idle.end()) {
      if (host.connections >= pool.target.connections_max) quit(*links_.get(host.idle.front()));
      return nullptr;
    }
  }
  Link* link = links_.get(*found);
  host.idle.erase(found);
  return link;
}

void Upstreams::assign(Link& link, Talk& talk) {
  link.talk = talks_.handle_of(&talk);
  talk.link = links_.handle_of(&link);
  talk.host = link.host;
  talk.due = {};
  pools_[link.pool].balancer.began(link.host);
  if (!link.greeted) return;  // on its way
  introduce(link, talk);
}

// It can be talked to: MAIL, and once more those recipients that another connection has left
// without an answer.
void Upstreams::introduce(Link& link, Talk& talk) {
  const smtp::MailCommand mail = talk.mail.command();
  const smtp::Extensions& offered = link.client.extensions();
  const std::string_view why = cannot_take(offered, mail);
  const bool too_large = offered.size_max != 0 && mail.size > offered.size_max;
  const bool fits = why.empty() && !too_large;
  if (talk.asked == Talk::Asked::kPlace) {
    talk.asked = Talk::Asked::kNothing;
    if (fits) push(talk, Event::Kind::kPlaced, 0, {});
    if (!why.empty()) return push(talk, Event::Kind::kPlaced, kRefusedHere, why);
    if (too_large) return push(talk, Event::Kind::kPlaced, kTooLarge.code, kTooLarge.text);
  } else if (!fits) {
    // The owner was told that it fits, so this host is not the one.
    unbind(link);
    talk.link = {};
    talk.tried |= uint64_t{1} << link.host;
    rest(link);
    return place(talk, false);
  }
  talk.begun = true;
  talk.without_dsn = !offered.dsn;
  link.client.begin(mail);
  for (const Talk::Recipient& recipient : talk.unanswered)
    link.client.recipient(recipient.address, {recipient.notify, recipient.orcpt});
  if (talk.asked == Talk::Asked::kNothing) return;
  expect(link, pools_[link.pool].target.timeout);
  mark_dirty(link);
}

Link* Upstreams::link_of(const Talk& talk) {
  return talk.link.is_null() ? nullptr : links_.get(talk.link);
}

void Upstreams::recipient(Handle handle, std::string_view address, const smtp::RecipientDsn& dsn) {
  Talk* talk = talks_.get(handle);
  talk->unanswered.push_back({std::string(address), dsn.notify, std::string(dsn.orcpt)});
  if (Link* link = link_of(*talk)) link->client.recipient(address, dsn);
  ask(*talk, Talk::Asked::kRecipient);
}

void Upstreams::data(Handle handle) {
  Talk* talk = talks_.get(handle);
  if (Link* link = link_of(*talk)) link->client.data();
  ask(*talk, Talk::Asked::kData);
}

void Upstreams::end(Handle handle) {
  Talk* talk = talks_.get(handle);
  if (talk->early_code != 0)
    return push(*talk, Event::Kind::kReply, talk->early_code, talk->early_text);
  if (Link* link = link_of(*talk)) {
    link->client.content(std::exchange(talk->front, {}));
    link->client.end();
  }
  ask(*talk, Talk::Asked::kEnd);
}

void Upstreams::ask(Talk& talk, Talk::Asked asked) {
  talk.asked = asked;
  Link* link = link_of(talk);
  if (link == nullptr) return fail(talk, std::string(talk.trouble));
  const Duration timeout = pools_[talk.pool].target.timeout;
  expect(*link, asked == Talk::Asked::kEnd ? timeout * 2 : timeout);
  hear(*link);
}

void Upstreams::content_front(Handle handle, std::string_view wire) {
  Talk* talk = talks_.get(handle);
  talk->content = true;
  talk->front = wire;
}

void Upstreams::content(Handle handle, std::string_view wire, bool undotted) {
  Talk* talk = talks_.get(handle);
  Link* link = link_of(*talk);
  talk->content = true;
  if (link == nullptr || talk->over) return;
  link->client.content(std::exchange(talk->front, {}));
  link->client.content(wire, undotted);
  mark_dirty(*link);
  if (link->client.backlog() + link->out.size() - link->out_sent <= kBacklogMax) return;
  talk->full = true;
  expect(*link, pools_[talk->pool].target.timeout);
}

bool Upstreams::full(Handle handle) {
  const Talk* talk = talks_.get(handle);
  return talk != nullptr && talk->full;
}

void Upstreams::check_room(Talk& talk, const Link& link) {
  const size_t octets = link.client.backlog() + link.out.size() - link.out_sent;
  if (!talk.full || octets > kBacklogMax / 2) return;
  talk.full = false;
  push(talk, Event::Kind::kRoom, 0, {});
}

// ... while nothing is being sent: with room there is no progress to wait for, but for an answer.
void Upstreams::check_room_at_rest(Talk& talk, Link& link) {
  const bool was_full = talk.full;
  check_room(talk, link);
  if (was_full && !talk.full && talk.asked == Talk::Asked::kNothing) link.due = {};
}

std::string_view Upstreams::host_of(Handle handle) const {
  const Talk* talk = talks_.get(handle);
  return talk == nullptr ? std::string_view{}
                         : std::string_view(pools_[talk->pool].hosts[talk->host].name);
}

bool Upstreams::without_dsn(Handle handle) const {
  const Talk* talk = talks_.get(handle);
  return talk != nullptr && talk->without_dsn;
}

// An answer of the upstream to what its message asked.
void Upstreams::answer(Link& link, const smtp::StreamEvent& event) {
  using Kind = smtp::StreamEvent::Kind;
  Talk* talk = talks_.get(link.talk);
  ASSERT(talk != nullptr);  // of what was given up no answer is an event
  if (event.kind == Kind::kEnd) {
    const bool taken = event.reply.code < 300;
    if (taken && link.client.backlog() > 0) return lose(link, Failure::kProtocol, kTooSoon);
    if (taken && link.sending) {  // whether it is all of it, the completion will tell
      link.taken = true;
      link.taken_text = event.reply.text;
      return;
    }
    talk->over = true;
    if (taken) ++pools_[link.pool].hosts[link.host].counted.messages;
    if (talk->asked != Talk::Asked::kEnd) {
      // What is still to come of the content goes nowhere.
      talk->early_code = event.reply.code;
      talk->early_text = event.reply.text;
      link.due = {};
      if (std::exchange(talk->full, false)) push(*talk, Event::Kind::kRoom, 0, {});
      return;
    }
  }
  if (event.kind == Kind::kRecipient) talk->unanswered.erase(talk->unanswered.begin());
  if (talk->unanswered.empty()) {
    talk->asked = Talk::Asked::kNothing;
    link.due = {};
  }
  push(*talk, Event::Kind::kReply, event.reply.code, event.reply.text);
}

// What was left of the content when its 250 came has been sent, `all` of it or not.
void Upstreams::on_taken(Link& link, bool all) {
  if (!std::exchange(link.taken, false)) return;
  if (!all) return lose(link, Failure::kProtocol, kTooSoon);
  const std::string text = std::exchange(link.taken_text, {});
  answer(link, {.kind = smtp::StreamEvent::Kind::kEnd, .reply = {250, text}});
}

void Upstreams::unbind(Link& link) {
  if (std::exchange(link.talk, {}).is_null()) return;
  link.due = {};
  pools_[link.pool].balancer.ended(link.host);
}

void Upstreams::release(Handle handle) {
  Talk* talk = talks_.get(handle);
  if (talk == nullptr) return;
  Link* link = link_of(*talk);
  loop_.cancel_timer(talk->timer);
  talks_.release(talk);
  if (link == nullptr || link->closing) return;
  unbind(*link);
  if (!link->greeted) return expect(*link, kPlacePatience);  // it will be somebody else's
  ++link->messages;
  if (!link->client.abandon()) return begin_close(*link);
  // The message has come to a clean end, whatever its fate: this is an upstream that works.
  pools_[link->pool].balancer.succeeded(link->host, loop_.now());
  if (link->messages >= kMessagesMax) return quit(*link);
  rest(*link);
}

// There may be a connection for those who wait.
void Upstreams::serve_waiting(uint32_t index) {
  Pool& pool = pools_[index];
  while (!pool.waiting.empty()) {
    Talk* talk = talks_.get(pool.waiting.front());
    const bool waits =
        talk != nullptr && talk->asked != Talk::Asked::kNothing && talk->link.is_null();
    if (!waits) {
      pool.waiting.pop_front();
      continue;
    }
    const auto room = [&](const Host& host) {
      return !host.idle.empty() || host.connections < pool.target.connections_max;
    };
    if (std::ranges::none_of(pool.hosts, room)) return;
    pool.waiting.pop_front();
    const size_t others = pool.waiting.size();
    place(*talk, false);
    if (pool.waiting.size() > others) return;  // it waits again
  }
}

// ---- time, failure, health

void Upstreams::on_talk_timer(Talk& talk) {
  talk.timer = {};
  if (talk.due == Instant{}) return;
  if (loop_.now() < talk.due) {
    talk.timer =
        loop_.arm_timer(talk.due, {ring::Operation::kUpstreamTalkTimer, talks_.handle_of(&talk)});
    return;
  }
  fail(talk, "all connections to the upstreams are busy");
}

void Upstreams::fail(Talk& talk, std::string_view why) {
  std::string reason(why);  // it may be talk.trouble, or the link's
  talk.trouble = std::move(reason);
  talk.link = {};
  talk.due = {};
  if (std::exchange(talk.full, false)) push(talk, Event::Kind::kRoom, 0, {});
  if (std::exchange(talk.asked, Talk::Asked::kNothing) == Talk::Asked::kNothing) return;
  const size_t questions = std::max<size_t>(1, talk.unanswered.size());
  talk.unanswered.clear();
  for (size_t i = 0; i < questions; ++i) push(talk, Event::Kind::kFailed, 0, talk.trouble);
}

void Upstreams::push(const Talk& talk, Event::Kind kind, uint16_t code, std::string_view text) {
  events_.push_back({.kind = kind,
                     .owner = talk.owner,
                     .talk = talks_.handle_of(&talk),
                     .code = code,
                     .text = std::string(text)});
}

bool Upstreams::next_event(Event& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

std::string Upstreams::all_trouble(const Pool& pool) const {
  std::string text;
  for (uint32_t i = 0; i < pool.hosts.size(); ++i) {
    const Host& host = pool.hosts[i];
    if (!text.empty()) text += "; ";
    text += host.name;
    text += ": ";
    text += host.trouble.empty() ? "cannot take it" : host.trouble;
    if (pool.balancer.circuit(i) != Circuit::kClosed) text += " (left alone for a while)";
  }
  return text;
}

void Upstreams::mark_failed(uint32_t index, uint32_t host_index, Failure failure,
                            std::string_view why) {
  if (draining_) return;
  Pool& pool = pools_[index];
  Host& host = pool.hosts[host_index];
  ++host.counted.failures[static_cast<size_t>(failure)];
  host.trouble = why;
  // One client that it turns away does not take it from all others.
  if (failure == Failure::kClient) return;
  if (!pool.balancer.failed(host_index, loop_.now())) return;
  observer_.on_upstream(host.name, false, why,
                        loop_.wall_now() + pool.balancer.open_time(host_index));
  arm_trials(index);
}

void Upstreams::mark_good(uint32_t index, uint32_t host) {
  Pool& pool = pools_[index];
  // Of one that is in use a hello says little: some greet everybody and then fall apart.
  if (pool.balancer.circuit(host) != Circuit::kHalfOpen) return;
  pool.balancer.succeeded(host, loop_.now());
  pool.hosts[host].trouble.clear();
  observer_.on_upstream(pool.hosts[host].name, true, {}, {});
}

void Upstreams::arm_trials(uint32_t index) {
  Pool& pool = pools_[index];
  loop_.cancel_timer(pool.timer);
  const auto when = pool.balancer.next_trial();
  if (!when || draining_) return;
  pool.timer = loop_.arm_timer(*when, {ring::Operation::kUpstreamTrialTimer, {index, 0}});
}

void Upstreams::try_again(uint32_t index) {
  Pool& pool = pools_[index];
  pool.timer = {};
  if (draining_) return;
  const bool busy =
      std::ranges::any_of(pool.hosts, [](const Host& h) { return h.connections > 0; });
  if (!busy && loop_.now() - pool.used > kForgetAfter) {
    pool.balancer = Balancer(static_cast<uint32_t>(pool.hosts.size()));
    return;
  }
  while (const auto host = pool.balancer.take_trial(loop_.now()))
    [[maybe_unused]] const Link* link = connect(index, *host);  // it answers for itself
  arm_trials(index);
}

void Upstreams::drain() {
  draining_ = true;
  for (Pool& pool : pools_) {
    for (Host& host : pool.hosts) {
      while (!host.idle.empty()) quit(*links_.get(host.idle.back()));
    }
    loop_.cancel_timer(pool.timer);
  }
  links_.for_each([this](Link& link) {
    if (link.talk.is_null() && !link.quitting) begin_close(link);
  });
}

Figures Upstreams::figures() const {
  Figures figures{.connections = links_.size()};
  for (const Pool& pool : pools_) {
    for (uint32_t i = 0; i < pool.hosts.size(); ++i) {
      figures.outstanding += pool.balancer.outstanding(i);
      figures.open_circuits += pool.balancer.circuit(i) == Circuit::kClosed ? 0 : 1;
    }
  }
  return figures;
}

std::vector<HostFigures> Upstreams::host_figures() const {
  std::vector<HostFigures> all;
  for (const Pool& pool : pools_) {
    for (uint32_t i = 0; i < pool.hosts.size(); ++i) {
      const Host& host = pool.hosts[i];
      HostFigures figures = host.counted;
      figures.name = host.name;
      figures.connections = host.connections;
      figures.outstanding = pool.balancer.outstanding(i);
      figures.cores = 1;
      figures.left_alone = pool.balancer.circuit(i) == Circuit::kClosed ? 0 : 1;
      figures.shares = figures.left_alone != 0 ? 0 : pool.balancer.weight(i, loop_.now());
      add_to(all, figures);
    }
  }
  return all;
}

}  // namespace relais::upstream
