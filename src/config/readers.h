// The readers that rows of parameters*.cpp name: what takes more than a type and a range. Each
// reports every mistake that it finds and leaves the owner's default where a value is wrong.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/drafts.h"
#include "config/place.h"

namespace relais::config {

// Strings with a rule of their own, or nullopt after a report.
[[nodiscard]] std::optional<std::string> check_connector_name(const Value& value,
                                                              const Place& place);
[[nodiscard]] std::optional<std::string> check_host_name(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::string> check_path(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::string> check_banner(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::string> check_auth_user(const Value& value, const Place& place);
[[nodiscard]] std::optional<std::string> check_milter(const Value& value, const Place& place);

template <class Owner, auto member, auto check>
void read_checked(const Value& value, const Place& place, Owner& owner) {
  if (auto text = check(value, place)) owner.*member = std::move(*text);
}

// Calls visit(text, element) for each string of a list; reports another type, and an element of
// another type. False when the value is no list.
template <class Visit>
bool for_each_string(const Value& value, const Place& place, Visit&& visit) {
  const auto* array = value.as<Array>();
  if (array == nullptr) {
    place.wrong_type(value);
    return false;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const Value& element = (*array)[i];
    const auto at = [&] { return place.element(i, element.line); };  // made for a report only
    if (const auto* text = element.as<std::string>()) {
      visit(*text, element.line, static_cast<uint32_t>(i), at);
    } else {
      at().wrong_type(element);
    }
  }
  return true;
}

// Into a list that has each entry once. `text`: as it is written; `at`: makes its place.
template <class T, class At>
void add_once(std::vector<T>& list, T value, std::string_view text, At at) {
  if (std::ranges::find(list, value) != list.end())
    at().error(Rule::kRepeated, fmt::format("'{}' is listed twice", text), "Remove one of the two");
  else
    list.push_back(std::move(value));
}

// The string itself, or nullptr after a report.
[[nodiscard]] const std::string* read_string(const Value& value, const Place& place);

// The CPUs that this process may run on, ascending.
[[nodiscard]] std::vector<uint32_t> allowed_cpus();

// relais.toml
void read_server(const Value& value, const Place& place, ModelDraft& model);
void read_spool(const Value& value, const Place& place, ModelDraft& model);
void read_retry(const Value& value, const Place& place, ModelDraft& model);
void read_notifications(const Value& value, const Place& place, ModelDraft& model);
void read_limit_settings(const Value& value, const Place& place, ModelDraft& model);
void read_admin(const Value& value, const Place& place, ModelDraft& model);
void read_admin_listen(const Value& value, const Place& place, AdminSettings& admin);
void read_back_pressure(const Value& value, const Place& place, ModelDraft& model);
void read_tls(const Value& value, const Place& place, ModelDraft& model);
void read_sni(const Value& value, const Place& place, TlsSettings& tls);
void read_handshake_threads(const Value& value, const Place& place, TlsSettings& tls);
void read_auth(const Value& value, const Place& place, ModelDraft& model);
void read_protocol_log(const Value& value, const Place& place, ModelDraft& model);
void read_accepted_domains(const Value& value, const Place& place, ModelDraft& model);
void read_send_connectors(const Value& value, const Place& place, ModelDraft& model);
void read_cores(const Value& value, const Place& place, ServerSettings& server);
void read_domain_name(const Value& value, const Place& place, AcceptedDomainDraft& domain);
void read_domain_type(const Value& value, const Place& place, AcceptedDomainDraft& domain);
void read_address_spaces(const Value& value, const Place& place, SendDraft& connector);
void read_smart_hosts(const Value& value, const Place& place, SendDraft& connector);
void read_maildir(const Value& value, const Place& place, SendDraft& connector);
void read_tls_start(const Value& value, const Place& place, SendDraft& connector);
void read_tls_auth_level(const Value& value, const Place& place, SendDraft& connector);
void read_smart_host_auth(const Value& value, const Place& place, SendDraft& connector);

// connectors/*.toml
void read_transport_role(const Value& value, const Place& place, ReceiveDraft& connector);
void read_usage(const Value& value, const Place& place, ReceiveDraft& connector);
void read_bindings(const Value& value, const Place& place, ReceiveDraft& connector);
void read_remote_ip_ranges(const Value& value, const Place& place, ReceiveDraft& connector);
void read_proxy_protocol(const Value& value, const Place& place, ReceiveDraft& connector);
void read_trusted_proxies(const Value& value, const Place& place, ReceiveDraft& connector);
void read_secure_domains(const Value& value, const Place& place, ReceiveDraft& connector);
void read_xclient_hosts(const Value& value, const Place& place, ReceiveDraft& connector);
void read_auth_mechanism(const Value& value, const Place& place, ReceiveDraft& connector);
void read_permission_groups(const Value& value, const Place& place, ReceiveDraft& connector);
void read_permissions(const Value& value, const Place& place, ReceiveDraft& connector);
void read_limits(const Value& value, const Place& place, ReceiveDraft& connector);
void read_hosts(const Value& value, const Place& place, std::vector<Endpoint>& hosts);
void read_upstreams(const Value& value, const Place& place, ReceiveDraft& connector);
void read_proxy_fallback(const Value& value, const Place& place, ReceiveDraft& connector);
void read_delivery(const Value& value, const Place& place, ReceiveDraft& connector);
void read_message_rate_source(const Value& value, const Place& place, ReceiveDraft& connector);
void read_milter_action(const Value& value, const Place& place, ReceiveDraft& connector);
void read_protocol_logging(const Value& value, const Place& place, ReceiveDraft& connector);
void read_size_enabled(const Value& value, const Place& place, ReceiveDraft& connector);
void read_user(const Value& value, const Place& place, PermissionDraft& permission);
void read_extended_rights(const Value& value, const Place& place, PermissionDraft& permission);

// [[limit]]
inline constexpr size_t kLimitsMax = 32;  // a connector
void read_measure(const Value& value, const Place& place, LimitDraft& limit);
void read_limit_key(const Value& value, const Place& place, LimitDraft& limit);
void read_rate(const Value& value, const Place& place, LimitDraft& limit);
void read_burst(const Value& value, const Place& place, LimitDraft& limit);
void read_actions(const Value& value, const Place& place, LimitDraft& limit);
void read_thresholds(const Value& value, const Place& place, LimitDraft& limit);
// The whole table; nullopt after a report.
[[nodiscard]] std::optional<LimitDraft> read_limit(const Table& table, const Place& section);

}  // namespace relais::config
