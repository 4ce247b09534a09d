// Authorities, certificates and keys for tests and benchmarks, made while they run, and a folder of
// files that is gone with its object.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais::tls::test {

enum class KeyType : uint8_t { kP256, kP224, kRsa2048, kRsa1024 };

struct Request {
  std::string common_name = "relay.contoso.com";
  std::vector<std::string> names = {};  // DNS:..., IP:..., email:...
  KeyType key = KeyType::kP256;
  int64_t begins_days = -1;  // from now
  int64_t ends_days = 365;
  bool authority = false;
  const EVP_PKEY* for_key = nullptr;  // null: a new one
};

struct Issued {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
  std::string pem;      // of the certificate
  std::string key_pem;  // PKCS #8
};

std::shared_ptr<EVP_PKEY> make_key(KeyType type);
// By `issuer`, or by itself.
Issued issue(const Request& request, const Issued* issuer = nullptr);
std::string der_of(const Issued& issued);
std::string encrypted_key(const Issued& issued, std::string_view password);
// What certificates are made for.
WallTime now();

// One authority for all tests of a program.
const Issued& authority();
// A certificate for `names` by the authority, made once for each.
const Issued& issued_for(const std::string& names, KeyType key = KeyType::kP256);

class Files {
 public:
  Files();
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  // The path.
  std::string write(const std::string& name, std::string_view text, unsigned mode = 0600);
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + '/' + name; }
  // With DIR for the folder's own name.
  [[nodiscard]] std::string masked(std::string text) const;

 private:
  std::string folder_;
};

}  // namespace relais::tls::test
