// What the peer's certificate says, and whether we believe it: a value, for a person's log and for
// mapping a client to a principal.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

struct x509_st;

namespace relais::tls {

struct PeerCertificate {
  bool trusted = false;                // its chain ends at an authority that we believe
  std::string problem;                 // why not, in OpenSSL's words ("self-signed certificate")
  std::string subject;                 // "CN=app17.contoso.com,O=Contoso" (RFC 4514)
  std::vector<std::string> dns_names;  // subject alternative names, else the common name
  std::vector<std::string> mail_addresses;
  WallTime not_after;
  std::string sha256;  // fingerprint: 64 hexadecimal digits in lower case
};

// `verify_result`: X509_V_OK or an error of X509_verify_cert.
[[nodiscard]] PeerCertificate describe_peer(const x509_st& certificate, long verify_result);

}  // namespace relais::tls
