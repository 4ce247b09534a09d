// What all outbound connections of one kind share: whether the next hop must prove who it is.
// Immutable and shared by all cores; a reload makes a new one. TLS 1.2 and 1.3, as for the server;
// to next hops also older ciphers of TLS 1.2 (CBC, DHE), since the alternative there is no TLS.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tls/finding.h"

struct ssl_st;
struct ssl_ctx_st;

namespace relais::tls {

struct ClientSettings {
  bool verify = false;      // the chain, and the name; false: any certificate will do
  bool verify_name = true;  // false: of any host that the authorities vouch for
  std::string authorities;  // PEM file for verify; empty: the system's
};

class ClientContext {
 public:
  struct Loaded {
    std::shared_ptr<const ClientContext> context;  // null: with an error
    std::vector<Finding> findings;
  };
  // Reads files.
  [[nodiscard]] static Loaded load(const ClientSettings& settings);

  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  [[nodiscard]] bool verifies() const { return verifies_; }

  // For Stream. A new connection to `host`, a name or an address; nullptr: no memory.
  [[nodiscard]] ssl_st* open(const std::string& host) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  ClientContext() = default;

  std::unique_ptr<ssl_ctx_st, Free> context_;
  bool verifies_ = false;
  bool verifies_name_ = false;
};

}  // namespace relais::tls
