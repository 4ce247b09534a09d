#include "tls/record_secrets.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/wipe.h"
#include "tls/openssl.h"

namespace relais::tls {
namespace {

// RFC 8446 4, B.3
constexpr char kFinished = 20;
constexpr char kKeyUpdate = 24;

using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, Released<EVP_KDF_CTX_free>>;

OSSL_PARAM octets_of(const char* name, std::string_view octets) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(octets.data()), octets.size());
}

OSSL_PARAM text_of(const char* name, const char* text) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(text), 0);
}

// Empty: it failed.
std::string derive(EVP_KDF* kdf, std::span<const OSSL_PARAM> parameters, size_t octets) {
  const KdfContextPtr context(kdf != nullptr ? EVP_KDF_CTX_new(kdf) : nullptr);
  std::string out(octets, '\0');
  if (context == nullptr ||
      EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), octets,
                     parameters.data()) != 1)
    return {};
  return out;
}

// Fetched once for the process.
EVP_KDF* hkdf() {
  static EVP_KDF* const kKdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  return kKdf;
}

EVP_KDF* prf() {
  static EVP_KDF* const kKdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
  return kKdf;
}

constexpr size_t kSha256Octets = 32;

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (; text.size() >= 2; text.remove_prefix(2))
    bytes += static_cast<char>(digit(text[0]) << 4 | digit(text[1]));
  return bytes;
}

}  // namespace

std::string expand_label(std::string_view secret, std::string_view label, size_t octets) {
  std::string info{'\0', static_cast<char>(octets)};
  info += static_cast<char>(6 + label.size());
  (info += "tls13 ") += label;
  info += '\0';
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      text_of(OSSL_KDF_PARAM_DIGEST, secret.size() == kSha256Octets ? "SHA256" : "SHA384"),
      octets_of(OSSL_KDF_PARAM_KEY, secret),
      octets_of(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end(),
  };
  return derive(hkdf(), parameters, octets);
}

std::string next_secret(std::string_view secret) {
  return expand_label(secret, "traffic upd", secret.size());
}

RecordKey key_of(std::string_view secret, TlsCipher cipher) {
  RecordKey made;
  made.kind = {TlsVersion::kTls13, cipher};
  std::string key = expand_label(secret, "key", made.kind.key_octets());
  std::string iv = expand_label(secret, "iv", made.iv.size());
  std::memcpy(made.key.data(), key.data(), key.size());
  std::memcpy(made.iv.data(), iv.data(), iv.size());
  relais::wipe(key);
  relais::wipe(iv);
  return made;
}

RecordSecrets::~RecordSecrets() {
  relais::wipe(received_.secret);
  relais::wipe(sent_.secret);
}

// "CLIENT_TRAFFIC_SECRET_0 <random> <secret>", in hex.
void RecordSecrets::on_key_log(std::string_view line) {
  Way* const way = line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")   ? &received_
                   : line.starts_with("SERVER_TRAFFIC_SECRET_0 ") ? &sent_
                                                                  : nullptr;
  if (way != nullptr) way->secret = from_hex(line.substr(line.rfind(' ') + 1));
}

// A key is new behind the Finished or the KeyUpdate of its direction (TLS 1.3), or behind its
// ChangeCipherSpec (TLS 1.2; in TLS 1.3 one means nothing, and comes before).
void RecordSecrets::on_message(bool sent, int version, int type, std::string_view bytes) {
  Way& way = sent ? sent_ : received_;
  if (bytes.empty()) return;
  if (type == SSL3_RT_HEADER) {
    const bool is_new = bytes.front() == SSL3_RT_CHANGE_CIPHER_SPEC;
    way.records = is_new ? 0 : way.records + 1;
  } else if (type == SSL3_RT_HANDSHAKE && version == TLS1_3_VERSION) {
    if (bytes.front() == kKeyUpdate) {
      std::string old = std::exchange(way.secret, next_secret(way.secret));
      relais::wipe(old);
    }
    if (bytes.front() == kKeyUpdate || bytes.front() == kFinished) way.records = 0;
  }
}

bool RecordSecrets::keys_of(ssl_st* ssl, TlsRecordKind kind, RecordKey& receive,
                            RecordKey& send) const {
  receive.kind = send.kind = kind;
  if (kind.version == TlsVersion::kTls12) {
    if (!keys_of_12(ssl, receive, send)) return false;
  } else {
    if (received_.secret.empty() || sent_.secret.empty()) return false;
    receive = key_of(received_.secret, kind.cipher);
    send = key_of(sent_.secret, kind.cipher);
  }
  receive.number = received_.records;
  send.number = sent_.records;
  return true;
}

// RFC 5246 6.3: the client's key, the server's, the client's iv, the server's.
bool RecordSecrets::keys_of_12(ssl_st* ssl, RecordKey& receive, RecordKey& send) const {
  const TlsRecordKind kind = receive.kind;
  const size_t key_octets = kind.key_octets();
  const size_t iv_octets =
      kind.has_explicit_nonce() ? RecordKey::kImplicitOctets : receive.iv.size();
  std::string master(SSL_MAX_MASTER_KEY_LENGTH, '\0');
  master.resize(SSL_SESSION_get_master_key(
      SSL_get_session(ssl), reinterpret_cast<unsigned char*>(master.data()), master.size()));
  std::string random(2 * SSL3_RANDOM_SIZE, '\0');
  auto* const randoms = reinterpret_cast<unsigned char*>(random.data());
  SSL_get_server_random(ssl, randoms, SSL3_RANDOM_SIZE);
  SSL_get_client_random(ssl, randoms + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
  const EVP_MD* const digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
  const OSSL_PARAM parameters[] = {
      text_of(OSSL_KDF_PARAM_DIGEST, digest != nullptr ? EVP_MD_get0_name(digest) : "SHA256"),
      octets_of(OSSL_KDF_PARAM_SECRET, master),
      octets_of(OSSL_KDF_PARAM_SEED, "key expansion"),
      octets_of(OSSL_KDF_PARAM_SEED, random),
      OSSL_PARAM_construct_end(),
  };
  std::string block = derive(prf(), parameters, 2 * (key_octets + iv_octets));
  relais::wipe(master);
  if (block.empty()) return false;
  const char* from = block.data();
  const auto take = [&](uint8_t* into, size_t octets) {
    std::memcpy(into, from, octets);
    from += octets;
  };
  take(receive.key.data(), key_octets);
  take(send.key.data(), key_octets);
  take(receive.iv.data(), iv_octets);
  take(send.iv.data(), iv_octets);
  relais::wipe(block);
  if (kind.has_explicit_nonce()) {
    // OpenSSL counts from a random number on; none of its nonces may come again (RFC 5288 3).
    auto nonce = sent_.walk.nonce();
    for (size_t i = nonce.size(); i > 0 && ++nonce[i - 1] == 0; --i) {
    }
    std::memcpy(send.iv.data() + iv_octets, nonce.data(), nonce.size());
  }
  return true;
}

bool record_kind_of(const ssl_st* ssl, TlsRecordKind& kind) {
  const int version = SSL_version(ssl);
  if (version != TLS1_2_VERSION && version != TLS1_3_VERSION) return false;
  kind.version = version == TLS1_2_VERSION ? TlsVersion::kTls12 : TlsVersion::kTls13;
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  switch (cipher != nullptr ? SSL_CIPHER_get_cipher_nid(cipher) : NID_undef) {
    case NID_aes_128_gcm:
      kind.cipher = TlsCipher::kAes128Gcm;
      return true;
    case NID_aes_256_gcm:
      kind.cipher = TlsCipher::kAes256Gcm;
      return true;
    case NID_chacha20_poly1305:
      kind.cipher = TlsCipher::kChaCha20Poly1305;
      return true;
    default:
      return false;
  }
}

}  // namespace relais::tls
