// TLS of a connection to an upstream: between the receive buffers and the client on the way in,
// between what is to be said and the send on the way out. And what becomes of a host that cannot.
#include <utility>

#include "base/assert.h"
#include "upstream/upstreams.h"

namespace relais::upstream {
namespace {

// How long a host whose handshake has failed is spoken to in the clear (as in relay/hop_tls.cpp).
constexpr Duration kInClear = minutes(10);

}  // namespace

smtp::ClientOptions Upstreams::client_options(const Pool& pool, const Host& host) const {
  const Way& way = pool.target.way;
  const bool in_clear = host.in_clear_until > loop_.now();
  const bool if_offered = way.start_tls == smtp::StartTls::kIfOffered;
  return {.ehlo_name = pool.target.ehlo_name,
          .chunking = way.chunking,
          .start_tls = in_clear && if_offered ? smtp::StartTls::kNever : way.start_tls,
          .in_tls = way.implicit_tls,
          .credentials = way.credentials.get(),
          .auth_in_clear = way.auth_in_clear,
          .needs_xclient = way.xclient,
          .proves_itself = way.proves_itself};
}

void Upstreams::begin_tls(Link& link) {
  ASSERT(link.tls == nullptr);
  const Way& way = pools_[link.pool].target.way;
  const Host& host = pools_[link.pool].hosts[link.host];
  link.tls = std::make_unique<LinkTls>(
      way.tls, way.tls_name.empty() ? host.endpoint.address.to_string() : way.tls_name,
      host.tickets);
  read_tls(link, {});  // makes our hello
}

// All of it is used up when this returns.
void Upstreams::read_tls(Link& link, std::span<const char> ciphertext) {
  tls::Stream& stream = link.tls->stream;
  if (!ciphertext.empty()) stream.feed(ciphertext);
  if (plaintext_.empty()) plaintext_.resize(tls::kRecordMax);
  mark_dirty(link);
  while (!link.closing) {
    const tls::Event event = stream.next(plaintext_);
    switch (event.kind) {
      case tls::Event::Kind::kNeedInput:
        return;
      case tls::Event::Kind::kOpened:
        // Under implicit TLS the greeting comes next.
        if (!pools_[link.pool].target.way.implicit_tls) link.client.tls_started();
        break;
      case tls::Event::Kind::kPlaintext:
        link.tls->answered = true;
        link.client.feed({plaintext_.data(), event.octets});
        hear(link);
        break;
      case tls::Event::Kind::kEnded:
        return lose(link, Failure::kClosed, "it ended TLS");
      case tls::Event::Kind::kFailed:
        return lose(link, Failure::kTls, (link.tls->answered ? "TLS: " : "") + stream.failure());
    }
  }
}

// What is to be said, as records, with whatever TLS itself has to say. False: nothing goes out any
// more.
bool Upstreams::encrypt(Link& link, std::string_view said) {
  tls::Stream& stream = link.tls->stream;
  if (!said.empty() && !stream.write(said)) {
    lose(link, Failure::kTls, "TLS has ended");
    return false;
  }
  link.out.clear();
  std::swap(link.out, stream.output_buffer());
  return true;
}

void Upstreams::keep_tickets(Link& link) {
  tls::Session tickets = link.tls->stream.take_session();
  if (tickets.data != nullptr) pools_[link.pool].hosts[link.host].tickets = std::move(tickets);
}

// The handshake has failed, and the connection is not held to TLS: from now on in the clear. With
// TLS 1.3 we are done with the handshake before a server has said yes to it: only when it has said
// something inside it has.
bool Upstreams::goes_on_in_clear(const Link& link, std::string_view why) {
  if (link.tls == nullptr || link.tls->answered || draining_) return false;
  Pool& pool = pools_[link.pool];
  if (pool.target.way.requires_tls()) return false;
  Host& host = pool.hosts[link.host];
  host.tickets = {};
  // Connections that were made together fail together: that is told once.
  if (host.in_clear_until <= loop_.now()) {
    host.in_clear_until = loop_.now() + kInClear;
    observer_.on_upstream_in_clear(host.name, why, loop_.wall_now() + kInClear);
  }
  return true;
}

}  // namespace relais::upstream
