// Readers of what Send connectors say about TLS and AUTH.
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "config/choose.h"
#include "config/password_file.h"
#include "config/readers.h"

namespace relais::config {

std::string_view name_of(TlsStart start) {
  return start == TlsStart::kStartTls ? "starttls" : "implicit";
}

std::string_view name_of(TlsAuthLevel level) {
  switch (level) {
    case TlsAuthLevel::kEncryptionOnly:
      return "EncryptionOnly";
    case TlsAuthLevel::kCertificateValidation:
      return "CertificateValidation";
    case TlsAuthLevel::kDomainValidation:
      return "DomainValidation";
  }
  return {};
}

std::string_view name_of(SmartHostAuth auth) {
  switch (auth) {
    case SmartHostAuth::kNone:
      return "None";
    case SmartHostAuth::kBasicAuth:
      return "BasicAuth";
    case SmartHostAuth::kBasicAuthRequireTls:
      return "BasicAuthRequireTLS";
  }
  return {};
}

namespace {

template <auto member, const auto* values>
void choose_setting(const Value& value, const Place& place, SendDraft& connector,
                    std::span<const Refused> refused = {}) {
  using Setting = std::remove_cvref_t<decltype(connector.*member)>;
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  const auto chosen = choose<Setting>(*text, place, *values, refused);
  if (chosen) connector.*member = *chosen;
}

}  // namespace

void read_tls_start(const Value& value, const Place& place, SendDraft& connector) {
  static constexpr TlsStart kStarts[] = {TlsStart::kStartTls, TlsStart::kImplicit};
  choose_setting<&SendDraft::tls_start, &kStarts>(value, place, connector);
}

void read_tls_auth_level(const Value& value, const Place& place, SendDraft& connector) {
  static constexpr TlsAuthLevel kLevels[] = {TlsAuthLevel::kEncryptionOnly,
                                             TlsAuthLevel::kCertificateValidation,
                                             TlsAuthLevel::kDomainValidation};
  choose_setting<&SendDraft::tls_auth_level, &kLevels>(value, place, connector);
}

void read_smart_host_auth(const Value& value, const Place& place, SendDraft& connector) {
  static constexpr SmartHostAuth kMechanisms[] = {SmartHostAuth::kNone, SmartHostAuth::kBasicAuth,
                                                  SmartHostAuth::kBasicAuthRequireTls};
  static constexpr Refused kElsewhere[] = {
      {"ExchangeServer", "there is no Exchange organization to log on with"},
      {"ExternalAuthoritative", "what secures a connection elsewhere needs no word here"},
  };
  choose_setting<&SendDraft::auth, &kMechanisms>(value, place, connector, kElsewhere);
}

std::optional<std::string> check_auth_user(const Value& value, const Place& place) {
  const auto* user = read_string(value, place);
  if (user == nullptr) return std::nullopt;
  const bool has_control =
      std::ranges::any_of(*user, [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  if (user->empty()) {
    place.wrong("'' is empty");
  } else if (user->size() > kCredentialMax) {
    place.wrong(fmt::format("a name of {} octets", user->size()));
  } else if (has_control) {
    place.wrong("a name may not hold control characters");
  } else {
    return *user;
  }
  return std::nullopt;
}

}  // namespace relais::config
