// The files of [tls], and connectors that want them. The files are looked at here as the server
// will look at them, so that a mistake is found before it is needed.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "config/certificates.h"
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
  if (!model.tls.sni.empty()) {
    key_of(section_of(model, main_file), model.tls_lines, "sni")
        .error(Rule::kCertificate, "certificates for names, and none for clients that ask for none",
               "Write certificate = \"...\" under [tls]");
  }
  if (!model.tls.key.empty()) {
    key_of(section_of(model, main_file), model.tls_lines, "key")
        .error(Rule::kCertificate, "a key without a certificate",
               "Write certificate = \"...\", the file of the certificate that it belongs to");
  }
  for (const ConnectorFile& file : files) {
    if (!file.draft.tls_certificate.empty()) continue;
    if (file.draft.enabled && !file.draft.tls_bindings.empty()) {
      key_of(file.place, file.draft.lines, "bindings")
          .error(Rule::kCertificate,
                 fmt::format("{} speaks TLS from the first octet on, and there is no certificate",
                             file.draft.tls_bindings.front().to_string()),
                 "Write certificate and key under [tls] in relais.toml");
    }
    // Without Tls among its mechanisms it has been told already.
    const bool asks = file.draft.auth_mechanism.has(policy::AuthMechanism::kTls);
    if (!file.draft.enabled || !asks) continue;
    if (file.draft.require_tls) {
      key_of(file.place, file.draft.lines, "require_tls")
          .error(Rule::kCertificate,
                 "TLS is required, and there is no certificate: nobody could send",
                 "Write certificate and key under [tls] in relais.toml");
    }
    if (file.draft.domain_secure) {
      key_of(file.place, file.draft.lines, "domain_secure_enabled")
          .error(Rule::kCertificate,
                 "clients are to show certificates in TLS, and there is none of our own",
                 "Write certificate and key under [tls] in relais.toml");
    }
  }
}

// Whether a connection begins with TLS is decided before anybody knows which connector it is for.
void check_tls_agreement(const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& one : files) {
    for (const Endpoint& implicit : one.draft.tls_bindings) {
      for (const ConnectorFile& other : files) {
        if (!one.draft.enabled || !other.draft.enabled) continue;
        const auto clear = std::ranges::find_if(other.draft.bindings, [&](const auto& binding) {
          const policy::Binding secured{implicit};
          const bool meets = binding.covers(implicit) || secured.covers(binding.endpoint);
          return meets && std::ranges::find(other.draft.tls_bindings, binding.endpoint) ==
                              other.draft.tls_bindings.end();
        });
        if (clear == other.draft.bindings.end()) continue;
        return key_of(other.place, other.draft.lines, "bindings")
            .error(Rule::kCertificate,
                   fmt::format("'{}' begins in the clear, and in '{}' ({}) the same place begins "
                               "with TLS",
                               clear->endpoint.to_string(), one.draft.name, one.place.file()),
                   "Write tls = \"implicit\" in both or in none, or take another port");
      }
    }
  }
}

tls::ServerSettings certificates_of(const TlsSettings& settings, const std::string& own,
                                    bool asks) {
  tls::ServerSettings all;
  if (asks) all.client_certificate = tls::ServerSettings::ClientCertificate::kAsked;
  all.client_authorities = settings.client_authorities;
  if (!own.empty()) all.certificates.push_back({own, {}});
  if (!settings.certificate.empty())
    all.certificates.push_back({settings.certificate, settings.key});
  for (const CertificateFiles& files : settings.sni)
    all.certificates.push_back({files.certificate, files.key});
  return all;
}

namespace {

void report(const tls::Finding& finding, const Place& at) {
  const std::string what = finding.file + ": " + finding.what;
  if (finding.severity == tls::Finding::Severity::kError)
    at.error(Rule::kCertificate, what, finding.cure);
  else
    at.warning(Rule::kCertificate, what, finding.cure);
}

std::string_view key_of_file(const TlsSettings& settings, const std::string& file) {
  if (file == settings.certificate) return "certificate";
  if (file == settings.key) return "key";
  return file == settings.client_authorities ? "client_ca_file" : "sni";
}

std::vector<tls::Finding> findings_in(const tls::ServerSettings& settings) {
  const auto keys = std::make_shared<tls::TicketKeys>(Instant{});
  return tls::ServerContext::load(settings, keys, wall_now()).findings;
}

}  // namespace

void check_certificate(const ModelDraft& model, const Place& main_file,
                       const std::vector<ConnectorFile>& files) {
  const TlsSettings& settings = model.tls;
  if (!settings.certificate.empty()) {
    const bool asks = std::ranges::any_of(
        files, [](const ConnectorFile& file) { return file.draft.domain_secure; });
    for (const tls::Finding& finding : findings_in(certificates_of(settings, {}, asks))) {
      const std::string_view key = key_of_file(settings, finding.file);
      report(finding, key_of(section_of(model, main_file), model.tls_lines, key));
    }
  }
  std::set<std::string> seen;
  for (const ConnectorFile& file : files) {
    const std::string& own = file.draft.tls_certificate;
    if (own.empty() || !seen.insert(own).second) continue;
    tls::ServerSettings alone;
    alone.certificates.push_back({own, {}});
    for (const tls::Finding& finding : findings_in(alone))
      report(finding, key_of(file.place, file.draft.lines, "tls_certificate_name"));
  }
}

}  // namespace relais::config
