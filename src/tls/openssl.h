// OpenSSL's objects with owners, and its error queue as text. Inside the room only: the public
// headers name OpenSSL's types without including it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace relais::tls {

template <auto release>
struct Released {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Released<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Released<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Released<X509_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Released<SSL_SESSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Released<X509_STORE_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Released<GENERAL_NAMES_free>>;

// The reason of the newest error of this thread, in OpenSSL's words ("wrong version number"), and
// an empty queue. Empty: there was none.
[[nodiscard]] std::string take_error();

// TLS 1.2 and 1.3, X25519 and P-256, no compression, no renegotiation, buffers only while they hold
// bytes. The cipher list is of TLS 1.2; 1.3 has AES-GCM and ChaCha20. False: OpenSSL refuses.
[[nodiscard]] bool set_protocol(SSL_CTX* context, const char* ciphers);

}  // namespace relais::tls
