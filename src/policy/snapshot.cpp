#include "policy/snapshot.h"

#include <utility>

#include "base/assert.h"

namespace relais::policy {
namespace {

constexpr Decision sender_ok(std::string_view reason) {
  return {true, 250, {2, 1, 0}, "Sender OK", reason};
}

constexpr Decision recipient_ok(std::string_view reason) {
  return {true, 250, {2, 1, 5}, "Recipient OK", reason};
}

constexpr Decision refused_sender(std::string_view reason) {
  return {false,
          550,
          {5, 7, 1},
          "Anonymous client does not have permission to send as this sender",
          reason};
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

}  // namespace

Snapshot::Snapshot(std::vector<ReceiveConnector> connectors, AcceptedDomains domains)
    : connectors_(std::move(connectors)),
      domains_(std::move(domains)),
      table_(ConnectorTable::compile(connectors_)) {
  anonymous_rights_.reserve(connectors_.size());
  for (const auto& connector : connectors_) {
    anonymous_rights_.push_back(connector.anonymous_rights());
  }
}

Selection Snapshot::select(const Endpoint& local, const IpAddress& remote) const {
  return table_.select(local, remote);
}

Decision Snapshot::mail(uint32_t connector_index, std::string_view sender_domain) const {
  ASSERT(connector_index < anonymous_rights_.size());
  const Rights rights = anonymous_rights_[connector_index];
  if (!has(rights, Right::kSubmit)) {
    return {false,
            530,
            {5, 7, 1},
            "Client was not authenticated",
            "anonymous clients have no ms-Exch-SMTP-Submit on this connector"};
  }
  if (sender_domain.empty()) return sender_ok("the null sender needs ms-Exch-SMTP-Submit only");

  const AcceptedDomain* domain = domains_.find(sender_domain);
  if (domain == nullptr) {
    return has(rights, Right::kAcceptAnySender)
               ? sender_ok("ms-Exch-SMTP-Accept-Any-Sender")
               : refused_sender(
                     "sender domain is not accepted and anonymous clients have no "
                     "ms-Exch-SMTP-Accept-Any-Sender on this connector");
  }
  if (domain->type != DomainType::kAuthoritative) return sender_ok("sender domain is accepted");
  return has(rights, Right::kAcceptAuthoritativeSender)
             ? sender_ok("ms-Exch-SMTP-Accept-Authoritative-Domain-Sender")
             : refused_sender(
                   "sender domain is Authoritative and anonymous clients have no "
                   "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender on this connector");
}

Decision Snapshot::recipient(uint32_t connector_index, std::string_view domain) const {
  ASSERT(connector_index < anonymous_rights_.size());
  if (domain.empty()) return recipient_ok("Postmaster without a domain (RFC 5321 section 4.5.1)");
  if (const AcceptedDomain* accepted = domains_.find(domain)) {
    return recipient_ok(accepted_recipient_reason(accepted->type));
  }
  if (has(anonymous_rights_[connector_index], Right::kAcceptAnyRecipient)) {
    return recipient_ok("ms-Exch-SMTP-Accept-Any-Recipient");
  }
  return {false,
          550,
          {5, 7, 1},
          "Unable to relay",
          "recipient domain is not accepted and anonymous clients have no "
          "ms-Exch-SMTP-Accept-Any-Recipient on this connector"};
}

}  // namespace relais::policy
