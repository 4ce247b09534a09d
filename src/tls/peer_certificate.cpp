#include "tls/peer_certificate.h"

#include <array>

#include "tls/certificate.h"
#include "tls/openssl.h"

namespace relais::tls {
namespace {

std::string fingerprint(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int octets = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &octets) != 1) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < octets; ++i) {
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

}  // namespace

PeerCertificate describe_peer(const x509_st& certificate, long verify_result) {
  PeerCertificate peer;
  peer.trusted = verify_result == X509_V_OK;
  if (!peer.trusted) peer.problem = X509_verify_cert_error_string(verify_result);
  peer.subject = subject_of(certificate);
  peer.dns_names = dns_names(certificate);
  peer.mail_addresses = mail_addresses(certificate);
  peer.not_after = not_after(certificate);
  peer.sha256 = fingerprint(certificate);
  return peer;
}

}  // namespace relais::tls
