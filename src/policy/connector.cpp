#include "policy/connector.h"

namespace relais::policy {

Principal ReceiveConnector::session_principal() const {
  return auth_mechanism.has(AuthMechanism::kExternalAuthoritative) ? Principal::kExternallySecured
                                                                   : Principal::kAnonymous;
}

bool ReceiveConnector::is_internal(Principal principal) const {
  return principal == Principal::kExternallySecured &&
         has(rights_of(principal), Right::kAcceptAuthenticationFlag);
}

std::optional<Principal> ReceiveConnector::also_has_rights_of(Principal principal) const {
  // Nowhere else does a session become a partner's.
  if (!domain_secure || principal != Principal::kPartnerServers) return std::nullopt;
  return session_principal();
}

Rights ReceiveConnector::rights_of(Principal principal) const {
  const auto other = also_has_rights_of(principal);
  Rights allowed = other ? rights_of(*other) : 0;
  Rights denied = 0;
  for (const PermissionGroup group : all_permission_groups()) {
    if (permission_groups.has(group)) allowed |= granted(group, principal, auth_mechanism);
  }
  for (const Ace& ace : permissions) {
    if (ace.user == principal) (ace.deny ? denied : allowed) |= ace.rights;
  }
  return allowed & ~denied;
}

std::vector<AccessEntry> ReceiveConnector::access_entries() const {
  std::vector<AccessEntry> entries;
  for (const Principal principal : all_principals()) {
    for (const PermissionGroup group : all_permission_groups()) {
      if (!permission_groups.has(group)) continue;
      const Rights rights = granted(group, principal, auth_mechanism);
      for (const Right right : all_rights()) {
        if (has(rights, right)) entries.push_back({principal, right, false, group});
      }
    }
    for (const Ace& ace : permissions) {
      if (ace.user != principal) continue;
      for (const Right right : all_rights()) {
        if (has(ace.rights, right)) entries.push_back({principal, right, ace.deny, std::nullopt});
      }
    }
  }
  return entries;
}

std::string_view name_of(TransportRole role) {
  return role == TransportRole::kFrontendTransport ? "FrontendTransport" : "HubTransport";
}

std::string_view name_of(Usage usage) {
  switch (usage) {
    case Usage::kCustom:
      return "Custom";
    case Usage::kInternet:
      return "Internet";
    case Usage::kInternal:
      return "Internal";
    case Usage::kClient:
      return "Client";
    case Usage::kPartner:
      return "Partner";
  }
  return "";
}

std::string_view name_of(SizeMode mode) {
  switch (mode) {
    case SizeMode::kEnabled:
      return "Enabled";
    case SizeMode::kDisabled:
      return "Disabled";
    case SizeMode::kWithoutValue:
      return "EnabledWithoutValue";
  }
  return "";
}

std::string_view name_of(MessageRateSource source) {
  switch (source) {
    case MessageRateSource::kNone:
      return "None";
    case MessageRateSource::kIpAddress:
      return "IPAddress";
    case MessageRateSource::kUser:
      return "User";
    case MessageRateSource::kAll:
      return "All";
  }
  return "";
}

std::string_view name_of(MilterAction action) {
  switch (action) {
    case MilterAction::kAccept:
      return "accept";
    case MilterAction::kTempfail:
      return "tempfail";
    case MilterAction::kReject:
      return "reject";
  }
  return "";
}

std::string_view name_of(Delivery delivery) {
  switch (delivery) {
    case Delivery::kQueue:
      return "queue";
    case Delivery::kProxy:
      return "proxy";
    case Delivery::kDiscard:
      return "discard";
  }
  return "";
}

}  // namespace relais::policy
