// The policy in the form that serving needs: the compiled snapshot and each connector's SMTP
// options. Made once for each (re)load, immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/address_book.h"
#include "policy/snapshot.h"
#include "smtp/server.h"
#include "tls/server_context.h"
#include "upstream/link.h"

namespace relais::front {

// What an SMTP session of the connector is offered and held to, for clients with these rights.
// `fqdn`: for connectors that have none of their own. `names`: of the address book, borrowed.
// `has_certificate`: STARTTLS can be offered.
[[nodiscard]] smtp::ServerOptions serving_options(const policy::ReceiveConnector& connector,
                                                  const std::string& fqdn, policy::Rights rights,
                                                  const smtp::DisplayNames* names = nullptr,
                                                  bool has_certificate = false);
// The reply that a decision makes; `accepted` when it is a yes.
[[nodiscard]] smtp::Reply reply_of(const policy::Decision& decision, const smtp::Reply& accepted);

class ServingPolicy {
 public:
  // `fqdn`: for connectors that have none of their own.
  // `book`, `tls`: null for none. `offers_tls`: STARTTLS is offered without it, where nobody takes
  // the offer (an explanation).
  ServingPolicy(std::vector<policy::ReceiveConnector> connectors, policy::AcceptedDomains domains,
                const std::string& fqdn, std::shared_ptr<const policy::AddressBook> book = {},
                std::shared_ptr<const tls::ServerContext> tls = {}, bool offers_tls = false);
  ServingPolicy(const ServingPolicy&) = delete;  // options_ points to names_
  ServingPolicy& operator=(const ServingPolicy&) = delete;

  [[nodiscard]] const policy::Snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] const smtp::ServerOptions& options(uint32_t connector) const {
    return options_[connector];
  }
  // Of a connector with Delivery::kProxy.
  [[nodiscard]] const upstream::Target& target(uint32_t connector) const {
    return targets_[connector];
  }
  [[nodiscard]] const std::shared_ptr<const tls::ServerContext>& tls() const { return tls_; }

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
  Names names_;
  std::shared_ptr<const tls::ServerContext> tls_;
  std::vector<smtp::ServerOptions> options_;
  std::vector<upstream::Target> targets_;
};

// One core's count of the sessions that still use a policy; the policy lives until the last one of
// the last core ends.
struct PolicyUse {
  std::shared_ptr<const ServingPolicy> policy;
  uint32_t sessions = 0;
};

}  // namespace relais::front
