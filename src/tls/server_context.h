// What all sessions of a server share: certificates by name, protocol versions and ciphers, ticket
// keys, and whether clients are asked for a certificate. Immutable and shared by all cores; a
// reload makes a new one, and running sessions keep theirs.
//
// TLS 1.2 and 1.3; AEAD ciphers with X25519 or P-256 (Mozilla's intermediate list without DHE,
// whose handshakes cost us a hundred times what they cost the client); no renegotiation, no
// compression, no early data. Resumption is by tickets alone: no core remembers a session.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/tls_record.h"
#include "tls/finding.h"
#include "tls/name_table.h"
#include "tls/ticket_keys.h"

struct ssl_st;
struct ssl_ctx_st;

namespace relais::tls {

struct CertificateFiles {
  std::string certificate;  // PEM: the server's own, then the one that signed it, and so on
  std::string key;          // PEM; empty: in the same file
};

struct ServerSettings {
  // The first one is for clients that ask for no name, or for one that no certificate has. An RSA
  // and an EC certificate of the same names serve together: the client's abilities decide.
  std::vector<CertificateFiles> certificates;

  enum class ClientCertificate : uint8_t {
    kIgnored,   // not asked for
    kAsked,     // may be missing, or not be trusted: Stream::peer_certificate() says so
    kRequired,  // else the handshake fails
  };
  ClientCertificate client_certificate = ClientCertificate::kIgnored;
  std::string client_authorities;  // PEM file; empty: the system's

  // That the kernel makes and opens: streams with such ones can be handed over. Else OpenSSL does.
  RecordKinds kernel_records = {};
};

// One certificate that is in use, for metrics and for a person.
struct CertificateInUse {
  std::string file;
  std::vector<std::string> names;  // in lower case
  WallTime not_after;              // the earliest of its chain
};

class ServerContext {
 public:
  struct Loaded {
    // Null: it cannot be used. It may be there beside errors (a certificate that has expired, a key
    // that everybody can read): the caller decides what is worse.
    std::shared_ptr<const ServerContext> context;
    std::vector<Finding> findings;
  };
  // Reads files. At least one certificate must be given.
  [[nodiscard]] static Loaded load(const ServerSettings& settings, std::shared_ptr<TicketKeys> keys,
                                   WallTime now);

  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  [[nodiscard]] std::span<const CertificateInUse> certificates() const { return in_use_; }

  [[nodiscard]] RecordKinds kernel_records() const { return kernel_records_; }

  // For Stream. A new session; nullptr: no memory.
  [[nodiscard]] ssl_st* open() const;
  // For the handshake: whose certificate a client gets that asks for `name`.
  [[nodiscard]] ssl_ctx_st* context_for(std::string_view name) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  ServerContext() = default;
  friend class ServerContextLoader;

  std::shared_ptr<TicketKeys> keys_;
  RecordKinds kernel_records_;
  std::vector<std::unique_ptr<ssl_ctx_st, Free>> contexts_;  // [0] is the default
  NameTable names_;                                          // index into contexts_
  std::vector<CertificateInUse> in_use_;
};

}  // namespace relais::tls
