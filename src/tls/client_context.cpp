#include "tls/client_context.h"

#include "base/ip.h"
#include "tls/name_table.h"
#include "tls/openssl.h"
#include "tls/session.h"
#include "tls/stream.h"
#include "tls/trust_store.h"

namespace relais::tls {
namespace {

constexpr const char* kClientCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES:"
    "!aNULL:!eNULL:!PSK:!SRP:!DSS";

// Whoever asks for no proof does not pay for looking at one (X509_verify_cert is a good part of a
// client's handshake).
int skip_verification(X509_STORE_CTX* store, void*) {
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 1;
}

}  // namespace

ClientContext::Loaded ClientContext::load(const ClientSettings& settings) {
  Loaded loaded;
  const std::shared_ptr<ClientContext> made(new ClientContext);
  made->verifies_ = settings.verify;
  made->verifies_name_ = settings.verify && settings.verify_name;
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr || !set_protocol(context, kClientCiphers)) {
    FindingsOf(loaded.findings, "openssl.cnf")
        .error(Trouble::kRefused, "OpenSSL refuses our settings: " + take_error(),
               "Look for a system-wide policy in it");
    return loaded;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, Stream::on_new_session);
  if (settings.verify) {
    const TrustStore trust = load_trust_store(settings.authorities, loaded.findings);
    if (trust.store == nullptr) return loaded;
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set1_cert_store(context, trust.store.get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  } else {
    // Whom we do not ask who he is may be as weak as he likes.
    SSL_CTX_set_security_level(context, 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_cert_verify_callback(context, skip_verification, nullptr);
  }
  loaded.context = made;
  return loaded;
}

ClientContext::~ClientContext() = default;

void ClientContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

ssl_st* ClientContext::open(const std::string& host) const {
  SSL* ssl = SSL_new(context_.get());
  if (ssl == nullptr) return nullptr;
  const bool address = IpAddress::parse(host).has_value();
  // An address is not a server name (RFC 6066 section 3).
  if (!address && is_host_name(host)) SSL_set_tlsext_host_name(ssl, host.c_str());
  if (verifies_name_) {
    X509_VERIFY_PARAM* checks = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str())
                            : X509_VERIFY_PARAM_set1_host(checks, host.data(), host.size());
    // An empty name would check nothing.
    if (set != 1 || host.empty()) {
      SSL_free(ssl);
      return nullptr;
    }
  }
  return ssl;
}

}  // namespace relais::tls
