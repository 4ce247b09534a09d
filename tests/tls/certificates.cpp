#include "certificates.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/assert.h"

namespace relais::tls::test {
namespace {

template <class Write>
std::string to_text(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  ASSERT(write(bio.get()) == 1);
  char* text = nullptr;
  const long octets = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(octets)};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

void set_dates(X509* certificate, const Request& request) {
  time_t base = time(nullptr);
  X509_time_adj_ex(X509_getm_notBefore(certificate), static_cast<int>(request.begins_days), 0,
                   &base);
  X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(request.ends_days), 0, &base);
}

}  // namespace

std::shared_ptr<EVP_PKEY> make_key(KeyType type) {
  EVP_PKEY* key = type == KeyType::kP256      ? EVP_EC_gen("P-256")
                  : type == KeyType::kP224    ? EVP_EC_gen("P-224")
                  : type == KeyType::kRsa2048 ? EVP_RSA_gen(2048)
                                              : EVP_RSA_gen(1024);
  ASSERT(key != nullptr);
  return {key, EVP_PKEY_free};
}

Issued issue(const Request& request, const Issued* issuer) {
  static std::atomic<long> serial = 1;
  Issued made;
  if (request.for_key != nullptr) {
    EVP_PKEY_up_ref(const_cast<EVP_PKEY*>(request.for_key));
    made.key = {const_cast<EVP_PKEY*>(request.for_key), EVP_PKEY_free};
  } else {
    made.key = make_key(request.key);
  }
  made.certificate = {X509_new(), X509_free};
  X509* certificate = made.certificate.get();
  X509* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.data()),
                             static_cast<int>(request.common_name.size()), -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  set_dates(certificate, request);
  add_extension(certificate, signer, NID_basic_constraints,
                request.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!request.names.empty()) {
    add_extension(certificate, signer, NID_subject_alt_name, joined(request.names));
  }
  X509_sign(certificate, issuer != nullptr ? issuer->key.get() : made.key.get(), EVP_sha256());
  made.pem = to_text([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  made.key_pem = to_text([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return made;
}

std::string der_of(const Issued& issued) {
  return to_text([&](BIO* bio) { return i2d_X509_bio(bio, issued.certificate.get()); });
}

std::string encrypted_key(const Issued& issued, std::string_view password) {
  return to_text([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, issued.key.get(), EVP_aes_256_cbc(),
                                    reinterpret_cast<const unsigned char*>(password.data()),
                                    static_cast<int>(password.size()), nullptr, nullptr);
  });
}

WallTime now() { return {time(nullptr) * int64_t{1'000'000'000}}; }

const Issued& authority() {
  static const Issued made = issue({.common_name = "Test Authority", .authority = true});
  return made;
}

const Issued& issued_for(const std::string& names, KeyType key) {
  static std::map<std::pair<std::string, KeyType>, Issued> made;
  const auto place = made.find({names, key});
  if (place != made.end()) return place->second;
  const Request request{.common_name = "Test Server", .names = {names}, .key = key};
  return made.emplace(std::pair(names, key), issue(request, &authority())).first->second;
}

Files::Files() {
  std::string name = (std::filesystem::temp_directory_path() / "relais-tls-XXXXXX").string();
  ASSERT(mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

Files::~Files() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Files::write(const std::string& name, std::string_view text, unsigned mode) {
  const std::string where = path(name);
  std::ofstream(where, std::ios::binary) << text;
  ASSERT(chmod(where.c_str(), mode) == 0);
  return where;
}

std::string Files::masked(std::string text) const {
  for (size_t at = 0; (at = text.find(folder_, at)) != std::string::npos;) {
    text.replace(at, folder_.size(), "DIR");
  }
  return text;
}

}  // namespace relais::tls::test
