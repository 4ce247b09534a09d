// Everything that decides, compiled and immutable. Cores read it without locks; a session keeps the
// snapshot that it began with (the front room counts users by core, see front/). Swapped whole on
// reload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/accepted_domains.h"
#include "policy/address_set.h"
#include "policy/connector.h"
#include "policy/connector_table.h"

namespace relais::policy {

// A verdict as policy says it: an SMTP reply in parts, and for the log which rule decided.
struct Decision {
  bool allowed = false;
  uint16_t code = 0;
  uint8_t enhanced[3] = {0, 0, 0};
  std::string_view text;     // static
  std::string_view reason;   // static, for people: "recipient domain is accepted (Authoritative)"
  Rights missing = 0;        // the right with which it would have been allowed
  bool needs_proof = false;  // or the certificate
};

// What a session has shown of itself beside its principal.
struct Proof {
  bool in_tls = false;
  std::string_view partner = {};  // of domain_secure_domains, by its certificate; empty: none
};

class Snapshot {
 public:
  Snapshot(std::vector<ReceiveConnector> connectors, AcceptedDomains domains);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  [[nodiscard]] Selection select(const Endpoint& local, const IpAddress& remote) const;
  // Who may say on connections to `local`, in a PROXY header, whose they are. Null: nobody, the
  // peer is the client.
  [[nodiscard]] const AddressSet* proxies_at(const Endpoint& local) const;
  // Connections to `local` begin with a TLS handshake.
  [[nodiscard]] bool tls_at(const Endpoint& local) const;
  // MAIL FROM: Submit, TLS where it is required, a certificate of the sender's domain (empty for
  // <>) where that is, then the domain itself. RCPT TO:
  // the connector's switches, then accepted domain or Accept-Any-Recipient. An empty domain
  // (<Postmaster>) is always accepted.
  [[nodiscard]] Decision mail(uint32_t connector_index, Principal principal,
                              std::string_view sender_domain, const Proof& proof = {}) const;
  // At the end of data: the domains of the addresses in From, nullopt when it cannot be read; each
  // an accepted one, or Accept-Any-Sender.
  [[nodiscard]] Decision header_senders(
      uint32_t connector_index, Principal principal,
      const std::optional<std::vector<std::string>>& domains) const;
  [[nodiscard]] Decision recipient(uint32_t connector_index, Principal principal,
                                   std::string_view domain) const;
  [[nodiscard]] Rights rights(uint32_t connector_index, Principal principal) const;
  // The client may say with XCLIENT for whom it speaks.
  [[nodiscard]] bool takes_xclient(uint32_t connector_index, const IpAddress& client) const {
    return contains(xclient_hosts_[connector_index], client);
  }

  [[nodiscard]] const std::vector<ReceiveConnector>& connectors() const { return connectors_; }
  [[nodiscard]] const AcceptedDomains& domains() const { return domains_; }
  [[nodiscard]] size_t table_octets() const { return table_.octets(); }

 private:
  std::vector<ReceiveConnector> connectors_;
  AcceptedDomains domains_;
  std::vector<std::array<Rights, kPrincipals>> rights_;  // by connector, then principal
  std::vector<AddressSet> xclient_hosts_;                // by connector
  ConnectorTable table_;
  struct ProxyBinding {
    Binding binding;
    AddressSet trusted;
  };
  std::vector<ProxyBinding> proxy_bindings_;  // few, mostly none
  std::vector<Binding> tls_bindings_;         // few
};

}  // namespace relais::policy
