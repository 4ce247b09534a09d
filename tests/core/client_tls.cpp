#include "core/client_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

namespace relais::test {

uint64_t ClientTls::keys_renewed = 0;

ClientTls::ClientTls(Prng& prng)
    : ClientTls({prng.one_in(3) ? TlsVersion::kTls12 : TlsVersion::kTls13,
                 static_cast<TlsCipher>(prng.below(3))}) {
  prng_ = &prng;
}

ClientTls::ClientTls(Choice choice) {
  constexpr const char* kNew[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                  "TLS_CHACHA20_POLY1305_SHA256"};
  constexpr const char* kOld[] = {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                                  "ECDHE-RSA-CHACHA20-POLY1305"};
  const auto cipher = static_cast<size_t>(choice.cipher);
  SSL_CTX_set_ciphersuites(client_.context(), kNew[cipher]);
  SSL_CTX_set_cipher_list(client_.context(), kOld[cipher]);
  client_.version(choice.version == TlsVersion::kTls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_msg_callback(
      client_.context(), [](int sent, int, int type, const void* bytes, size_t, SSL*, void* self) {
        if (sent == 0 && type == SSL3_RT_HANDSHAKE &&
            *static_cast<const unsigned char*>(bytes) == SSL3_MT_KEY_UPDATE)
          ++static_cast<ClientTls*>(self)->keys_heard_;
      });
  SSL_CTX_set_msg_callback_arg(client_.context(), this);
}

std::string ClientTls::begin() {
  ERR_clear_error();
  (void)SSL_do_handshake(client_.ssl());
  return client_.take();
}

bool ClientTls::hear(std::string_view ciphertext, std::string& plaintext) {
  client_.give(ciphertext);
  ERR_clear_error();
  if (!open_) {
    const int result = SSL_do_handshake(client_.ssl());
    open_ = result == 1;
    if (!open_) return SSL_get_error(client_.ssl(), result) == SSL_ERROR_WANT_READ;
  }
  plaintext += std::exchange(client_.heard(), {});
  const unsigned long error = ERR_peek_error();
  if (error != 0) failure_ = ERR_reason_error_string(error);
  return error == 0;
}

std::string ClientTls::seal(std::string_view plaintext) {
  if (prng_ != nullptr && SSL_version(client_.ssl()) == TLS1_3_VERSION && prng_->one_in(8))
    renew_key(prng_->one_in(2));
  client_.send(plaintext);
  return client_.take();
}

void ClientTls::renew_key(bool both) {
  ++keys_renewed;
  SSL_key_update(client_.ssl(), both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
}

std::string ClientTls::ask_for_another_handshake() {
  ERR_clear_error();
  SSL_renegotiate(client_.ssl());
  (void)SSL_do_handshake(client_.ssl());
  return client_.take();
}

std::string ClientTls::end() {
  ERR_clear_error();
  SSL_shutdown(client_.ssl());
  return client_.take();
}

bool ClientTls::has_ended() {
  return (SSL_get_shutdown(client_.ssl()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

std::string ClientTls::description() {
  return std::string("version=") + SSL_get_version(client_.ssl()) +
         ", cipher=" + SSL_CIPHER_standard_name(SSL_get_current_cipher(client_.ssl()));
}

}  // namespace relais::test
