// One connection to a milter: receive, feed, act, send; and how it closes.
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "front/milters.h"

namespace relais::front {
namespace {

// How long a connection without work stays open.
constexpr Duration kIdle = seconds(60);
// Answers are short, and read at once: a few buffers serve any number of connections. They are not
// the sessions' buffers, which sessions may hold while they wait for a milter.
constexpr uint32_t kBuffers = 16;
constexpr uint32_t kBufferOctets = 4096;
// What a connection may keep of its output string.
constexpr size_t kMilterOutputKept = 64 * 1024;
// What libmilter does when it may not change messages and the filter insists.
constexpr std::string_view kNotNegotiated =
    "it closed the connection in the negotiation; perhaps it wants to change messages";
constexpr std::string_view kInet = "inet:";
constexpr std::string_view kUnix = "unix:";

// The length of the address; 0: the name is none.
uint32_t parse_address(std::string_view name, sockaddr_storage& address) {
  if (name.starts_with(kInet)) {
    const auto endpoint = Endpoint::parse(name.substr(kInet.size()));
    return endpoint ? endpoint->to_sockaddr(address) : 0;
  }
  if (!name.starts_with(kUnix)) return 0;
  const std::string_view path = name.substr(kUnix.size());
  sockaddr_un local{};
  if (path.empty() || path.size() >= sizeof local.sun_path) return 0;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  std::memcpy(&address, &local, sizeof local);
  return sizeof local;
}

Result<int> make_socket(ring::Kernel& kernel, const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return kernel.unix_socket();
  return kernel.socket(address.ss_family == AF_INET ? IpAddress::Family::kV4
                                                    : IpAddress::Family::kV6);
}

}  // namespace

ring::Token Milters::token(ring::Operation operation, const MilterLink& link) const {
  return {operation, links_.handle_of(&link)};
}

// False: it cannot be tried, and is marked down.
bool Milters::connect(uint32_t index, MilterTalk& talk) {
  Pool& pool = pools_[index];
  if (buffers_ == nullptr) {
    const auto buffers = loop_.add_buffers(kBuffers, kBufferOctets);
    if (!buffers) {
      mark_down(pool, describe(buffers.error()));
      return false;
    }
    buffers_ = *buffers;
  }
  sockaddr_storage address{};
  const uint32_t length = parse_address(pool.name, address);
  const Result<int> fd =
      length == 0 ? std::unexpected(Error::kInvalid) : make_socket(loop_.kernel(), address);
  if (!fd) {
    mark_down(pool, describe(fd.error()));
    return false;
  }
  MilterLink* link = links_.acquire(index, *fd);
  ASSERT(link != nullptr);
  pool.links.push_back(links_.handle_of(link));
  ++pool.connecting;
  link->connecting = true;
  link->address = address;
  loop_.connect(link->fd, link->address, length, token(ring::Operation::kMilterConnect, *link));
  assign(*link, talk);
  return true;
}

void Milters::on_connect(MilterLink& link, const ring::Completion& completion) {
  link.connecting = false;
  if (link.closing) return close_when_quiet(link);
  if (!completion.ok()) return lose(link, describe(completion.error()));
  arm_receive(link);
  mark_dirty(link);
}

void Milters::arm_receive(MilterLink& link) {
  ASSERT(!link.receiving);
  link.receiving = true;
  loop_.receive(link.fd, *buffers_, token(ring::Operation::kMilterReceive, link));
}

void Milters::on_receive(MilterLink& link, const ring::Completion& completion) {
  if (completion.unparked) {
    if (!link.closing && !link.receiving) arm_receive(link);
    return;
  }
  if (completion.has_buffer) {
    if (completion.result > 0 && !link.closing) {
      link.heard = true;
      link.client.feed(
          buffers_->bytes(completion.buffer, static_cast<uint32_t>(completion.result)));
      hear(link);
    }
    buffers_->give_back(completion.buffer);
  }
  link.receiving = false;
  if (link.closing) return close_when_quiet(link);
  if (completion.result == 0)
    return lose(link, link.client.ready() ? "it closed the connection" : kNotNegotiated);
  if (!completion.ok() && completion.error() == Error::kNoBuffers) {
    return buffers_->park(completion.token);
  }
  if (!completion.ok()) return lose(link, describe(completion.error()));
  arm_receive(link);
}

// Acts on what the milter said, and on what needed no word of it.
void Milters::hear(MilterLink& link) {
  using Kind = milter::Event::Kind;
  mark_dirty(link);
  for (;;) {
    const milter::Event event = link.client.next();
    MilterTalk* talk = talks_.get(link.talk);
    switch (event.kind) {
      case Kind::kNeedInput:
        if (talk != nullptr) check_room(*talk, link);
        return;
      case Kind::kReady:
        --pools_[link.pool].connecting;
        mark_up(pools_[link.pool]);
        break;
      case Kind::kProgress:
        if (talk != nullptr && talk->asking) expect(*talk, patience_with(*talk));
        break;
      case Kind::kAnswer:
        ASSERT(talk != nullptr && talk->asking);
        talk->asking = talk->beginning = false;
        talk->due = {};
        push(*talk, MilterEvent::Kind::kAnswer, event.verdict, event.verdict.text);
        break;
      case Kind::kUnusable:
        if (talk != nullptr) talk->retried = true;  // it would only say the same again
        return lose(link, event.why);
    }
  }
}

// ---- sending

void Milters::mark_dirty(MilterLink& link) {
  if (std::exchange(link.dirty, true)) return;
  dirty_.push_back(links_.handle_of(&link));
}

void Milters::flush() {
  for (const Handle handle : std::exchange(dirty_, {})) {
    MilterLink* link = links_.get(handle);
    if (link == nullptr) continue;
    link->dirty = false;
    send(*link);
  }
}

void Milters::send(MilterLink& link) {
  if (link.sending || link.connecting || link.closing) return;
  if (link.client.output().empty()) {
    if (link.quitting) begin_close(link);
    return;
  }
  link.out.clear();
  if (link.out.capacity() > kMilterOutputKept) link.out = {};
  std::swap(link.out, link.client.output_buffer());
  link.out_sent = 0;
  link.sending = true;
  loop_.send(link.fd, link.out, token(ring::Operation::kMilterSend, link));
}

void Milters::on_send(MilterLink& link, const ring::Completion& completion) {
  link.sending = false;
  if (link.closing) return close_when_quiet(link);
  // What it said before it closed is worth hearing: the receive tells.
  if (!completion.ok() && link.receiving) return;
  if (!completion.ok()) return lose(link, describe(completion.error()));
  link.out_sent += static_cast<size_t>(completion.result);
  if (link.out_sent < link.out.size()) {
    link.sending = true;
    const auto left = std::span<const char>(link.out).subspan(link.out_sent);
    return loop_.send(link.fd, left, completion.token);
  }
  link.out.clear();
  link.out_sent = 0;
  if (MilterTalk* talk = talks_.get(link.talk)) check_room(*talk, link);
  mark_dirty(link);
}

// ---- idle, and the end

// It has nothing to do: whoever waits may have it.
void Milters::rest(MilterLink& link) {
  Pool& pool = pools_[link.pool];
  while (!pool.waiting.empty()) {
    MilterTalk* talk = talks_.get(pool.waiting.front());
    const bool waits = talk != nullptr && talk->asking && talk->link.is_null();
    if (waits && !can_serve(link, *talk)) return quit(link);
    pool.waiting.pop_front();
    if (waits) return assign(link, *talk);
  }
  if (draining_) return quit(link);
  link.idle_since = loop_.now();
  pool.idle.push_back(links_.handle_of(&link));
  if (link.timer.is_null())
    link.timer =
        loop_.arm_timer(loop_.now() + kIdle, token(ring::Operation::kMilterLinkTimer, link));
}

void Milters::on_link_timer(MilterLink& link) {
  link.timer = {};
  if (link.closing || link.quitting || !link.talk.is_null()) return;
  const Instant end = link.idle_since + kIdle;
  if (loop_.now() >= end) return quit(link);
  link.timer = loop_.arm_timer(end, token(ring::Operation::kMilterLinkTimer, link));
}

void Milters::quit(MilterLink& link) {
  std::erase(pools_[link.pool].idle, links_.handle_of(&link));
  link.quitting = true;
  link.client.quit();
  mark_dirty(link);
}

// The connection is of no more use. Its message starts again on a fresh one if the milter just did
// not want to be used again; else it has to do without.
void Milters::lose(MilterLink& link, std::string_view why) {
  if (link.closing) return;
  Pool& pool = pools_[link.pool];
  if (!link.client.ready()) mark_down(pool, why);
  MilterTalk* talk = talks_.get(link.talk);
  const bool used = link.messages > 0;
  if (talk != nullptr && link.introduced_again && !link.heard) pool.one_session_each = true;
  const std::string reason(why);  // it may be in the link
  begin_close(link);
  if (talk == nullptr) return;
  talk->link = {};
  if (used && talk->beginning && !talk->retried) {
    talk->retried = true;
    return place(*talk, true);
  }
  fail(*talk, reason);
}

void Milters::begin_close(MilterLink& link) {
  if (link.closing) return;
  link.closing = true;
  link.talk = {};
  Pool& pool = pools_[link.pool];
  if (!link.client.ready()) --pool.connecting;
  std::erase(pool.idle, links_.handle_of(&link));
  if (link.connecting || link.receiving || link.sending) loop_.cancel_all(link.fd);
  close_when_quiet(link);
}

void Milters::close_when_quiet(MilterLink& link) {
  ASSERT(link.closing);
  if (link.connecting || link.receiving || link.sending || link.fd < 0) return;
  loop_.close(std::exchange(link.fd, -1), token(ring::Operation::kMilterClose, link));
}

void Milters::retire(MilterLink& link) {
  Pool& pool = pools_[link.pool];
  std::erase(pool.links, links_.handle_of(&link));
  loop_.cancel_timer(link.timer);
  links_.release(&link);
  // There is room for one more.
  while (!pool.waiting.empty()) {
    MilterTalk* talk = talks_.get(pool.waiting.front());
    pool.waiting.pop_front();
    if (talk != nullptr && talk->asking && talk->link.is_null()) return place(*talk, false);
  }
}

void Milters::on_completion(const ring::Completion& completion) {
  const Handle handle = completion.token.handle;
  if (completion.token.operation == ring::Operation::kMilterTalkTimer) {
    if (MilterTalk* talk = talks_.get(handle)) on_talk_timer(*talk);
    return;
  }
  MilterLink* link = links_.get(handle);
  if (link == nullptr) return;
  switch (completion.token.operation) {
    case ring::Operation::kMilterConnect:
      return on_connect(*link, completion);
    case ring::Operation::kMilterReceive:
      return on_receive(*link, completion);
    case ring::Operation::kMilterSend:
      return on_send(*link, completion);
    case ring::Operation::kMilterLinkTimer:
      return on_link_timer(*link);
    case ring::Operation::kMilterClose:
      return retire(*link);
    default:
      ASSERT(false);
  }
}

}  // namespace relais::front
