// What check can find, numbered. The number of a rule is for ever: people write it into tickets and
// scripts. New ones come at the end, old ones are never used again for something else.
// docs/checks.md is printed from this table, and `relais check --explain R012` prints a row of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace relais::config {

enum class Rule : uint16_t {
  // Reading a file.
  kUnreadable = 1,
  kNotToml,
  kUnknownKey,
  kMissing,
  kWrongType,
  kOutOfRange,
  kNotAllowed,
  kRepeated,
  kNameTaken,
  kNobodyListens,
  kNowhereToSend,
  // Who may relay.
  kOpenRelay,
  kPublicRelay,
  kManyRelayClients,
  kPublicRelayHosts,
  kPublicTrust,
  kBothRelayMethods,
  kAnyDomainAccepted,
  kWholeTopLevel,
  kAuthMechanism,
  kNobodySubmits,
  // Who comes to which connector.
  kNeverMatches,
  kSameRange,
  kPartialOverlap,
  kSameRangeTwoBindings,
  kUnreachable,
  kNoInterface,
  kTransportRole,
  // Where mail goes.
  kNextHopMayRelay,
  kMailLoop,
  kSendConnectorHops,
  // Limits.
  kLimitNeverBinds,
  kLimitsContradict,
  kSpoolSegments,
  kExtensionNeedsAnother,
  // [[limit]].
  kLimitStopsMail,
  kLimitWithoutEffect,
  kLimitBesideParameter,
  kLongDelay,
  kClientChoosesBucket,
  kShadowLimit,
  // The server itself.
  kAdminReachable,
  // Shares.
  kReservedShares,
  // PROXY headers.
  kProxyDisagreement,
  kProxyTrust,
  kProxyWithoutEffect,
  // TLS.
  kCertificate,
  // delivery = "proxy".
  kUpstreamWithoutProxy,
  kFallbackNowhere,
  // AUTH.
  kLogon,
  kPasswordInClear,
  // TLS and AUTH towards next hops.
  kNextHopTls,
  kNextHopLogon,
  kHopPasswordInClear,
  // The Send connector of delivery = "proxy".
  kUpstreamConnector,
  kNamedClients,
  // delivery = "discard".
  kDiscards,
  // AUTH that lets nobody in.
  kNobodyLogsOn,
};

struct RuleText {
  Rule rule;
  std::string_view what;  // each one line that ends in a full stop
  std::string_view why;
  std::string_view cure;
};

// By number, without a gap.
[[nodiscard]] std::span<const RuleText> all_rules();
[[nodiscard]] const RuleText& text_of(Rule rule);
// "R012".
[[nodiscard]] std::string id_of(Rule rule);
// "R012", "r12" or "12"; nullopt: no such rule.
[[nodiscard]] std::optional<Rule> rule_from_id(std::string_view id);

// docs/checks.md.
[[nodiscard]] std::string rules_markdown();

}  // namespace relais::config
