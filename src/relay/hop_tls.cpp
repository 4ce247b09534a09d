// TLS of a connection to a next hop: between the receive buffers and the client on the way in,
// between what is to be said and the send on the way out. And what becomes of a host that cannot.
#include "base/assert.h"
#include "relay/smart_hosts.h"

namespace relais::relay {
namespace {

// How long a host whose handshake has failed is spoken to in the clear. Long enough that a host
// that cannot costs nothing to speak of, short enough that one that has learnt it is noticed.
constexpr Duration kInClear = minutes(10);
// What a connection keeps for its next send.
constexpr size_t kCiphertextKept = size_t{64} << 10;

using tls::Stream;

}  // namespace

smtp::ClientOptions SmartHosts::client_options_of(const Route& route, const Host& host) const {
  const config::SendConnector& connector = *route.connector;
  smtp::ClientOptions options{.ehlo_name = ehlo_name_, .chunking = connector.chunking};
  options.proves_itself = connector.tls_auth_level == config::TlsAuthLevel::kDomainValidation;
  options.in_tls = connector.tls_start == config::TlsStart::kImplicit;
  const bool in_clear = route.security.tls == nullptr || host.in_clear_until > desk_.loop.now();
  options.start_tls = start_tls_of(connector);
  if (in_clear && options.start_tls == smtp::StartTls::kIfOffered)
    options.start_tls = smtp::StartTls::kNever;
  if (connector.auth == config::SmartHostAuth::kNone) return options;
  options.credentials = route.security.credentials.get();
  options.auth_in_clear = connector.auth == config::SmartHostAuth::kBasicAuth;
  return options;
}

void SmartHosts::begin_tls(HopSession& session) {
  ASSERT(session.tls == nullptr);
  const Route& route = routes_[session.route];
  const Host& host = host_of(session);
  const std::string& domain = route.connector->tls_domain;
  session.tls = std::make_unique<HopTls>(
      route.security.tls, domain.empty() ? host.endpoint.address.to_string() : domain,
      host.tickets);
  read_tls(session, {});  // makes our hello
}

// All of it is used up when this returns.
void SmartHosts::read_tls(HopSession& session, std::span<const char> ciphertext) {
  Stream& stream = session.tls->stream;
  if (!ciphertext.empty()) stream.feed(ciphertext);
  if (plaintext_.empty()) plaintext_.resize(tls::kRecordMax);
  while (!session.closing) {
    const tls::Event event = stream.next(plaintext_);
    switch (event.kind) {
      case tls::Event::Kind::kNeedInput:
        return;
      case tls::Event::Kind::kOpened:
        // Under implicit TLS the greeting comes next.
        if (routes_[session.route].connector->tls_start == config::TlsStart::kStartTls)
          session.client.tls_started();
        break;
      case tls::Event::Kind::kPlaintext:
        session.tls->answered = true;
        session.client.feed({plaintext_.data(), event.octets});
        read_replies(session);
        break;
      case tls::Event::Kind::kEnded:
        return begin_close(session, "the next hop ended TLS");
      case tls::Event::Kind::kFailed:
        return begin_close(session, (session.tls->answered ? "TLS: " : "") + stream.failure());
    }
  }
}

void SmartHosts::keep_tickets(HopSession& session) {
  tls::Session tickets = session.tls->stream.take_session();
  if (tickets.data != nullptr) host_of(session).tickets = std::move(tickets);
}

// What was to be sent, as records; with whatever TLS itself has to say.
void SmartHosts::encrypt(HopSession& session) {
  HopTls& tls = *session.tls;
  to_encrypt_.clear();
  for (const iovec& vector : session.vectors)
    to_encrypt_.append(static_cast<const char*>(vector.iov_base), vector.iov_len);
  session.vectors.clear();
  release_pins(session);
  // Nothing is said before the handshake is done, and nothing behind TLS's end.
  if (!tls.stream.write(to_encrypt_) && !to_encrypt_.empty())
    return begin_close(session, "TLS has ended");
  if (tls.ciphertext.capacity() > kCiphertextKept) tls.ciphertext = {};
  tls.ciphertext.clear();
  std::swap(tls.ciphertext, tls.stream.output_buffer());
  add_vector(session, tls.ciphertext);
}

// With TLS 1.3 we are done with the handshake before a server has said yes to it: only when it has
// said something inside it has.
bool SmartHosts::in_handshake(const HopSession& session) {
  return session.tls != nullptr && !session.tls->answered;
}

void SmartHosts::go_on_in_clear(Route& route, Host& host, std::string_view why) {
  host.tickets = {};
  // Connections that were made together fail together: that is told once.
  if (host.in_clear_until > desk_.loop.now()) return;
  host.in_clear_until = desk_.loop.now() + kInClear;
  desk_.observer.on_no_tls(route.connector->name, host.name, why, desk_.loop.wall_now() + kInClear);
}

// TLS's last words, which nobody waits for: why it failed, or that this is the end. False: there
// are none, or nobody to hear them.
bool SmartHosts::send_farewell(HopSession& session) {
  if (session.tls == nullptr || session.sending || session.peer_gone) return false;
  session.tls->stream.close();
  session.vectors.clear();
  session.first_vector = 0;
  session.tls->ciphertext.clear();
  std::swap(session.tls->ciphertext, session.tls->stream.output_buffer());
  add_vector(session, session.tls->ciphertext);
  if (session.vectors.empty()) return false;
  issue_send(session);
  return true;
}

}  // namespace relais::relay
