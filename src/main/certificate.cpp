#include "main/certificate.h"

#include <algorithm>
#include <utility>

#include "admin/notices.h"
#include "config/certificates.h"

namespace relais {

Certificates::Certificates(ring::Kernel& kernel)
    : kernel_(kernel), keys_(std::make_shared<tls::TicketKeys>(kernel.now())) {}

RecordKinds Certificates::kernel_records(const config::Model& model) {
  const bool has_tls = !model.tls.certificate.empty() ||
                       std::ranges::any_of(model.receive_connectors, [](const auto& connector) {
                         return !connector.tls_certificate.empty();
                       });
  if (!has_tls || !model.tls.kernel_tls) return {};
  if (!kernel_records_) kernel_records_ = kernel_.record_kinds();
  return *kernel_records_;
}

Certificates::Context Certificates::read(const Key& key, const config::Model& model) {
  tls::ServerSettings settings = config::certificates_of(model.tls, key.first, key.second);
  settings.kernel_records = kernel_records(model);
  auto loaded = tls::ServerContext::load(settings, keys_, kernel_.wall_now());
  if (loaded.context != nullptr) return std::move(loaded.context);
  for (const tls::Finding& finding : loaded.findings) admin::notice("{}", tls::to_string(finding));
  return last_good_[key];
}

void Certificates::load(const config::Model& model, front::Services& services) {
  for (const auto& connector : model.receive_connectors) {
    const Key key{connector.tls_certificate, connector.domain_secure};
    if (key.first.empty() && model.tls.certificate.empty()) continue;
    if (!services.tls.contains(key)) services.tls[key] = read(key, model);
  }
  last_good_ = services.tls;
}

}  // namespace relais
