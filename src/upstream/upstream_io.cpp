// One connection to an upstream: receive, feed, act, send; and how it closes.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "smtp/proxy_header.h"
#include "upstream/upstreams.h"

namespace relais::upstream {
namespace {

// How long a connection without work stays open.
constexpr Duration kIdle = seconds(30);
// From the connect to the reply to EHLO. Other hosts wait for their turn behind it.
constexpr Duration kHelloPatience = seconds(15);
constexpr Duration kQuitPatience = seconds(2);
// For what it has said before a send failed.
constexpr Duration kLastWordsPatience = seconds(1);
// Replies are short, and read at once: a few buffers serve any number of connections.
constexpr uint32_t kBuffers = 64;
constexpr uint32_t kBufferOctets = 4096;
// What a connection may keep of each of its output strings while it is idle.
constexpr size_t kKept = 32 * 1024;
constexpr std::string_view kNoAnswer = "no answer in time";
constexpr std::string_view kClosed = "it closed the connection";

}  // namespace

ring::Token Upstreams::token(ring::Operation operation, const Link& link) const {
  return {operation, links_.handle_of(&link)};
}

// Null: it cannot be tried, and has been marked so.
Link* Upstreams::connect(uint32_t index, uint32_t host_index, const Mail* mail) {
  Pool& pool = pools_[index];
  Host& host = pool.hosts[host_index];
  if (buffers_ == nullptr) {
    const auto buffers = loop_.add_buffers(kBuffers, kBufferOctets);
    if (!buffers) {
      mark_failed(index, host_index, Failure::kConnect, describe(buffers.error()));
      return nullptr;
    }
    buffers_ = *buffers;
  }
  const Way& way = pool.target.way;
  smtp::ClientOptions options = client_options(pool, host);
  if (way.xclient && mail != nullptr) options.client = mail->client;
  const Result<int> fd = loop_.kernel().socket(host.endpoint.address.family());
  Link* link = fd ? links_.acquire(index, host_index, *fd, options) : nullptr;
  if (link == nullptr) {
    if (fd) loop_.kernel().close(*fd);
    mark_failed(index, host_index, Failure::kConnect,
                fd ? "too many connections" : describe(fd.error()));
    return nullptr;
  }
  ++host.connections;
  ++host.counted.opened;
  link->connecting = true;
  if (way.names_clients() && mail != nullptr) link->names = mail->client;
  if (way.proxy_header && mail != nullptr)
    smtp::append_proxy_header(link->out, mail->client.remote, mail->client.local);
  else if (way.proxy_header)
    smtp::append_local_proxy_header(link->out);
  const uint32_t length = host.endpoint.to_sockaddr(link->address);
  loop_.connect(link->fd, link->address, length, token(ring::Operation::kUpstreamConnect, *link));
  expect(*link, std::min(kHelloPatience, pool.target.timeout));
  return link;
}

void Upstreams::on_connect(Link& link, const ring::Completion& completion) {
  link.connecting = false;
  if (link.closing) return close_when_quiet(link);
  if (!completion.ok()) return lose(link, Failure::kConnect, describe(completion.error()));
  arm_receive(link);
  if (!link.out.empty()) {  // its PROXY header comes before everything
    link.sending = true;
    loop_.send(link.fd, link.out, token(ring::Operation::kUpstreamSend, link));
  }
  if (pools_[link.pool].target.way.implicit_tls) begin_tls(link);
}

void Upstreams::arm_receive(Link& link) {
  ASSERT(!link.receiving);
  link.receiving = true;
  link.parked = false;
  loop_.receive(link.fd, *buffers_, token(ring::Operation::kUpstreamReceive, link));
}

void Upstreams::on_receive(Link& link, const ring::Completion& completion) {
  if (completion.unparked) {
    if (!link.closing && !link.receiving) arm_receive(link);
    return;
  }
  if (completion.has_buffer) {
    if (completion.result > 0 && !link.closing) {
      const auto bytes =
          buffers_->bytes(completion.buffer, static_cast<uint32_t>(completion.result));
      if (link.tls != nullptr) {
        read_tls(link, bytes);
      } else {
        link.client.feed(bytes);
        hear(link);
      }
    }
    buffers_->give_back(completion.buffer);
  }
  link.receiving = false;
  if (link.closing) return close_when_quiet(link);
  if (completion.result == 0) return lose(link, Failure::kClosed, kClosed);
  if (!completion.ok() && completion.error() == Error::kNoBuffers) {
    link.parked = true;
    return buffers_->park(completion.token);
  }
  if (!completion.ok()) return lose(link, Failure::kClosed, describe(completion.error()));
  arm_receive(link);
}

// Acts on what the upstream said, and on what needed no word of it.
void Upstreams::hear(Link& link) {
  using Kind = smtp::StreamEvent::Kind;
  mark_dirty(link);
  while (!link.closing) {
    const smtp::StreamEvent event = link.client.next();
    switch (event.kind) {
      case Kind::kNeedInput:
        // What a refusal has made needless waits no more.
        if (Talk* talk = talks_.get(link.talk); talk != nullptr && !link.sending)
          check_room_at_rest(*talk, link);
        // Half a line that nobody asked for: what it will be is not waited for.
        if (link.greeted && link.talk.is_null() && !link.quitting && !link.client.can_begin())
          return lose(link, Failure::kProtocol, "said something while it was idle");
        return;
      case Kind::kStartTls:
        return begin_tls(link);
      case Kind::kReady:
        if (link.tls != nullptr) keep_tickets(link);
        link.greeted = true;
        link.due = {};
        mark_good(link.pool, link.host);
        if (Talk* talk = talks_.get(link.talk))
          introduce(link, *talk);
        else
          rest(link);
        break;
      case Kind::kRecipient:
      case Kind::kData:
      case Kind::kEnd:
        answer(link, event);
        break;
      case Kind::kOver:
        return end_badly(link, event);
    }
  }
}

// The connection has no future, and the client says why.
void Upstreams::end_badly(Link& link, const smtp::StreamEvent& event) {
  std::string why = smtp::in_one_line(event.reply);
  if (link.client.violation()) return lose(link, Failure::kProtocol, why);
  const Way& way = pools_[link.pool].target.way;
  const bool refused = event.reply.code != 0 && !link.greeted;
  // A trial that named no client (LOCAL) was heard; whom the upstream serves is another question.
  if (refused && !link.names && way.proxy_header) {
    mark_good(link.pool, link.host);
    return begin_close(link);
  }
  const bool knows_client = link.names && (way.proxy_header || link.client.named_client());
  switch (event.stage) {
    case smtp::OpeningStage::kSession:
    case smtp::OpeningStage::kXclient:
      if (refused && knows_client)
        return lose(link, Failure::kClient, "does not serve this client: " + why);
      if (event.stage == smtp::OpeningStage::kXclient) return lose(link, Failure::kXclient, why);
      return lose(link, Failure::kRefused, why);
    case smtp::OpeningStage::kTls:
      return lose(link, Failure::kTls, "no TLS: " + why);
    case smtp::OpeningStage::kAuth:
      return lose(
          link, Failure::kLogon,
          "cannot log on as \"" + pools_[link.pool].target.way.credentials->user + "\": " + why);
  }
}

// ---- sending

void Upstreams::mark_dirty(Link& link) {
  if (std::exchange(link.dirty, true)) return;
  dirty_.push_back(links_.handle_of(&link));
}

void Upstreams::flush() {
  for (const Handle handle : dirty_) {
    Link* link = links_.get(handle);
    if (link == nullptr) continue;
    link->dirty = false;
    send(*link);
  }
  dirty_.clear();
}

void Upstreams::send(Link& link) {
  if (link.sending || link.connecting || link.closing || !link.send_error.empty()) return;
  std::string_view said = link.client.take_output(link.out);
  if (link.tls != nullptr) {
    if (!encrypt(link, said)) return;
    said = link.out;
  }
  if (said.empty()) return;
  link.out_sent = static_cast<size_t>(said.data() - link.out.data());
  link.sending = true;
  loop_.send(link.fd, said, token(ring::Operation::kUpstreamSend, link));
}

void Upstreams::on_send(Link& link, const ring::Completion& completion) {
  link.sending = false;
  if (link.closing) return close_when_quiet(link);
  if (!completion.ok()) {
    link.send_error = describe(completion.error());
    if (!link.receiving && !link.parked) return lose(link, Failure::kClosed, link.send_error);
    // What it said before it closed is worth hearing: the receive tells, or nobody.
    return expect(link, kLastWordsPatience);
  }
  link.out_sent += static_cast<size_t>(completion.result);
  Talk* talk = talks_.get(link.talk);
  // A slow upstream is not a silent one.
  if (talk != nullptr && talk->content && link.due != Instant{}) {
    const Duration timeout = pools_[link.pool].target.timeout;
    expect(link, talk->asked == Talk::Asked::kEnd ? timeout * 2 : timeout);
  }
  if (link.out_sent < link.out.size()) {
    on_taken(link, false);
    if (link.closing) return;
    link.sending = true;
    if (talk != nullptr) check_room(*talk, link);
    const auto left = std::span<const char>(link.out).subspan(link.out_sent);
    return loop_.send(link.fd, left, completion.token);
  }
  link.out.clear();
  link.out_sent = 0;
  on_taken(link, true);
  if (link.closing) return;
  if (talk != nullptr) check_room_at_rest(*talk, link);
  mark_dirty(link);
}

// ---- idle, and the end

void Upstreams::expect(Link& link, Duration patience) {
  if (!link.send_error.empty()) patience = std::min(patience, kLastWordsPatience);
  link.due = loop_.now() + patience;
  arm_timer(link, link.due);
}

// One timer a connection, looked at when it fires; set anew only for what is due earlier.
void Upstreams::arm_timer(Link& link, Instant when) {
  if (!link.timer.is_null() && link.timer_at <= when) return;
  loop_.cancel_timer(link.timer);
  link.timer_at = when;
  link.timer = loop_.arm_timer(when, token(ring::Operation::kUpstreamLinkTimer, link));
}

void Upstreams::on_link_timer(Link& link) {
  link.timer = {};
  if (link.closing) return;
  const Instant now = loop_.now();
  if (link.due != Instant{}) {
    if (now < link.due) return arm_timer(link, link.due);
    if (!link.send_error.empty()) return lose(link, Failure::kClosed, link.send_error);
    // Before it has said hello another host may have the message; afterwards the client has waited
    // long enough.
    return lose(link, Failure::kSilent, kNoAnswer, !link.greeted);
  }
  if (!link.talk.is_null()) return arm_timer(link, now + kIdle);
  const Instant end = link.idle_since + kIdle;
  if (now < end) return arm_timer(link, end);
  quit(link);
}

// It has nothing to do: whoever waits may have it.
void Upstreams::rest(Link& link) {
  if (!link.send_error.empty()) return begin_close(link);
  if (draining_ || !link.client.can_begin()) return quit(link);
  if (!link.sending && link.out.capacity() > kKept) link.out = {};
  if (link.tls != nullptr && link.tls->stream.output_buffer().capacity() > kKept &&
      link.tls->stream.output_buffer().empty())
    link.tls->stream.output_buffer() = {};
  link.client.trim(kKept);
  link.idle_since = loop_.now();
  pools_[link.pool].hosts[link.host].idle.push_back(links_.handle_of(&link));
  arm_timer(link, link.idle_since + kIdle);
  if (!pools_[link.pool].waiting.empty()) serve_waiting(link.pool);
}

void Upstreams::quit(Link& link) {
  if (!link.client.can_begin()) return begin_close(link);
  std::erase(pools_[link.pool].hosts[link.host].idle, links_.handle_of(&link));
  link.quitting = true;
  link.client.quit();
  expect(link, kQuitPatience);
  mark_dirty(link);
}

// The connection is of no more use.
void Upstreams::lose(Link& link, Failure failure, std::string_view why, bool again) {
  if (link.closing) return;
  std::string reason(why);  // it may be in the link
  if (link.tls != nullptr && !link.tls->answered) {
    failure = Failure::kTls;
    reason.insert(0, "TLS handshake: ");
  }
  Talk* talk = talks_.get(link.talk);
  const uint32_t host = link.host;
  const std::string& name = pools_[link.pool].hosts[host].name;
  const bool nonsense = failure == Failure::kProtocol;
  if (nonsense) observer_.on_upstream_violation(name, reason);
  if (talk != nullptr && talk->over) {  // it needs no connection any more
    if (nonsense) take_back(*talk, reason);
    talk->link = {};
    talk = nullptr;
  }
  const bool answered = talk != nullptr && talk->begun && link.client.answered();
  const bool stale = talk != nullptr && link.messages > 0 && !answered && !talk->content;
  // A refusal is an answer, even one that ends the connection.
  const bool may_have_it = talk != nullptr && talk->asked == Talk::Asked::kEnd &&
                           link.client.end_taken() && failure != Failure::kRefused;
  // One that was idle and is gone says nothing about its host.
  const bool in_clear = goes_on_in_clear(link, reason);
  const bool says_nothing = (in_clear && talk != nullptr) ||
                            (link.greeted && !nonsense && (talk == nullptr || (stale && again)));
  if (!says_nothing) mark_failed(link.pool, host, failure, reason);
  begin_close(link);
  if (talk == nullptr) return;
  talk->link = {};
  talk->begun = false;
  if (again && !answered && !talk->content && talk->asked != Talk::Asked::kNothing) {
    const bool fresh = stale && !std::exchange(talk->retried, true);
    if (!fresh && !in_clear) talk->tried |= uint64_t{1} << host;
    if (link.greeted) ++pools_[talk->pool].hosts[host].counted.retries;
    return place(*talk, fresh);
  }
  std::string text = name;
  text += ": ";
  text += reason;
  if (may_have_it) text += " after the end of data: it may have the message";
  fail(*talk, text);
}

// Its owner has not heard of the 250 yet, and does not hear of it any more.
void Upstreams::take_back(const Talk& talk, std::string_view why) {
  for (Event& event : events_) {
    if (event.talk != talks_.handle_of(&talk) || event.kind != Event::Kind::kReply) continue;
    if (event.code >= 300) continue;
    --pools_[talk.pool].hosts[talk.host].counted.messages;
    event.kind = Event::Kind::kFailed;
    event.code = 0;
    event.text = pools_[talk.pool].hosts[talk.host].name;
    event.text += ": ";
    event.text += why;
    event.text += " behind its answer to the end of data: it may have the message";
  }
}

void Upstreams::begin_close(Link& link) {
  if (link.closing) return;
  link.closing = true;
  unbind(link);
  std::erase(pools_[link.pool].hosts[link.host].idle, links_.handle_of(&link));
  if (link.connecting || link.receiving || link.sending) loop_.cancel_all(link.fd);
  close_when_quiet(link);
}

void Upstreams::close_when_quiet(Link& link) {
  ASSERT(link.closing);
  if (link.connecting || link.receiving || link.sending || link.fd < 0) return;
  loop_.close(std::exchange(link.fd, -1), token(ring::Operation::kUpstreamClose, link));
}

void Upstreams::retire(Link& link) {
  const uint32_t pool = link.pool;
  --pools_[pool].hosts[link.host].connections;
  loop_.cancel_timer(link.timer);
  links_.release(&link);
  if (!pools_[pool].waiting.empty()) serve_waiting(pool);
}

void Upstreams::on_completion(const ring::Completion& completion) {
  const Handle handle = completion.token.handle;
  if (completion.token.operation == ring::Operation::kUpstreamTrialTimer)
    return try_again(handle.slot);
  if (completion.token.operation == ring::Operation::kUpstreamTalkTimer) {
    if (Talk* talk = talks_.get(handle)) on_talk_timer(*talk);
    return;
  }
  Link* link = links_.get(handle);
  if (link == nullptr) return;
  switch (completion.token.operation) {
    case ring::Operation::kUpstreamConnect:
      return on_connect(*link, completion);
    case ring::Operation::kUpstreamReceive:
      return on_receive(*link, completion);
    case ring::Operation::kUpstreamSend:
      return on_send(*link, completion);
    case ring::Operation::kUpstreamLinkTimer:
      return on_link_timer(*link);
    case ring::Operation::kUpstreamClose:
      return retire(*link);
    default:
      ASSERT(false);
  }
}

}  // namespace relais::upstream
