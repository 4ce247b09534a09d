// Who may do what on a Receive connector, as Exchange says it (exchange-reference.md section 3):
// extended rights, the principals that sessions run as, and the permission groups that write
// entries for them. Sets are bit masks; a check is one AND.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace relais::policy {

// In the order of the reference's table.
enum class Right : uint32_t {
  kSubmit = 1U << 0,
  kAcceptAnyRecipient = 1U << 1,
  kAcceptAnySender = 1U << 2,
  kAcceptAuthoritativeSender = 1U << 3,
  kAcceptAuthenticationFlag = 1U << 4,
  kAcceptExch50 = 1U << 5,
  kAcceptHeadersRouting = 1U << 6,
  kAcceptHeadersOrganization = 1U << 7,
  kAcceptHeadersForest = 1U << 8,
  kBypassAntiSpam = 1U << 9,
  kBypassMessageSizeLimit = 1U << 10,
  // Between Exchange servers only; known by name, without effect here.
  kAcceptXAttr = 1U << 11,
  kAcceptXProxyFrom = 1U << 12,
  kAcceptXSessionParams = 1U << 13,
  kAcceptXShadow = 1U << 14,
  kAcceptXSysProbe = 1U << 15,
  kSendRecipientCache = 1U << 16,
  kSendExtendedProperties = 1U << 17,
  kSendFastIndex = 1U << 18,
};
using Rights = uint32_t;

[[nodiscard]] std::span<const Right> all_rights();
constexpr Rights mask(Right right) { return static_cast<Rights>(right); }
constexpr bool has(Rights rights, Right right) { return (rights & mask(right)) != 0; }
// False for those that only Exchange servers use among themselves.
[[nodiscard]] bool has_effect(Right right);
// "ms-Exch-SMTP-Accept-Any-Recipient". nullopt: no such right. Case does not matter.
[[nodiscard]] std::string_view name_of(Right right);
[[nodiscard]] std::optional<Right> right_from_name(std::string_view name);

// Whom a session runs as. One a session: NT AUTHORITY\ANONYMOUS LOGON until it authenticates, or
// Externally Secured Servers from the start where the connector is ExternalAuthoritative.
enum class Principal : uint8_t {
  kAnonymous,
  kAuthenticatedUsers,
  kExchangeServers,
  kEdgeTransportServers,
  kHubTransportServers,
  kExternallySecured,
  kLegacyInterop,
  kPartnerServers,
};
inline constexpr uint32_t kPrincipals = 8;

[[nodiscard]] std::span<const Principal> all_principals();
// "NT AUTHORITY\ANONYMOUS LOGON".
[[nodiscard]] std::string_view name_of(Principal principal);
// Also what Exchange's localised versions print, well-known SIDs, and any domain in front of
// "Exchange Servers" and "ExchangeLegacyInterop". Case does not matter.
[[nodiscard]] std::optional<Principal> principal_from_name(std::string_view name);

enum class PermissionGroup : uint8_t {
  kAnonymousUsers = 1U << 0,
  kExchangeUsers = 1U << 1,
  kExchangeServers = 1U << 2,
  kExchangeLegacyServers = 1U << 3,
  kPartners = 1U << 4,
};

enum class AuthMechanism : uint8_t {
  kTls = 1U << 0,
  kIntegrated = 1U << 1,
  kBasicAuth = 1U << 2,
  kBasicAuthRequireTls = 1U << 3,
  kExchangeServer = 1U << 4,
  kExternalAuthoritative = 1U << 5,
};

// A set of PermissionGroup or AuthMechanism; empty is Exchange's "None".
template <class Flag>
class Flags {
 public:
  constexpr Flags() = default;
  constexpr Flags(std::initializer_list<Flag> flags) {
    for (const Flag flag : flags) add(flag);
  }
  constexpr void add(Flag flag) {
    bits_ = static_cast<uint8_t>(bits_ | static_cast<uint8_t>(flag));
  }
  [[nodiscard]] constexpr bool has(Flag flag) const {
    return (bits_ & static_cast<uint8_t>(flag)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  // Nothing beside these.
  [[nodiscard]] constexpr bool only(Flags allowed) const { return (bits_ & ~allowed.bits_) == 0; }
  friend constexpr bool operator==(Flags, Flags) = default;

 private:
  uint8_t bits_ = 0;
};
using PermissionGroups = Flags<PermissionGroup>;
using AuthMechanisms = Flags<AuthMechanism>;

[[nodiscard]] std::span<const PermissionGroup> all_permission_groups();
[[nodiscard]] std::span<const AuthMechanism> all_auth_mechanisms();
[[nodiscard]] std::string_view name_of(PermissionGroup group);  // "AnonymousUsers"
[[nodiscard]] std::string_view name_of(AuthMechanism mechanism);

// What a group writes for a principal. Externally Secured Servers get theirs only where
// AuthMechanism contains ExternalAuthoritative.
[[nodiscard]] Rights granted(PermissionGroup group, Principal principal, AuthMechanisms mechanisms);

// [[permission]] of a connector file, Add-ADPermission: an entry for one principal.
struct Ace {
  Principal user = Principal::kAnonymous;
  Rights rights = 0;
  bool deny = false;
};

// One right of one principal, and where it comes from.
struct AccessEntry {
  Principal user = Principal::kAnonymous;
  Right right = Right::kSubmit;
  bool deny = false;
  std::optional<PermissionGroup> group;  // nullopt: a [[permission]] entry
};

}  // namespace relais::policy
