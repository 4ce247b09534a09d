// The policy in the form that serving needs: the compiled snapshot and each connector's SMTP
// options. Made once for each (re)load, immutable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "policy/address_book.h"
#include "policy/snapshot.h"
#include "smtp/server.h"
#include "tls/server_context.h"
#include "upstream/link.h"

namespace relais::front {

// What the server has, so that it can be offered.
struct Offers {
  bool tls = false;          // a certificate
  bool own_tls = false;      // those that connectors name for themselves
  bool auth = false;         // somebody who knows passwords
  bool require_tls = false;  // next hops that prove who they are
};

// What an SMTP session of the connector is offered and held to, when it runs as `principal`.
// `fqdn`: for connectors that have none of their own. `names`: of the address book, borrowed.
[[nodiscard]] smtp::ServerOptions serving_options(const policy::ReceiveConnector& connector,
                                                  const std::string& fqdn,
                                                  policy::Principal principal,
                                                  const smtp::DisplayNames* names = nullptr,
                                                  Offers offers = {});
// The reply that a decision makes; `accepted` when it is a yes.
[[nodiscard]] smtp::Reply reply_of(const policy::Decision& decision, const smtp::Reply& accepted);

// What sessions need beside the policy; each may be null.
struct Services {
  std::shared_ptr<const policy::AddressBook> book;
  // By the certificate that stands first (ReceiveConnector::tls_certificate; empty: that of [tls]),
  // and whether clients are asked for one (domain_secure).
  std::map<std::pair<std::string, bool>, std::shared_ptr<const tls::ServerContext>> tls;
  std::shared_ptr<auth::Authenticator> authenticator;
  // Has those that the connectors name, where they are served.
  upstream::Routes upstream_routes{};
};

class ServingPolicy {
 public:
  // `fqdn`: for connectors that have none of their own. `offers`: beside what `services` can do,
  // where nobody takes the offer (an explanation).
  ServingPolicy(std::vector<policy::ReceiveConnector> connectors, policy::AcceptedDomains domains,
                const std::string& fqdn, Services services = {}, Offers offers = {});
  ServingPolicy(const ServingPolicy&) = delete;  // options_ points to names_
  ServingPolicy& operator=(const ServingPolicy&) = delete;

  [[nodiscard]] const policy::Snapshot& snapshot() const { return snapshot_; }
  // Of a session that runs as the connector's session_principal(), has authenticated, or is a
  // partner's.
  [[nodiscard]] const smtp::ServerOptions& options(uint32_t connector,
                                                   policy::Principal principal) const {
    if (principal == policy::Principal::kAuthenticatedUsers) return user_options_[connector];
    if (principal == policy::Principal::kPartnerServers) return partner_options_[connector];
    return options_[connector];
  }
  [[nodiscard]] const smtp::ServerOptions& options(uint32_t connector) const {
    return options_[connector];
  }
  // Of a connector with Delivery::kProxy.
  [[nodiscard]] const upstream::Target& target(uint32_t connector) const {
    return targets_[connector];
  }
  // Null: the connector offers none.
  [[nodiscard]] const std::shared_ptr<const tls::ServerContext>& tls(uint32_t connector) const;
  [[nodiscard]] const std::shared_ptr<auth::Authenticator>& authenticator() const {
    return services_.authenticator;
  }

 private:
  class Names : public smtp::DisplayNames {
   public:
    explicit Names(std::shared_ptr<const policy::AddressBook> book) : book_(std::move(book)) {}
    [[nodiscard]] bool empty() const { return book_ == nullptr || book_->size() == 0; }
    [[nodiscard]] std::string_view find(std::string_view address) const override {
      return book_->find(address);
    }

   private:
    std::shared_ptr<const policy::AddressBook> book_;
  };

  policy::Snapshot snapshot_;
  Services services_;
  Names names_;
  [[nodiscard]] upstream::Target target_of(const policy::ReceiveConnector& connector,
                                           const std::string& fqdn) const;

  std::vector<smtp::ServerOptions> options_;
  std::vector<upstream::Target> targets_;
  std::vector<smtp::ServerOptions> user_options_;
  std::vector<smtp::ServerOptions> partner_options_;
};

// One core's count of the sessions that still use a policy; the policy lives until the last one of
// the last core ends.
struct PolicyUse {
  std::shared_ptr<const ServingPolicy> policy;
  uint32_t sessions = 0;
};

}  // namespace relais::front
