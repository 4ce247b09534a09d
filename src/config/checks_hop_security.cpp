// What a Send connector says about TLS and about logging on, key against key; and its files, looked
// at as the server will look at them.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "config/password_file.h"
#include "tls/client_context.h"

namespace relais::config {
namespace {

// The key that requires TLS, and its value; empty: none does.
std::pair<std::string_view, std::string> requirement_of(const SendDraft& connector) {
  if (connector.tls_start == TlsStart::kImplicit) return {"tls", "\"implicit\""};
  if (connector.require_tls) return {"require_tls", "true"};
  if (connector.verifies())
    return {"tls_auth_level", fmt::format("\"{}\"", name_of(connector.tls_auth_level))};
  if (connector.auth == SmartHostAuth::kBasicAuthRequireTls)
    return {"smart_host_auth_mechanism", "\"BasicAuthRequireTLS\""};
  return {};
}

void check_tls_keys(const SendDraft& connector, const Place& place) {
  const auto at = [&](std::string_view key) { return key_of(place, connector.lines, key); };
  const auto [key, value] = requirement_of(connector);
  if (connector.ignore_starttls && !key.empty()) {
    at("ignore_starttls")
        .error(Rule::kNextHopTls, fmt::format("stands beside {} = {}", key, value),
               "Keep one of the two");
  }
  if (connector.tls_auth_level == TlsAuthLevel::kDomainValidation && connector.tls_domain.empty() &&
      !connector.lines.has("tls_domain")) {
    at("tls_auth_level")
        .error(Rule::kNextHopTls, "DomainValidation without a name to look for",
               "Write tls_domain = \"mx.contoso.com\", the name in the certificate of the next "
               "hops: smart_hosts has only their addresses");
  }
  const bool verifies_name = connector.tls_auth_level == TlsAuthLevel::kDomainValidation;
  // Who misspelt the level has been told already.
  if (!connector.tls_domain.empty() && !verifies_name &&
      !(connector.lines.has("tls_auth_level") && !connector.verifies())) {
    at("tls_domain")
        .warning(Rule::kNextHopTls, "no certificate is held against this name",
                 "Write tls_auth_level = \"DomainValidation\"");
  }
  if (!connector.tls_ca_file.empty() && !connector.verifies() &&
      !connector.lines.has("tls_auth_level")) {
    at("tls_ca_file")
        .warning(Rule::kNextHopTls, "no certificate is held against these authorities",
                 "Write tls_auth_level = \"DomainValidation\" or \"CertificateValidation\"");
  }
}

void check_auth_keys(const SendDraft& connector, const Place& place) {
  const auto at = [&](std::string_view key) { return key_of(place, connector.lines, key); };
  constexpr std::string_view kNeeded[] = {"auth_user", "auth_password_file"};
  for (const std::string_view key : kNeeded) {
    const bool there = connector.lines.has(key);
    if (connector.auth != SmartHostAuth::kNone && !there) {
      at("smart_host_auth_mechanism")
          .error(Rule::kNextHopLogon, fmt::format("{} without {}", name_of(connector.auth), key),
                 fmt::format("Write {} = \"...\"", key));
    } else if (there && !connector.lines.has("smart_host_auth_mechanism")) {
      at(key).warning(Rule::kNextHopLogon, "nobody logs on",
                      "Write smart_host_auth_mechanism = \"BasicAuthRequireTLS\"");
      return;
    }
  }
  const bool leaves = std::ranges::any_of(
      connector.smart_hosts, [](const Endpoint& host) { return !host.address.is_loopback(); });
  if (connector.auth != SmartHostAuth::kBasicAuth || connector.requires_tls() || !leaves) return;
  at("smart_host_auth_mechanism")
      .warning(Rule::kHopPasswordInClear,
               connector.ignore_starttls
                   ? "the password goes over the network in the clear"
                   : "the password goes over the network in the clear wherever there is no TLS",
               "Write \"BasicAuthRequireTLS\"");
}

void check_maildir_keys(const SendDraft& connector, const Place& place) {
  for (const auto& [key, line] : connector.lines.lines) {
    const bool is_tls = key.starts_with("tls") || key == "require_tls" || key == "ignore_starttls";
    if (!is_tls && !key.starts_with("auth_") && key != "smart_host_auth_mechanism") continue;
    place.key(key, line).warning(is_tls ? Rule::kNextHopTls : Rule::kNextHopLogon,
                                 "has no effect beside maildir: nothing goes over the network",
                                 "Take it away");
  }
}

}  // namespace

void check_hop_security(const SendDraft& connector, const Place& place) {
  if (connector.kind == DeliveryKind::kMaildir) return check_maildir_keys(connector, place);
  check_tls_keys(connector, place);
  check_auth_keys(connector, place);
}

void check_hop_files(const ModelDraft& model, const Place& main_file) {
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& connector = model.send_connectors[i];
    const Place place = main_file.key("send_connector", 0).element(i, connector.lines.section_line);
    if (connector.verifies()) {
      const auto loaded =
          tls::ClientContext::load({.verify = true, .authorities = connector.tls_ca_file});
      for (const tls::Finding& finding : loaded.findings) {
        const Place at = key_of(place, connector.lines, "tls_ca_file");
        const std::string what = finding.file + ": " + finding.what;
        if (finding.severity == tls::Finding::Severity::kError)
          at.error(Rule::kNextHopTls, what, finding.cure);
        else
          at.warning(Rule::kNextHopTls, what, finding.cure);
      }
    }
    if (connector.auth == SmartHostAuth::kNone || connector.auth_password_file.empty()) continue;
    if (const auto password = read_password(connector.auth_password_file); !password) {
      key_of(place, connector.lines, "auth_password_file")
          .error(Rule::kNextHopLogon, connector.auth_password_file + ": " + password.error().what,
                 password.error().cure);
    }
  }
}

}  // namespace relais::config
