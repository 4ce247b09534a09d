// The files of [tls], and connectors that want them. The files are looked at here as the server
// will look at them, so that a mistake is found before it is needed.
#include <chrono>
#include <memory>

#include "config/checks.h"
#include "tls/server_context.h"

namespace relais::config {
namespace {

WallTime wall_now() {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  return {duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

Place section_of(const ModelDraft& model, const Place& main_file) {
  return main_file.key("tls", model.tls_lines.section_line);
}

}  // namespace

void check_tls(const ModelDraft& model, const Place& main_file,
               const std::vector<ConnectorFile>& files) {
  if (!model.tls.certificate.empty()) return;
  if (!model.tls.key.empty()) {
    key_of(section_of(model, main_file), model.tls_lines, "key")
        .error(Rule::kCertificate, "a key without a certificate",
               "Write certificate = \"...\", the file of the certificate that it belongs to");
  }
  for (const ConnectorFile& file : files) {
    // Without Tls among its mechanisms it has been told already.
    const bool asks = file.draft.auth_mechanism.has(policy::AuthMechanism::kTls);
    if (!file.draft.require_tls || !file.draft.enabled || !asks) continue;
    key_of(file.place, file.draft.lines, "require_tls")
        .error(Rule::kCertificate,
               "TLS is required, and there is no certificate: nobody could send",
               "Write certificate and key under [tls] in relais.toml");
  }
}

void check_certificate(const ModelDraft& model, const Place& main_file) {
  const TlsSettings& settings = model.tls;
  if (settings.certificate.empty()) return;
  const auto keys = std::make_shared<tls::TicketKeys>(Instant{});
  const auto loaded = tls::ServerContext::load(
      {.certificates = {{settings.certificate, settings.key}}, .client_authorities = {}}, keys,
      wall_now());
  for (const tls::Finding& finding : loaded.findings) {
    const bool of_key = !settings.key.empty() && finding.file == settings.key;
    const Place at =
        key_of(section_of(model, main_file), model.tls_lines, of_key ? "key" : "certificate");
    const std::string what = finding.file + ": " + finding.what;
    if (finding.severity == tls::Finding::Severity::kError)
      at.error(Rule::kCertificate, what, finding.cure);
    else
      at.warning(Rule::kCertificate, what, finding.cure);
  }
}

}  // namespace relais::config
