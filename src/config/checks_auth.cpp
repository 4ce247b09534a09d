// [auth], and connectors whose clients authenticate. The password file is looked at here as the
// server will look at it.
#include <fmt/format.h>

#include <algorithm>

#include "auth/password_file.h"
#include "config/checks.h"

namespace relais::config {
namespace {

using policy::AuthMechanism;

Place auth_key(const ModelDraft& model, const Place& main_file, std::string_view key) {
  return key_of(main_file.key("auth", model.auth_lines.section_line), model.auth_lines, key);
}

// Who authenticates is let in only where it may submit then. Where nobody may, check_submit says
// so.
void check_users(const ReceiveDraft& connector, const Place& at) {
  using policy::Right;
  constexpr auto kUsers = policy::Principal::kAuthenticatedUsers;
  if (connector.rights_refused || has(connector.rights_of(kUsers), Right::kSubmit) ||
      !has(connector.session_rights(), Right::kSubmit))
    return;
  const bool denied = std::ranges::any_of(connector.permissions, [](const policy::Ace& ace) {
    return ace.deny && ace.user == kUsers && has(ace.rights, Right::kSubmit);
  });
  at.warning(Rule::kNobodyLogsOn,
             "AUTH is offered, and every password is refused (535): Authenticated Users have no "
             "ms-Exch-SMTP-Submit",
             denied ? "Take the [[permission]] entry away that denies it, or BasicAuth from here"
                    : "Add ExchangeUsers to permission_groups, or take BasicAuth away from here");
}

// Can a client of the connector ever be asked for a password?
void check_offer(const ModelDraft& model, const ConnectorFile& file) {
  const ReceiveDraft& connector = file.draft;
  if (!connector.enabled || !connector.auth_mechanism.has(AuthMechanism::kBasicAuth)) return;
  if (connector.auth_mechanism.has(AuthMechanism::kExternalAuthoritative)) return;  // an error
  const Place at = key_of(file.place, connector.lines, "auth_mechanism");
  const bool tls = connector.auth_mechanism.has(AuthMechanism::kTls) &&
                   (!model.tls.certificate.empty() || !connector.tls_certificate.empty());
  if (model.auth.password_file.empty() && model.auth.dovecot_socket.empty()) {
    at.warning(Rule::kLogon, "BasicAuth, and nobody knows passwords: AUTH is not offered",
               "Write password_file or dovecot_socket under [auth] in relais.toml");
  } else if (!tls && connector.auth_mechanism.has(AuthMechanism::kBasicAuthRequireTls)) {
    at.warning(Rule::kLogon,
               "BasicAuthRequireTLS, and there is no certificate: AUTH is not offered",
               "Write certificate and key under [tls] in relais.toml");
  } else {
    check_users(connector, at);
    if (tls) return;
    at.warning(Rule::kPasswordInClear, "passwords cross the network in the clear",
               "Offer TLS: certificate and key under [tls] in relais.toml, and Tls here");
  }
}

}  // namespace

void check_auth(const ModelDraft& model, const Place& main_file,
                const std::vector<ConnectorFile>& files) {
  if (!model.auth.password_file.empty() && !model.auth.dovecot_socket.empty()) {
    auth_key(model, main_file, "dovecot_socket")
        .error(Rule::kLogon, "stands beside password_file, and only one of them can be asked",
               "Keep one of the two");
  }
  for (const ConnectorFile& file : files) check_offer(model, file);
}

void check_password_file(const ModelDraft& model, const Place& main_file) {
  const std::string& path = model.auth.password_file;
  if (path.empty()) return;
  const auto read = auth::PasswordFile::read(path);
  if (read) return;
  for (const auth::FileProblem& problem : read.error()) {
    const std::string where = problem.line == 0 ? path : fmt::format("{}:{}", path, problem.line);
    auth_key(model, main_file, "password_file")
        .error(Rule::kLogon, where + ": " + problem.what, problem.cure);
  }
}

}  // namespace relais::config
