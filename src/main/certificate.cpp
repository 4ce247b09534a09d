#include "main/certificate.h"

#include <utility>

#include "admin/notices.h"
#include "config/certificates.h"

namespace relais {

Certificates::Certificates(ring::Kernel& kernel)
    : kernel_(kernel), keys_(std::make_shared<tls::TicketKeys>(kernel.now())) {}

Certificates::Context Certificates::read(const tls::ServerSettings& settings) {
  auto loaded = tls::ServerContext::load(settings, keys_, kernel_.wall_now());
  if (loaded.context != nullptr) return std::move(loaded.context);
  for (const tls::Finding& finding : loaded.findings) admin::notice("{}", tls::to_string(finding));
  return last_good_[settings.certificates.front().certificate];
}

void Certificates::load(const config::Model& model, front::Services& services) {
  std::map<std::string, Context> good;
  if (!model.tls.certificate.empty()) {
    services.tls = read(config::certificates_of(model.tls, {}));
    good[model.tls.certificate] = services.tls;
  }
  for (const auto& connector : model.receive_connectors) {
    const std::string& own = connector.tls_certificate;
    if (own.empty() || services.tls_by_certificate.contains(own)) continue;
    services.tls_by_certificate[own] = read(config::certificates_of(model.tls, own));
    good[own] = services.tls_by_certificate[own];
  }
  last_good_ = std::move(good);
}

}  // namespace relais
