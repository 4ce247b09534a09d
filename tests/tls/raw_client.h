// A client that is OpenSSL itself, for what our own never does: TLS 1.2 only, a certificate of its
// own, renegotiation, new keys without end.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "pair.h"

namespace relais::tls::test {

class RawClient {
 public:
  RawClient();
  [[nodiscard]] SSL_CTX* context() { return context_.get(); }
  // Before start().
  RawClient& version(int newest);
  RawClient& certificate(const Issued& issued);
  RawClient& resume(SSL_SESSION* session);
  RawClient& name(const std::string& host);

  // The handshake, as far as it goes. False: the client gave up, or still waits.
  bool connect(Side& server);
  // Carries both ways what there is.
  void exchange(Side& server);
  void send(std::string_view text);
  // All plaintext that has come; reads what there is first.
  std::string& heard();
  // To the server, from the server.
  std::string take();
  void give(std::string_view ciphertext);
  [[nodiscard]] SSL* ssl();
  // With its own reference.
  [[nodiscard]] std::shared_ptr<SSL_SESSION> session();

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::shared_ptr<SSL_SESSION> newest_;
  std::string heard_;
  std::string host_;
  SSL_SESSION* resumed_ = nullptr;
};

}  // namespace relais::tls::test
