#include "tls/trust_store.h"

#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "tls/pem_file.h"

namespace relais::tls {
namespace {

// Debian, SUSE and Alpine; Red Hat. Elsewhere OpenSSL's own paths are asked, at each handshake.
constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                    "/etc/pki/tls/certs/ca-bundle.crt"};

void load_system_store(TrustStore& trust, std::vector<Finding>& findings) {
  for (const char* bundle : kBundles) {
    if (::access(bundle, R_OK) == 0 && X509_STORE_load_file(trust.store.get(), bundle) == 1) return;
  }
  if (X509_STORE_set_default_paths(trust.store.get()) == 1) return;
  FindingsOf(findings, X509_get_default_cert_file())
      .error(Trouble::kUnreadable, "the system's certificate authorities cannot be read",
             "Install ca-certificates, or name a file of authorities");
  trust.store.reset();
}

// A certificate that may sign no others vouches for nobody; one that has signed itself, for itself.
void warn_of_leaf(X509& certificate, size_t number, FindingsOf& findings) {
  const bool signed_itself =
      X509_NAME_cmp(X509_get_subject_name(&certificate), X509_get_issuer_name(&certificate)) == 0;
  if (signed_itself || X509_check_ca(&certificate) != 0) return;
  findings.warning(Trouble::kNoAuthority,
                   "certificate " + std::to_string(number) +
                       " of the file is no authority's, so nothing can be verified by it",
                   "Put the certificate of the authority that signed it into the file");
}

}  // namespace

TrustStore load_trust_store(const std::string& file, std::vector<Finding>& findings) {
  TrustStore trust{.store = StorePtr(X509_STORE_new()), .authorities = {}, .digest = {}};
  if (file.empty()) {
    load_system_store(trust, findings);
    (void)take_error();
    return trust;
  }
  FindingsOf of_file(findings, file);
  const auto text = read_pem(of_file);
  if (text) trust.authorities = read_certificates(*text, of_file);
  if (trust.authorities.empty()) {
    trust.store.reset();
    return trust;
  }
  size_t number = 0;
  for (const X509Ptr& authority : trust.authorities) {
    warn_of_leaf(*authority, ++number, of_file);
    X509_STORE_add_cert(trust.store.get(), authority.get());
  }
  trust.digest.resize(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(text->text.data()), text->text.size(),
         reinterpret_cast<unsigned char*>(trust.digest.data()));
  return trust;
}

}  // namespace relais::tls
