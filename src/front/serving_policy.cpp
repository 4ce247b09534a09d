#include "front/serving_policy.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "policy/ascii.h"

namespace relais::front {
namespace {

// What "by" in a Received field may call us, lower case.
std::vector<std::string> own_names_of(const policy::ReceiveConnector& connector,
                                      const std::string& fqdn) {
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    name = policy::ascii_lower(name);
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  };
  add(fqdn);
  add(connector.fqdn);
  for (const auto& binding : connector.bindings) {
    if (!binding.is_wildcard()) add(binding.endpoint.address.to_string());
  }
  return names;
}

smtp::HeaderRules header_rules_of(const policy::ReceiveConnector& connector,
                                  const std::string& fqdn, policy::Principal principal,
                                  const smtp::DisplayNames* names) {
  using policy::Right;
  const policy::Rights rights = connector.rights_of(principal);
  return {.keep_routing = has(rights, Right::kAcceptHeadersRouting),
          .keep_organization = has(rights, Right::kAcceptHeadersOrganization),
          .keep_forest = has(rights, Right::kAcceptHeadersForest),
          .stamped = connector.stamp_auth_headers,
          .watch_from = !has(rights, Right::kAcceptAnySender),
          .display_names = connector.is_internal(principal) ? names : nullptr,
          .own_names = own_names_of(connector, fqdn)};
}

}  // namespace

smtp::ServerOptions serving_options(const policy::ReceiveConnector& connector,
                                    const std::string& fqdn, policy::Principal principal,
                                    const smtp::DisplayNames* names, Offers offers) {
  using policy::AuthMechanism;
  const auto& mechanisms = connector.auth_mechanism;
  const policy::Rights rights = connector.rights_of(principal);
  const bool starttls = offers.tls && mechanisms.has(AuthMechanism::kTls);
  const bool auth = offers.auth && mechanisms.has(AuthMechanism::kBasicAuth);
  return {
      .fqdn = connector.fqdn.empty() ? fqdn : connector.fqdn,
      .banner = connector.banner,
      .max_message_size = connector.max_message_size,
      .max_header_size = connector.max_header_size,
      .max_recipients = connector.max_recipients,
      .max_hop_count = connector.max_hop_count,
      .max_local_hop_count = connector.max_local_hop_count,
      .max_protocol_errors = connector.max_protocol_errors,
      .pipelining = connector.pipelining,
      .size = connector.size != policy::SizeMode::kDisabled,
      .size_value = connector.size == policy::SizeMode::kEnabled,
      .limit_message_size = !has(rights, policy::Right::kBypassMessageSizeLimit),
      // RFC 4954 section 5: who offers AUTH takes it, and from whom it does not trust as AUTH=<>.
      .auth_parameter = auth || has(rights, policy::Right::kAcceptAuthenticationFlag),
      .exch50 = has(rights, policy::Right::kAcceptExch50),
      .dsn = connector.delivery_status_notification,
      .eight_bit_mime = connector.eight_bit_mime,
      .binary_mime = connector.binary_mime,
      .chunking = connector.chunking,
      .smtp_utf8 = connector.smtp_utf8,
      .limits = connector.limits_extension,
      .require_tls = offers.require_tls && connector.require_tls_extension &&
                     connector.delivery != policy::Delivery::kProxy,
      .starttls = starttls,
      .auth = auth,
      // No password in the clear where it need not be (smtp-rules.md 8).
      .auth_needs_tls = starttls || mechanisms.has(AuthMechanism::kBasicAuthRequireTls),
      .max_logon_failures = connector.max_logon_failures,
      .enhanced_status_codes = connector.enhanced_status_codes,
      .require_ehlo_domain = connector.require_ehlo_domain,
      .reject_bare_line_ends = connector.reject_bare_line_ends,
      .header = header_rules_of(connector, fqdn, principal, names)};
}

smtp::Reply reply_of(const policy::Decision& decision, const smtp::Reply& accepted) {
  if (decision.allowed) return accepted;
  return {decision.code,
          {decision.enhanced[0], decision.enhanced[1], decision.enhanced[2]},
          decision.text};
}

ServingPolicy::ServingPolicy(std::vector<policy::ReceiveConnector> connectors,
                             policy::AcceptedDomains domains, const std::string& fqdn,
                             Services services, Offers offers)
    : snapshot_(std::move(connectors), std::move(domains)),
      services_(std::move(services)),
      names_(services_.book) {
  const smtp::DisplayNames* names = names_.empty() ? nullptr : &names_;
  offers.auth |= services_.authenticator != nullptr;
  for (uint32_t i = 0; i < snapshot_.connectors().size(); ++i) {
    const auto& connector = snapshot_.connectors()[i];
    const bool own_tls = offers.own_tls && !connector.tls_certificate.empty();
    const auto options = [&](policy::Principal principal) {
      return serving_options(connector, fqdn, principal, names,
                             {.tls = offers.tls || own_tls || tls(i) != nullptr,
                              .auth = offers.auth,
                              .require_tls = offers.require_tls});
    };
    targets_.push_back(target_of(connector, fqdn));
    options_.push_back(options(connector.session_principal()));
    user_options_.push_back(options(policy::Principal::kAuthenticatedUsers));
    partner_options_.push_back(options(policy::Principal::kPartnerServers));
  }
}

upstream::Target ServingPolicy::target_of(const policy::ReceiveConnector& connector,
                                          const std::string& fqdn) const {
  upstream::Target target{.hosts = connector.upstreams,
                          .ehlo_name = connector.fqdn.empty() ? fqdn : connector.fqdn,
                          .timeout = connector.upstream_timeout,
                          .connections_max = connector.upstream_max_connections};
  const auto route = services_.upstream_routes.find(connector.upstream_send_connector);
  if (route == services_.upstream_routes.end()) return target;
  target.hosts = route->second.hosts;
  target.way = route->second.way;
  return target;
}

const std::shared_ptr<const tls::ServerContext>& ServingPolicy::tls(uint32_t connector) const {
  static const std::shared_ptr<const tls::ServerContext> kNone;
  const policy::ReceiveConnector& its = snapshot_.connectors()[connector];
  const auto found = services_.tls.find({its.tls_certificate, its.domain_secure});
  return found == services_.tls.end() ? kNone : found->second;
}

}  // namespace relais::front
