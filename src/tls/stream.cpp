#include "tls/stream.h"

#include <openssl/err.h>

#include <algorithm>

#include "base/assert.h"
#include "tls/client_context.h"
#include "tls/name_table.h"
#include "tls/openssl.h"
#include "tls/server_context.h"

namespace relais::tls {
namespace {

// Of a record beside its content: heading, content type or nonce, tag.
constexpr size_t kRecordOverhead = 5 + 8 + 16;

}  // namespace

Stream::Stream(std::shared_ptr<const ServerContext> context)
    : server_(std::move(context)), ssl_(server_->open()) {
  attach();
  if (ssl_ != nullptr) SSL_set_accept_state(ssl_.get());
  if (ssl_ != nullptr && !server_->kernel_records().empty()) keep_secrets();
  wire_.starved = true;  // the client speaks first
}

Stream::Stream(std::shared_ptr<const ClientContext> context, std::string host,
               const Session& session)
    : client_(std::move(context)), ssl_(client_->open(host)), host_(std::move(host)) {
  attach();
  if (ssl_ == nullptr) return;
  SSL_set_connect_state(ssl_.get());
  if (session.data != nullptr && session.context == client_ && session.host == host_) {
    // A copy: OpenSSL marks the one that it has used, and other connections may want theirs.
    const SessionPtr copy(SSL_SESSION_dup(session.data.get()));
    if (copy != nullptr) SSL_set_session(ssl_.get(), copy.get());
  }
}

Stream::~Stream() = default;

void Stream::Free::operator()(ssl_st* ssl) const {
  // Else OpenSSL takes a connection that was cut for an attack, and its ticket for spent. (Not so
  // since TLS 1.1, RFC 4346 7.2.1.) A fatal alert has spoilt the ticket before this.
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

void Stream::attach() {
  BIO* bio = ssl_ != nullptr ? wire_.make_bio() : nullptr;
  if (bio == nullptr) {
    ssl_.reset();
    return fail("TLS cannot begin: " + take_error());
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

void Stream::feed(std::span<const char> ciphertext) {
  ASSERT(needs_input());
  wire_.input = {ciphertext.data(), ciphertext.size()};
  if (!ciphertext.empty()) wire_.starved = false;
}

Event Stream::next(std::span<char> memory) {
  ASSERT(!memory.empty());
  switch (state_) {
    case State::kHandshake:
      return shake_hands();
    case State::kOpen:
      return read(memory);
    case State::kPeerEnded:
    case State::kClosed:
      wire_.input = {};
      return {Event::Kind::kEnded};
    case State::kFailed:
      wire_.input = {};
      return {Event::Kind::kFailed};
  }
  return {Event::Kind::kFailed};
}

Event Stream::shake_hands() {
  if (wire_.starved) return {Event::Kind::kNeedInput};
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return stopped(result);
  state_ = State::kOpen;
  TlsRecordKind kind;
  if (secrets_ != nullptr &&
      !(record_kind_of(ssl_.get(), kind) && server_->kernel_records().has(kind)))
    drop_secrets();
  if (client_ != nullptr && SSL_version(ssl_.get()) < TLS1_3_VERSION) {
    // Of a renewed ticket of TLS 1.2 the callback does not hear.
    (void)on_new_session(ssl_.get(), SSL_get1_session(ssl_.get()));
  }
  return {Event::Kind::kOpened};
}

// Without input OpenSSL is not asked: it would take a buffer of 16 KiB only to give it back.
Event Stream::read(std::span<char> memory) {
  size_t filled = 0;
  while (filled < memory.size()) {
    if (wire_.input.empty() && SSL_pending(ssl_.get()) == 0) break;
    ERR_clear_error();
    size_t octets = 0;
    const int result =
        SSL_read_ex(ssl_.get(), memory.data() + filled, memory.size() - filled, &octets);
    if (result != 1) {
      const Event event = stopped(result);
      // What came before the end is given first; next() then tells of the end.
      if (filled == 0) return event;
      break;
    }
    filled += octets;
  }
  if (filled == 0) return {Event::Kind::kNeedInput};
  return {Event::Kind::kPlaintext, filled};
}

// OpenSSL did not get on: because input is lacking, or for good.
Event Stream::stopped(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      if (!wire_.input.empty()) break;  // it has not looked at what there is
      return {Event::Kind::kNeedInput};
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::kPeerEnded;
      wire_.input = {};
      return {Event::Kind::kEnded};
    default:
      break;
  }
  std::string why = take_error();
  if (wire_.unasked > Wire::kUnaskedMax) why = "the peer makes us answer and does not read";
  const long verified = SSL_get_verify_result(ssl_.get());
  const bool refused_by_us = why == "certificate verify failed";
  if (refused_by_us) why += std::string(": ") + X509_verify_cert_error_string(verified);
  fail(why.empty() ? "unexpected end" : std::move(why));
  return {Event::Kind::kFailed};
}

void Stream::fail(std::string why) {
  state_ = State::kFailed;
  failure_ = std::move(why);
  wire_.input = {};
}

bool Stream::write(std::string_view plaintext) {
  if (!writable()) return false;
  if (plaintext.empty()) return true;
  const size_t records = (plaintext.size() + kRecordMax - 1) / kRecordMax;
  const size_t needed = wire_.output.size() + plaintext.size() + records * kRecordOverhead;
  if (needed > wire_.output.capacity()) {
    wire_.output.reserve(std::max(needed, wire_.output.capacity() * 2));
  }
  ERR_clear_error();
  size_t written = 0;
  wire_.writing = true;
  const int result = SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written);
  wire_.writing = false;
  if (result == 1) {
    ASSERT(written == plaintext.size());
    return true;
  }
  fail("writing: " + take_error());
  return false;
}

void Stream::close() {
  if (state_ == State::kFailed || state_ == State::kClosed) return;
  if (writable()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  state_ = State::kClosed;
  wire_.input = {};
}

void Stream::output_consumed(size_t octets) {
  ASSERT(octets <= wire_.output.size());
  wire_.output.erase(0, octets);
}

bool Stream::long_step_ahead() const {
  if (state_ != State::kHandshake) return false;
  char finished = 0;
  return SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE ||
         SSL_get_finished(ssl_.get(), &finished, 1) == 0;
}

std::string_view Stream::version() const {
  return ssl_ != nullptr ? SSL_get_version(ssl_.get()) : "";
}

std::string_view Stream::cipher() const {
  const SSL_CIPHER* cipher = ssl_ != nullptr ? SSL_get_current_cipher(ssl_.get()) : nullptr;
  const char* name = cipher != nullptr ? SSL_CIPHER_standard_name(cipher) : nullptr;
  return name != nullptr ? name : "";
}

int Stream::bits() const {
  const SSL_CIPHER* cipher = ssl_ != nullptr ? SSL_get_current_cipher(ssl_.get()) : nullptr;
  return cipher != nullptr ? SSL_CIPHER_get_bits(cipher, nullptr) : 0;
}

bool Stream::resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1; }

std::string_view Stream::server_name() const {
  const char* name =
      ssl_ != nullptr ? SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr && is_host_name(name) ? name : std::string_view{};
}

std::optional<PeerCertificate> Stream::peer_certificate() const {
  if (ssl_ == nullptr) return std::nullopt;
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return std::nullopt;
  return describe_peer(*certificate, SSL_get_verify_result(ssl_.get()));
}

int Stream::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto& stream = *static_cast<Stream*>(SSL_get_app_data(ssl));
  stream.session_ = {session, [](ssl_session_st* old) { SSL_SESSION_free(old); }};
  return 1;  // we have taken the reference
}

Session Stream::take_session() {
  Session session;
  if (session_ == nullptr) return session;
  session.data = std::move(session_);
  session_ = nullptr;
  session.context = client_;
  session.host = host_;
  return session;
}

void Stream::keep_secrets() {
  secrets_ = std::make_unique<RecordSecrets>();
  wire_.secrets = secrets_.get();
  SSL_set_msg_callback(ssl_.get(), [](int sent, int version, int type, const void* bytes,
                                      size_t octets, SSL*, void* secrets) {
    static_cast<RecordSecrets*>(secrets)->on_message(sent != 0, version, type,
                                                     {static_cast<const char*>(bytes), octets});
  });
  SSL_set_msg_callback_arg(ssl_.get(), secrets_.get());
}

void Stream::drop_secrets() {
  SSL_set_msg_callback(ssl_.get(), nullptr);
  wire_.secrets = nullptr;
  secrets_.reset();
}

void Stream::on_key_log(const ssl_st* ssl, const char* line) {
  const auto& stream = *static_cast<const Stream*>(SSL_get_app_data(ssl));
  if (stream.secrets_ != nullptr) stream.secrets_->on_key_log(line);
}

bool Stream::can_be_handed_over() const {
  return secrets_ != nullptr && state_ == State::kOpen && needs_input() &&
         SSL_pending(ssl_.get()) == 0 && secrets_->is_between_records();
}

Stream::HandedOver Stream::hand_over() {
  ASSERT(can_be_handed_over());
  HandedOver out;
  TlsRecordKind kind;
  if (record_kind_of(ssl_.get(), kind) &&
      secrets_->keys_of(ssl_.get(), kind, out.receive, out.send)) {
    std::array<std::string, 2> secrets;
    if (kind.version == TlsVersion::kTls13)
      secrets = {secrets_->secret(RecordDirection::kReceive),
                 secrets_->secret(RecordDirection::kSend)};
    out.traffic = std::make_unique<Traffic>(kind, version(), cipher(), std::move(secrets));
  }
  drop_secrets();
  return out;
}

void Stream::renew_send_key() {
  if (!writable()) return;
  ERR_clear_error();
  if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
      SSL_do_handshake(ssl_.get()) != 1)
    fail("new key: " + take_error());
}

void Stream::invariants() const {
  ASSERT((state_ == State::kFailed) == !failure_.empty());
  ASSERT(ssl_ != nullptr || state_ == State::kFailed);
  ASSERT(!wire_.writing);
  ASSERT(state_ == State::kHandshake || state_ == State::kOpen || wire_.input.empty());
  ASSERT((server_ == nullptr) != (client_ == nullptr));
}

}  // namespace relais::tls
