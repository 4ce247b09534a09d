#include "policy/snapshot.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "policy/reserved_domains.h"
#include "policy/secure_domains.h"

namespace relais::policy {
namespace {

constexpr Decision sender_ok(std::string_view reason) {
  return {true, 250, {2, 1, 0}, "Sender OK", reason};
}

constexpr Decision recipient_ok(std::string_view reason) {
  return {true, 250, {2, 1, 5}, "Recipient OK", reason};
}

constexpr Decision refused_sender(Principal principal, Right missing, std::string_view reason) {
  return {false,
          550,
          {5, 7, 1},
          principal == Principal::kAnonymous
              ? "Anonymous client does not have permission to send as this sender"
              : "Client does not have permission to send as this sender",
          reason,
          mask(missing)};
}

constexpr Decision refused_recipient(uint8_t detail, std::string_view text,
                                     std::string_view reason) {
  return {false, 550, {5, 1, detail}, text, reason};
}

std::string_view accepted_recipient_reason(DomainType type) {
  switch (type) {
    case DomainType::kAuthoritative:
      return "recipient domain is accepted (Authoritative)";
    case DomainType::kInternalRelay:
      return "recipient domain is accepted (InternalRelay)";
    case DomainType::kExternalRelay:
      return "recipient domain is accepted (ExternalRelay)";
  }
  return "";
}

bool denies(const ReceiveConnector& connector, Principal principal, Right right) {
  return std::ranges::any_of(connector.permissions, [&](const Ace& ace) {
    return ace.deny && ace.user == principal && has(ace.rights, right);
  });
}

}  // namespace

Snapshot::Snapshot(std::vector<ReceiveConnector> connectors, AcceptedDomains domains)
    : connectors_(std::move(connectors)),
      domains_(std::move(domains)),
      table_(ConnectorTable::compile(connectors_)) {
  rights_.resize(connectors_.size());
  for (size_t i = 0; i < connectors_.size(); ++i) {
    for (const Principal principal : all_principals())
      rights_[i][static_cast<size_t>(principal)] = connectors_[i].rights_of(principal);
  }
  for (const auto& connector : connectors_) {
    xclient_hosts_.push_back(union_of(connector.xclient_hosts));
    if (!connector.enabled) continue;
    for (const Endpoint& endpoint : connector.tls_bindings) tls_bindings_.push_back({endpoint});
    if (!connector.proxy_protocol) continue;
    for (const Binding& binding : connector.bindings)
      proxy_bindings_.push_back({binding, union_of(connector.trusted_proxies)});
  }
}

// All connectors that listen there agree, so that the first will do. (Here and below.)
bool Snapshot::tls_at(const Endpoint& local) const {
  return std::ranges::any_of(tls_bindings_,
                             [&](const Binding& binding) { return binding.covers(local); });
}

const AddressSet* Snapshot::proxies_at(const Endpoint& local) const {
  for (const ProxyBinding& entry : proxy_bindings_) {
    if (entry.binding.covers(local)) return &entry.trusted;
  }
  return nullptr;
}

Selection Snapshot::select(const Endpoint& local, const IpAddress& remote) const {
  return table_.select(local, remote);
}

Rights Snapshot::rights(uint32_t connector_index, Principal principal) const {
  ASSERT(connector_index < rights_.size());
  return rights_[connector_index][static_cast<size_t>(principal)];
}

Decision Snapshot::mail(uint32_t connector_index, Principal principal,
                        std::string_view sender_domain, const Proof& proof) const {
  const ReceiveConnector& connector = connectors_[connector_index];
  const Rights rights = this->rights(connector_index, principal);
  if (!has(rights, Right::kSubmit)) {
    return {false,
            530,
            {5, 7, 1},
            "Client was not authenticated",
            "the client has no ms-Exch-SMTP-Submit on this connector",
            mask(Right::kSubmit)};
  }
  if (connector.require_tls && !proof.in_tls) {
    return {false,
            451,
            {5, 7, 3},
            "STARTTLS is required to send mail",
            "require_tls is on and the session has no TLS"};
  }
  if (sender_domain.empty()) return sender_ok("the null sender needs ms-Exch-SMTP-Submit only");

  const std::string_view secured =
      connector.domain_secure ? secure_domain_of(connector.domain_secure_domains, sender_domain)
                              : std::string_view{};
  if (!secured.empty() && secured != proof.partner) {
    return {false,
            550,
            {5, 7, 1},
            "A certificate of the sender's domain is required",
            "the sender's domain is one of domain_secure_domains, and the client has not proved "
            "that it is of it",
            0,
            true};
  }
  const AcceptedDomain* domain = domains_.find(sender_domain);
  if (domain == nullptr) {
    return has(rights, Right::kAcceptAnySender)
               ? sender_ok("ms-Exch-SMTP-Accept-Any-Sender")
               : refused_sender(principal, Right::kAcceptAnySender,
                                "sender domain is not accepted and the client has no "
                                "ms-Exch-SMTP-Accept-Any-Sender on this connector");
  }
  if (domain->type != DomainType::kAuthoritative) return sender_ok("sender domain is accepted");
  // Exchange asks whether the mailbox is the user's. We know no mailboxes, but whom we let in.
  if (principal == Principal::kAuthenticatedUsers &&
      !denies(connectors_[connector_index], principal, Right::kAcceptAuthoritativeSender))
    return sender_ok("a user who has authenticated sends from accepted domains");
  return has(rights, Right::kAcceptAuthoritativeSender)
             ? sender_ok("ms-Exch-SMTP-Accept-Authoritative-Domain-Sender")
             : refused_sender(principal, Right::kAcceptAuthoritativeSender,
                              "sender domain is Authoritative and the client has no "
                              "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender on this connector");
}

Decision Snapshot::header_senders(uint32_t connector_index, Principal principal,
                                  const std::optional<std::vector<std::string>>& domains) const {
  if (has(rights(connector_index, principal), Right::kAcceptAnySender))
    return sender_ok("ms-Exch-SMTP-Accept-Any-Sender");
  if (!domains) {
    return refused_sender(principal, Right::kAcceptAnySender,
                          "From cannot be read with certainty and the client has no "
                          "ms-Exch-SMTP-Accept-Any-Sender on this connector");
  }
  const bool accepted = std::ranges::all_of(
      *domains, [this](const std::string& domain) { return domains_.find(domain) != nullptr; });
  if (accepted) return sender_ok("every domain in From is accepted");
  return refused_sender(principal, Right::kAcceptAnySender,
                        "the domain in From is not accepted and the client has no "
                        "ms-Exch-SMTP-Accept-Any-Sender on this connector");
}

Decision Snapshot::recipient(uint32_t connector_index, Principal principal,
                             std::string_view domain) const {
  const Rights rights = this->rights(connector_index, principal);
  if (domain.empty()) return recipient_ok("Postmaster without a domain (RFC 5321 section 4.5.1)");
  const ReceiveConnector& connector = connectors_[connector_index];
  if (connector.reject_single_label && is_single_label(domain)) {
    return refused_recipient(6, "Recipient addresses in single label domains not accepted",
                             "reject_single_label_recipient_domains is on");
  }
  if (connector.reject_reserved_top_level && is_reserved_top_level(domain)) {
    return refused_recipient(4, "Recipient address reserved by RFC 2606",
                             "reject_reserved_top_level_recipient_domains is on");
  }
  if (connector.reject_reserved_second_level && is_reserved_second_level(domain)) {
    return refused_recipient(5, "Recipient address reserved by RFC 2606",
                             "reject_reserved_second_level_recipient_domains is on");
  }
  if (const AcceptedDomain* accepted = domains_.find(domain)) {
    return recipient_ok(accepted_recipient_reason(accepted->type));
  }
  if (has(rights, Right::kAcceptAnyRecipient)) {
    return recipient_ok("ms-Exch-SMTP-Accept-Any-Recipient");
  }
  return {false,
          550,
          {5, 7, 1},
          "Unable to relay",
          "recipient domain is not accepted and the client has no "
          "ms-Exch-SMTP-Accept-Any-Recipient on this connector",
          mask(Right::kAcceptAnyRecipient)};
}

}  // namespace relais::policy
