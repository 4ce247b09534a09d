#include "main/hop_security.h"

#include "config/password_file.h"
#include "tls/client_context.h"

namespace relais {
namespace {

std::expected<std::shared_ptr<const tls::ClientContext>, std::string> context_of(
    const config::SendConnector& connector) {
  const bool never = connector.ignore_starttls && !connector.requires_tls();
  if (connector.kind == config::DeliveryKind::kMaildir || never) return nullptr;
  const bool name = connector.tls_auth_level == config::TlsAuthLevel::kDomainValidation;
  auto loaded = tls::ClientContext::load(
      {.verify = connector.verifies(), .verify_name = name, .authorities = connector.tls_ca_file});
  if (loaded.context != nullptr) return loaded.context;
  std::string problem = "TLS cannot be set up";
  if (!loaded.findings.empty()) problem = tls::to_string(loaded.findings.front());
  return std::unexpected(problem);
}

std::expected<relay::HopSecurity, std::string> security_of(const config::SendConnector& connector) {
  relay::HopSecurity security;
  auto context = context_of(connector);
  if (!context) return std::unexpected(context.error());
  security.tls = std::move(*context);
  if (connector.auth == config::SmartHostAuth::kNone) return security;
  auto password = config::read_password(connector.auth_password_file);
  if (!password)
    return std::unexpected(connector.auth_password_file + ": " + password.error().what);
  security.credentials =
      std::make_shared<const smtp::Credentials>(connector.auth_user, std::move(*password));
  return security;
}

}  // namespace

std::expected<relay::HopSecurities, std::string> load_hop_security(
    const std::vector<config::SendConnector>& connectors) {
  relay::HopSecurities all;
  for (const config::SendConnector& connector : connectors) {
    auto security = security_of(connector);
    if (!security) {
      return std::unexpected("Send connector \"" + connector.name +
                             "\": " + std::move(security.error()));
    }
    all.push_back(std::move(*security));
  }
  return all;
}

upstream::Routes upstream_routes(const std::vector<config::SendConnector>& connectors,
                                 const relay::HopSecurities& securities) {
  upstream::Routes routes;
  for (size_t i = 0; i < connectors.size(); ++i) {
    const config::SendConnector& connector = connectors[i];
    if (connector.kind != config::DeliveryKind::kSmartHost) continue;
    const bool names = connector.tls_auth_level == config::TlsAuthLevel::kDomainValidation;
    routes[connector.name] = {
        .hosts = connector.smart_hosts,
        .way = {.chunking = connector.chunking,
                .start_tls = relay::start_tls_of(connector),
                .implicit_tls = connector.tls_start == config::TlsStart::kImplicit,
                .proves_itself = names,
                .tls = securities[i].tls,
                .tls_name = connector.tls_domain,
                .credentials = securities[i].credentials,
                .auth_in_clear = connector.auth == config::SmartHostAuth::kBasicAuth,
                .proxy_header = connector.send_proxy_protocol,
                .xclient = connector.send_xclient}};
  }
  return routes;
}

}  // namespace relais
