#include "tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/assert.h"
#include "tls/certificate.h"
#include "tls/openssl.h"
#include "tls/stream.h"
#include "tls/trust_store.h"

namespace relais::tls {
namespace {

using ClientCertificate = ServerSettings::ClientCertificate;

constexpr const char* kServerCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// RFC 5077 4: encrypted with AES-256-CBC, then HMAC-SHA-256 over it all.
bool start_cipher(EVP_CIPHER_CTX* cipher, const TicketKeys::Key& key, unsigned char* iv,
                  int encrypt) {
  static EVP_CIPHER* const kAes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  if (encrypt != 0 && RAND_bytes(iv, EVP_CIPHER_get_iv_length(kAes)) != 1) return false;
  return EVP_CipherInit_ex2(cipher, kAes, key.cipher.data(), iv, encrypt, nullptr) == 1;
}

bool start_mac(EVP_MAC_CTX* mac, const TicketKeys::Key& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key.mac.data()),
                                        key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 good, 2 good but give a new ticket, 0 a full
// handshake, -1 failure.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  const auto& keys = *static_cast<const TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys::Found found;
  if (encrypt != 0) {
    found = {keys.newest(), true};
    std::ranges::copy(found.key.name, name);
  } else {
    const auto known =
        keys.find(std::span<const uint8_t, TicketKeys::kNameOctets>(name, TicketKeys::kNameOctets));
    if (!known) return 0;
    found = *known;
  }
  const bool good = start_cipher(cipher, found.key, iv, encrypt) && start_mac(mac, found.key);
  OPENSSL_cleanse(&found.key, sizeof found.key);
  if (!good) return -1;
  // Clients of TLS 1.3 use a ticket once (RFC 8446 C.4), so each time they get another.
  return found.newest && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

int on_server_name(SSL* ssl, int*, void* context) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, static_cast<const ServerContext*>(context)->context_for(name));
  return SSL_TLSEXT_ERR_OK;
}

// Not trusted is no failure: the result stays with the session (SSL_get_verify_result).
int accept_any(int, X509_STORE_CTX*) { return 1; }

}  // namespace

// Files to contexts. One SSL_CTX for each set of names; in it at most one certificate of a type of
// key.
class ServerContextLoader {
 public:
  ServerContextLoader(const ServerSettings& settings, std::shared_ptr<TicketKeys> keys,
                      WallTime now)
      : settings_(settings), now_(now), made_(new ServerContext) {
    made_->keys_ = std::move(keys);
    made_->kernel_records_ = settings_.kernel_records;
  }

  ServerContext::Loaded load() {
    const bool asks = settings_.client_certificate != ClientCertificate::kIgnored;
    bool usable = true;
    if (asks) {
      trust_ = load_trust_store(settings_.client_authorities, findings_);
      usable = trust_.store != nullptr;
    }
    for (const CertificateFiles& files : settings_.certificates) {
      usable = add(files) && usable;
    }
    ServerContext::Loaded loaded{.context = {}, .findings = std::move(findings_)};
    if (usable) loaded.context = std::move(made_);
    return loaded;
  }

 private:
  struct Group {
    std::vector<std::string> names;
    std::vector<int> key_types;
  };

  bool add(const CertificateFiles& files) {
    const auto identity = load_identity(files.certificate, files.key, now_, findings_);
    if (!identity) return false;
    FindingsOf findings(findings_, files.certificate);
    const int type = EVP_PKEY_get_base_id(identity->key.get());
    size_t index = group_for(identity->names, type);
    if (index == groups_.size()) {
      groups_.push_back({identity->names, {}});
      if (!add_context(findings)) return false;
      add_names(identity->names, static_cast<uint32_t>(index), findings);
    }
    groups_[index].key_types.push_back(type);
    made_->in_use_.push_back({files.certificate, identity->names, identity->not_after});
    return use(*identity, made_->contexts_[index].get(), findings);
  }

  // Certificates of the same names but another type of key.
  size_t group_for(const std::vector<std::string>& names, int type) const {
    const auto fits = [&](const Group& group) {
      return group.names == names &&
             std::ranges::find(group.key_types, type) == group.key_types.end();
    };
    return static_cast<size_t>(std::ranges::find_if(groups_, fits) - groups_.begin());
  }

  void add_names(const std::vector<std::string>& names, uint32_t index, FindingsOf& findings) {
    bool any = false;
    for (const std::string& name : names) any = made_->names_.add(name, index) || any;
    if (any || index == 0) return;
    const std::string what = names.empty() ? "the certificate has no DNS name"
                                           : "all names of the certificate are in earlier ones";
    findings.warning(Trouble::kNameTaken, what + ", so no client is ever shown it",
                     "Take it away, or put it first");
  }

  static bool use(const Identity& identity, SSL_CTX* context, FindingsOf& findings) {
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (const X509Ptr& certificate : identity.chain) sk_X509_push(chain, certificate.get());
    const int good =
        SSL_CTX_use_cert_and_key(context, identity.leaf.get(), identity.key.get(), chain, 1);
    sk_X509_free(chain);
    if (good == 1) return true;
    const std::string why = take_error();
    // A finding about the key's length has said it already.
    if (EVP_PKEY_get_security_bits(identity.key.get()) >= 112) {
      findings.error(
          Trouble::kRefused, "OpenSSL refuses the certificate: " + why,
          "Have it issued again, for P-256 or for RSA of 2048 bits, signed with SHA-256");
    }
    return false;
  }

  bool add_context(FindingsOf& findings) {
    auto& context = made_->contexts_.emplace_back(SSL_CTX_new(TLS_server_method()));
    if (context != nullptr && set_protocol(context.get(), kServerCiphers)) {
      set_server(context.get());
      return true;
    }
    findings.error(Trouble::kRefused, "OpenSSL refuses our settings: " + take_error(),
                   "Look for a system-wide policy in openssl.cnf");
    return false;
  }

  void set_server(SSL_CTX* context) {
    SSL_CTX_set_security_level(context, 2);
    // Ours is the order: AES-128-GCM costs least.
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, static_cast<long>(made_->keys_->period().seconds()));
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_app_data(context, made_->keys_.get());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, made_.get());
    if (!settings_.kernel_records.empty()) SSL_CTX_set_keylog_callback(context, Stream::on_key_log);
    const std::string id = session_group();
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                   static_cast<unsigned>(id.size()));
    if (trust_.store != nullptr) set_client_certificate(context);
  }

  void set_client_certificate(SSL_CTX* context) {
    const bool required = settings_.client_certificate == ClientCertificate::kRequired;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       required ? nullptr : accept_any);
    SSL_CTX_set1_cert_store(context, trust_.store.get());
    for (const X509Ptr& authority : trust_.authorities) {
      SSL_CTX_add_client_CA(context, authority.get());
    }
  }

  // A ticket is good in another context, as after a reload, only where clients' certificates are
  // held against the same authorities: its session is not verified again.
  std::string session_group() const {
    const std::string text =
        std::to_string(static_cast<int>(settings_.client_certificate)) + trust_.digest;
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
  }

  const ServerSettings& settings_;
  WallTime now_;
  std::shared_ptr<ServerContext> made_;
  std::vector<Finding> findings_;
  TrustStore trust_;
  std::vector<Group> groups_;
};

ServerContext::Loaded ServerContext::load(const ServerSettings& settings,
                                          std::shared_ptr<TicketKeys> keys, WallTime now) {
  ASSERT(!settings.certificates.empty());
  ASSERT(keys != nullptr);
  return ServerContextLoader(settings, std::move(keys), now).load();
}

ServerContext::~ServerContext() = default;

void ServerContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

ssl_st* ServerContext::open() const { return SSL_new(contexts_.front().get()); }

ssl_ctx_st* ServerContext::context_for(std::string_view name) const {
  return contexts_[names_.find(name).value_or(0)].get();
}

}  // namespace relais::tls
