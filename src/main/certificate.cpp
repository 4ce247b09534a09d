#include "main/certificate.h"

#include <utility>

#include "admin/notices.h"
#include "config/certificates.h"

namespace relais {

Certificates::Certificates(ring::Kernel& kernel)
    : kernel_(kernel), keys_(std::make_shared<tls::TicketKeys>(kernel.now())) {}

Certificates::Context Certificates::read(const Key& key, const config::TlsSettings& settings) {
  auto loaded = tls::ServerContext::load(config::certificates_of(settings, key.first, key.second),
                                         keys_, kernel_.wall_now());
  if (loaded.context != nullptr) return std::move(loaded.context);
  for (const tls::Finding& finding : loaded.findings) admin::notice("{}", tls::to_string(finding));
  return last_good_[key];
}

void Certificates::load(const config::Model& model, front::Services& services) {
  for (const auto& connector : model.receive_connectors) {
    const Key key{connector.tls_certificate, connector.domain_secure};
    if (key.first.empty() && model.tls.certificate.empty()) continue;
    if (!services.tls.contains(key)) services.tls[key] = read(key, model.tls);
  }
  last_good_ = services.tls;
}

}  // namespace relais
