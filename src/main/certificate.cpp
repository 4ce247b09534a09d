#include "main/certificate.h"

#include "admin/notices.h"

namespace relais {

Certificate::Certificate(ring::Kernel& kernel)
    : kernel_(kernel), keys_(std::make_shared<tls::TicketKeys>(kernel.now())) {}

std::shared_ptr<const tls::ServerContext> Certificate::load(const config::TlsSettings& settings) {
  if (settings.certificate.empty()) return last_good_ = nullptr;
  auto loaded = tls::ServerContext::load(
      {.certificates = {{settings.certificate, settings.key}}, .client_authorities = {}}, keys_,
      kernel_.wall_now());
  if (loaded.context == nullptr) {
    for (const tls::Finding& finding : loaded.findings)
      admin::notice("{}", tls::to_string(finding));
    return last_good_;
  }
  return last_good_ = std::move(loaded.context);
}

}  // namespace relais
