#include "raw_client.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

namespace relais::tls::test {

RawClient::RawClient()
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(nullptr, [](SSL* ssl) {
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // keeps its tickets good
        SSL_free(ssl);
      }) {
  SSL_CTX_set_verify(context(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context(), [](SSL* ssl, SSL_SESSION* session) {
    static_cast<RawClient*>(SSL_get_app_data(ssl))->newest_ = {session, SSL_SESSION_free};
    return 1;
  });
}

RawClient& RawClient::version(int newest) {
  SSL_CTX_set_min_proto_version(context(), std::min(newest, TLS1_2_VERSION));
  SSL_CTX_set_max_proto_version(context(), newest);
  return *this;
}

RawClient& RawClient::certificate(const Issued& issued) {
  EXPECT_EQ(
      SSL_CTX_use_cert_and_key(context(), issued.certificate.get(), issued.key.get(), nullptr, 1),
      1);
  return *this;
}

RawClient& RawClient::resume(SSL_SESSION* session) {
  resumed_ = session;
  return *this;
}

RawClient& RawClient::name(const std::string& host) {
  host_ = host;
  return *this;
}

SSL* RawClient::ssl() {
  if (ssl_ == nullptr) {
    ssl_.reset(SSL_new(context()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
    if (!host_.empty()) SSL_set_tlsext_host_name(ssl_.get(), host_.c_str());
    if (resumed_ != nullptr) SSL_set_session(ssl_.get(), resumed_);
  }
  return ssl_.get();
}

bool RawClient::connect(Side& server) {
  for (int flight = 0; flight < 8; ++flight) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl());
    const int error = SSL_get_error(ssl(), result);  // before others use the thread's error queue
    server.hear(take());
    give(server.take());
    if (result == 1) {
      (void)heard();
      return true;
    }
    if (error != SSL_ERROR_WANT_READ) return false;
  }
  return false;
}

void RawClient::exchange(Side& server) {
  (void)heard();
  for (std::string words; !(words = take()).empty();) {
    server.hear(words);
    give(server.take());
    (void)heard();
  }
}

void RawClient::send(std::string_view text) {
  ERR_clear_error();
  EXPECT_EQ(SSL_write(ssl(), text.data(), static_cast<int>(text.size())),
            static_cast<int>(text.size()));
}

std::string& RawClient::heard() {
  char piece[4096];
  ERR_clear_error();
  for (int octets = 0; (octets = SSL_read(ssl(), piece, sizeof piece)) > 0;) {
    heard_.append(piece, static_cast<size_t>(octets));
  }
  return heard_;
}

std::string RawClient::take() {
  std::string taken(BIO_ctrl_pending(SSL_get_wbio(ssl())), '\0');
  if (!taken.empty()) {
    BIO_read(SSL_get_wbio(ssl()), taken.data(), static_cast<int>(taken.size()));
  }
  return taken;
}

void RawClient::give(std::string_view ciphertext) {
  if (ciphertext.empty()) return;
  BIO_write(SSL_get_rbio(ssl()), ciphertext.data(), static_cast<int>(ciphertext.size()));
}

std::shared_ptr<SSL_SESSION> RawClient::session() { return newest_; }

}  // namespace relais::tls::test
