// Who has which rights: mechanisms, groups and entries against each other, and the domains that
// everybody may send to.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "policy/ascii.h"

namespace relais::config {
namespace {

// ExternalAuthoritative that breaks no rule (check_auth_mechanism), and so has its effect.
bool is_external(const ReceiveDraft& connector) {
  using policy::AuthMechanism;
  return connector.auth_mechanism.has(AuthMechanism::kExternalAuthoritative) &&
         connector.auth_mechanism.only(
             {AuthMechanism::kExternalAuthoritative, AuthMechanism::kTls}) &&
         connector.permission_groups.has(policy::PermissionGroup::kExchangeServers) &&
         !connector.domain_secure;
}

// The two relay methods: one or the other (exchange-reference.md section 3).
void check_relay_methods(const ReceiveDraft& connector, const Place& place) {
  if (!is_external(connector)) return;
  const bool anonymous =
      connector.permission_groups.has(policy::PermissionGroup::kAnonymousUsers) ||
      has(connector.rights_of(policy::Principal::kAnonymous), policy::Right::kAcceptAnyRecipient);
  if (!anonymous) return;
  key_of(place, connector.lines, "auth_mechanism")
      .warning(Rule::kBothRelayMethods,
               "both relay methods at once: every client is externally secured, so what is given "
               "to anonymous clients has no effect",
               "Keep ExternalAuthoritative, or AnonymousUsers with Accept-Any-Recipient");
}

// Some group gives Submit, if only to principals that no session has yet.
bool is_for_others(const ReceiveDraft& connector) {
  using policy::Usage;
  return !connector.permission_groups.empty() || connector.usage == Usage::kClient ||
         connector.usage == Usage::kInternal || connector.usage == Usage::kPartner;
}

// Clients may, once they have authenticated.
bool users_submit(const ReceiveDraft& connector) {
  return connector.auth_mechanism.has(policy::AuthMechanism::kBasicAuth) &&
         has(connector.rights_of(policy::Principal::kAuthenticatedUsers), policy::Right::kSubmit);
}

void check_submit(const ReceiveDraft& connector, const Place& place) {
  using policy::Right;
  // What could not be read, or is an error of its own, is not judged by its consequences.
  if (!connector.enabled || connector.rights_refused) return;
  const policy::Principal principal = connector.session_principal();
  if (has(connector.rights_of(principal), Right::kSubmit) || users_submit(connector)) return;
  policy::ReceiveConnector undenied = connector;
  std::erase_if(undenied.permissions, [](const policy::Ace& ace) { return ace.deny; });
  const bool external = principal == policy::Principal::kExternallySecured;
  const std::string what =
      fmt::format("nobody may submit mail here: {} clients have no ms-Exch-SMTP-Submit",
                  external ? "externally secured" : "anonymous");
  if (has(undenied.rights_of(principal), Right::kSubmit)) {
    for (size_t i = 0; i < connector.permissions.size(); ++i) {
      const policy::Ace& ace = connector.permissions[i];
      if (!ace.deny || ace.user != principal || !has(ace.rights, Right::kSubmit)) continue;
      return place.key("permission", 0)
          .element(i, connector.permission_lines[i])
          .warning(Rule::kNobodySubmits, what + ": this entry denies it",
                   "Take the denying [[permission]] entry away, or ms-Exch-SMTP-Submit out of it");
    }
  }
  if (external) return;  // without its group: an error already
  const Place at = key_of(place, connector.lines, "permission_groups");
  if (connector.auth_mechanism.has(policy::AuthMechanism::kBasicAuth)) {
    at.warning(Rule::kNobodySubmits,
               what + "; they would have to authenticate, and Authenticated Users have none either",
               "Add ExchangeUsers to the groups, or write enabled = false");
  } else if (is_for_others(connector)) {
    at.warning(Rule::kNobodySubmits,
               what + "; they would have to authenticate, and AUTH is not offered",
               "Add Tls, BasicAuth and BasicAuthRequireTLS to auth_mechanism and ExchangeUsers to "
               "the groups, or write enabled = false");
  } else {
    at.warning(Rule::kNobodySubmits, what, "Write permission_groups = [\"AnonymousUsers\"]");
  }
}

// "*.co.uk": below a country the usual words for who registers there.
bool is_public_suffix(std::string_view name) {
  static constexpr std::string_view kSecondLevels[] = {"ac",  "co",  "com", "edu",
                                                       "gov", "net", "org"};
  if (!name.starts_with("*.")) return false;
  name.remove_prefix(2);
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || name.size() - dot - 1 != 2) return false;
  return std::ranges::any_of(kSecondLevels, [&](std::string_view label) {
    return policy::equal_ignoring_case(label, name.substr(0, dot));
  });
}

}  // namespace

// exchange-reference.md section 3, AuthMechanism.
void check_auth_mechanism(const ReceiveDraft& connector, const Place& place) {
  using policy::AuthMechanism;
  const auto has = [&](AuthMechanism mechanism) { return connector.auth_mechanism.has(mechanism); };
  const Place at = key_of(place, connector.lines, "auth_mechanism");
  if (has(AuthMechanism::kBasicAuthRequireTls) &&
      !(has(AuthMechanism::kBasicAuth) && has(AuthMechanism::kTls))) {
    at.error(Rule::kAuthMechanism, "BasicAuthRequireTLS stands without BasicAuth and Tls",
             "Add both: [\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]");
  }
  if (has(AuthMechanism::kExternalAuthoritative)) {
    if (!connector.auth_mechanism.only(
            {AuthMechanism::kExternalAuthoritative, AuthMechanism::kTls})) {
      at.error(Rule::kAuthMechanism,
               "ExternalAuthoritative allows no other mechanism beside it than Tls",
               "Write [\"ExternalAuthoritative\"] or [\"Tls\", \"ExternalAuthoritative\"]");
    }
    if (!connector.permission_groups.has(policy::PermissionGroup::kExchangeServers)) {
      at.error(Rule::kAuthMechanism,
               "ExternalAuthoritative needs the permission group ExchangeServers",
               "Write permission_groups = [\"ExchangeServers\"]");
    }
    if (connector.domain_secure) {
      key_of(place, connector.lines, "domain_secure_enabled")
          .error(Rule::kAuthMechanism, "domain security cannot stand beside ExternalAuthoritative",
                 "Take one of the two away");
    }
  }
  if (connector.require_tls && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "require_tls")
        .error(Rule::kAuthMechanism, "TLS is required and auth_mechanism does not contain Tls",
               "Add \"Tls\" to auth_mechanism");
  }
  const bool lists = connector.lines.has("domain_secure_domains");
  if (connector.domain_secure && !lists) {
    key_of(place, connector.lines, "domain_secure_enabled")
        .error(Rule::kAuthMechanism, "domain security of no domain",
               "Write domain_secure_domains = [\"partner.com\"], whose certificates count");
  }
  if (!connector.domain_secure && !connector.domain_secure_domains.empty()) {
    key_of(place, connector.lines, "domain_secure_domains")
        .warning(Rule::kAuthMechanism, "has no effect without domain_secure_enabled = true",
                 "Write domain_secure_enabled = true, or take the list away");
  }
  const bool submits =
      policy::has(connector.rights_of(policy::Principal::kPartnerServers), policy::Right::kSubmit);
  if (connector.domain_secure && !submits) {
    key_of(place, connector.lines, "domain_secure_enabled")
        .warning(Rule::kAuthMechanism,
                 "whoever shows its certificate runs as MS Exchange\\Partner Servers, who may not "
                 "send mail here",
                 "Add \"Partners\" to permission_groups");
  }
  if (connector.domain_secure && !has(AuthMechanism::kTls)) {
    key_of(place, connector.lines, "domain_secure_enabled")
        .error(Rule::kAuthMechanism, "domain security needs Tls in auth_mechanism",
               "Add \"Tls\" to auth_mechanism");
  }
}

void check_rights(const ReceiveDraft& connector, const Place& place) {
  check_relay_methods(connector, place);
  check_submit(connector, place);
}

void check_domains(const ModelDraft& model, const Place& place) {
  for (size_t i = 0; i < model.accepted_domains.size(); ++i) {
    const AcceptedDomainDraft& domain = model.accepted_domains[i];
    if (domain.known_open_relay) continue;
    const Place at = key_of(place.key("accepted_domain", 0).element(i, domain.lines.section_line),
                            domain.lines, "name");
    if (domain.name == "*") {
      at.error(Rule::kAnyDomainAccepted,
               "'*' would accept mail for every domain from every client: an open relay",
               "Name the domains, give Accept-Any-Recipient to a connector, or write "
               "i_know_this_is_an_open_relay = true beside it");
    } else if (is_public_suffix(domain.name)) {
      at.warning(Rule::kWholeTopLevel,
                 fmt::format("'{}' is everything below a public suffix, where anybody registers "
                             "domains: mail for all of it would be accepted from every client",
                             domain.name),
                 "Name the domains");
    } else if (domain.name.starts_with("*.") && domain.name.find('.', 2) == std::string::npos) {
      at.warning(Rule::kWholeTopLevel,
                 fmt::format("'{}' is everything below a top level domain: mail for all of it "
                             "would be accepted from every client",
                             domain.name),
                 "Name the domains");
    }
  }
}

}  // namespace relais::config
