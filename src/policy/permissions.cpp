#include "policy/permissions.h"

#include <array>

#include "policy/ascii.h"

namespace relais::policy {
namespace {

struct RightName {
  Right right;
  std::string_view name;
};

constexpr RightName kRightNames[] = {
    {Right::kSubmit, "ms-Exch-SMTP-Submit"},
    {Right::kAcceptAnyRecipient, "ms-Exch-SMTP-Accept-Any-Recipient"},
    {Right::kAcceptAnySender, "ms-Exch-SMTP-Accept-Any-Sender"},
    {Right::kAcceptAuthoritativeSender, "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender"},
    {Right::kAcceptAuthenticationFlag, "ms-Exch-SMTP-Accept-Authentication-Flag"},
    {Right::kAcceptExch50, "ms-Exch-SMTP-Accept-Exch50"},
    {Right::kAcceptHeadersRouting, "ms-Exch-Accept-Headers-Routing"},
    {Right::kAcceptHeadersOrganization, "ms-Exch-Accept-Headers-Organization"},
    {Right::kAcceptHeadersForest, "ms-Exch-Accept-Headers-Forest"},
    {Right::kBypassAntiSpam, "ms-Exch-Bypass-Anti-Spam"},
    {Right::kBypassMessageSizeLimit, "ms-Exch-Bypass-Message-Size-Limit"},
    {Right::kAcceptXAttr, "ms-Exch-SMTP-Accept-XAttr"},
    {Right::kAcceptXProxyFrom, "ms-Exch-SMTP-Accept-XProxyFrom"},
    {Right::kAcceptXSessionParams, "ms-Exch-SMTP-Accept-XSessionParams"},
    {Right::kAcceptXShadow, "ms-Exch-SMTP-Accept-XShadow"},
    {Right::kAcceptXSysProbe, "ms-Exch-SMTP-Accept-XSysProbe"},
    {Right::kSendRecipientCache, "ms-Exch-SMTP-Send-XMessageContext-ADRecipientCache"},
    {Right::kSendExtendedProperties, "ms-Exch-SMTP-Send-XMessageContext-ExtendedProperties"},
    {Right::kSendFastIndex, "ms-Exch-SMTP-Send-XMessageContext-FastIndex"},
};

constexpr auto kRights = [] {
  std::array<Right, std::size(kRightNames)> rights{};
  for (size_t i = 0; i < rights.size(); ++i) rights[i] = kRightNames[i].right;
  return rights;
}();

constexpr Principal kPrincipalList[] = {
    Principal::kAnonymous,           Principal::kAuthenticatedUsers,
    Principal::kExchangeServers,     Principal::kEdgeTransportServers,
    Principal::kHubTransportServers, Principal::kExternallySecured,
    Principal::kLegacyInterop,       Principal::kPartnerServers,
};
static_assert(std::size(kPrincipalList) == kPrincipals);

struct PrincipalName {
  Principal principal;
  std::string_view name;
};

// The first name of each is the one that is printed.
constexpr PrincipalName kPrincipalNames[] = {
    {Principal::kAnonymous, "NT AUTHORITY\\ANONYMOUS LOGON"},
    {Principal::kAnonymous, "ANONYMOUS LOGON"},
    {Principal::kAnonymous, "S-1-5-7"},
    {Principal::kAnonymous, "NT-AUTORIT\xC3\x84T\\ANONYMOUS-ANMELDUNG"},
    {Principal::kAnonymous, "AUTORITE NT\\ANONYMOUS LOGON"},
    {Principal::kAuthenticatedUsers, "NT AUTHORITY\\Authenticated Users"},
    {Principal::kAuthenticatedUsers, "Authenticated Users"},
    {Principal::kAuthenticatedUsers, "S-1-5-11"},
    {Principal::kAuthenticatedUsers, "NT-AUTORIT\xC3\x84T\\Authentifizierte Benutzer"},
    {Principal::kExchangeServers, "MS Exchange\\Exchange Servers"},
    {Principal::kExchangeServers, "Exchange Servers"},
    {Principal::kEdgeTransportServers, "MS Exchange\\Edge Transport Servers"},
    {Principal::kHubTransportServers, "MS Exchange\\Hub Transport Servers"},
    {Principal::kExternallySecured, "MS Exchange\\Externally Secured Servers"},
    {Principal::kLegacyInterop, "MS Exchange\\ExchangeLegacyInterop"},
    {Principal::kLegacyInterop, "ExchangeLegacyInterop"},
    {Principal::kPartnerServers, "MS Exchange\\Partner Servers"},
};

constexpr PermissionGroup kGroups[] = {
    PermissionGroup::kAnonymousUsers,  PermissionGroup::kExchangeUsers,
    PermissionGroup::kExchangeServers, PermissionGroup::kExchangeLegacyServers,
    PermissionGroup::kPartners,
};

constexpr AuthMechanism kMechanisms[] = {
    AuthMechanism::kTls,
    AuthMechanism::kIntegrated,
    AuthMechanism::kBasicAuth,
    AuthMechanism::kBasicAuthRequireTls,
    AuthMechanism::kExchangeServer,
    AuthMechanism::kExternalAuthoritative,
};

constexpr Rights set(std::initializer_list<Right> rights) {
  Rights bits = 0;
  for (const Right right : rights) bits |= mask(right);
  return bits;
}

// The columns of the table in exchange-reference.md section 3.
constexpr Rights kPartners = set({Right::kSubmit, Right::kAcceptHeadersRouting});
constexpr Rights kAnonymous =
    kPartners | set({Right::kAcceptAnySender, Right::kAcceptAuthoritativeSender});
constexpr Rights kUsers = kPartners | set({Right::kAcceptAnyRecipient, Right::kBypassAntiSpam});
constexpr Rights kLegacy =
    kAnonymous | kUsers |
    set({Right::kAcceptAuthenticationFlag, Right::kAcceptExch50, Right::kBypassMessageSizeLimit});
constexpr Rights kExternallySecured = kLegacy;
constexpr Rights kServers =
    kLegacy | set({Right::kAcceptHeadersOrganization, Right::kAcceptHeadersForest,
                   Right::kAcceptXAttr, Right::kAcceptXProxyFrom, Right::kAcceptXSessionParams,
                   Right::kAcceptXShadow, Right::kAcceptXSysProbe, Right::kSendRecipientCache,
                   Right::kSendExtendedProperties, Right::kSendFastIndex});

}  // namespace

std::span<const Right> all_rights() { return kRights; }
std::span<const Principal> all_principals() { return kPrincipalList; }
std::span<const PermissionGroup> all_permission_groups() { return kGroups; }
std::span<const AuthMechanism> all_auth_mechanisms() { return kMechanisms; }

bool has_effect(Right right) { return mask(right) < mask(Right::kAcceptXAttr); }

std::string_view name_of(Right right) {
  for (const auto& entry : kRightNames) {
    if (entry.right == right) return entry.name;
  }
  return "";
}

std::optional<Right> right_from_name(std::string_view name) {
  for (const auto& entry : kRightNames) {
    if (equal_ignoring_case(entry.name, name)) return entry.right;
  }
  return std::nullopt;
}

std::string_view name_of(Principal principal) {
  for (const auto& entry : kPrincipalNames) {
    if (entry.principal == principal) return entry.name;
  }
  return "";
}

std::optional<Principal> principal_from_name(std::string_view name) {
  for (const auto& entry : kPrincipalNames) {
    if (equal_ignoring_case(entry.name, name)) return entry.principal;
  }
  // CONTOSO\Exchange Servers: these two live in the organization's own domain.
  const size_t backslash = name.find('\\');
  if (backslash == std::string_view::npos || backslash == 0) return std::nullopt;
  const std::string_view account = name.substr(backslash + 1);
  for (const Principal principal : {Principal::kExchangeServers, Principal::kLegacyInterop}) {
    const std::string_view known = name_of(principal);
    if (equal_ignoring_case(known.substr(known.find('\\') + 1), account)) return principal;
  }
  return std::nullopt;
}

std::string_view name_of(PermissionGroup group) {
  switch (group) {
    case PermissionGroup::kAnonymousUsers:
      return "AnonymousUsers";
    case PermissionGroup::kExchangeUsers:
      return "ExchangeUsers";
    case PermissionGroup::kExchangeServers:
      return "ExchangeServers";
    case PermissionGroup::kExchangeLegacyServers:
      return "ExchangeLegacyServers";
    case PermissionGroup::kPartners:
      return "Partners";
  }
  return "";
}

std::string_view name_of(AuthMechanism mechanism) {
  switch (mechanism) {
    case AuthMechanism::kTls:
      return "Tls";
    case AuthMechanism::kIntegrated:
      return "Integrated";
    case AuthMechanism::kBasicAuth:
      return "BasicAuth";
    case AuthMechanism::kBasicAuthRequireTls:
      return "BasicAuthRequireTLS";
    case AuthMechanism::kExchangeServer:
      return "ExchangeServer";
    case AuthMechanism::kExternalAuthoritative:
      return "ExternalAuthoritative";
  }
  return "";
}

Rights granted(PermissionGroup group, Principal principal, AuthMechanisms mechanisms) {
  switch (group) {
    case PermissionGroup::kAnonymousUsers:
      return principal == Principal::kAnonymous ? kAnonymous : 0;
    case PermissionGroup::kExchangeUsers:
      return principal == Principal::kAuthenticatedUsers ? kUsers : 0;
    case PermissionGroup::kExchangeLegacyServers:
      return principal == Principal::kLegacyInterop ? kLegacy : 0;
    case PermissionGroup::kPartners:
      return principal == Principal::kPartnerServers ? kPartners : 0;
    case PermissionGroup::kExchangeServers:
      switch (principal) {
        case Principal::kExchangeServers:
        case Principal::kEdgeTransportServers:
        case Principal::kHubTransportServers:
          return kServers;
        case Principal::kExternallySecured:
          return mechanisms.has(AuthMechanism::kExternalAuthoritative) ? kExternallySecured : 0;
        default:
          return 0;
      }
  }
  return 0;
}

}  // namespace relais::policy
