// Readers of connectors/*.toml.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "config/choose.h"
#include "config/domain_name.h"
#include "config/parameter_units.h"
#include "config/readers.h"
#include "config/section.h"
#include "policy/ascii.h"

namespace relais::config {
namespace {

constexpr size_t kBannerMax = 510;  // a reply line without its CRLF, RFC 5321 section 4.5.3.1.5

template <auto member, auto values>
void choose_member(const Value& value, const Place& place, ReceiveDraft& connector,
                   std::span<const Refused> refused = {}) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  using Chosen = std::remove_cvref_t<decltype(connector.*member)>;
  if (const auto chosen = choose(*text, place, std::span<const Chosen>(*values), refused)) {
    connector.*member = *chosen;
  }
}

// A set of flags, in which "None" stands alone. False after a report.
template <class Flag>
bool choose_flags(const Value& value, const Place& place, std::span<const Flag> values,
                  std::span<const Refused> refused, policy::Flags<Flag>& flags) {
  flags = {};
  bool none = false;
  bool good = true;
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        if (policy::equal_ignoring_case(text, "None")) {
          none = true;
        } else if (const auto flag = choose(text, at(), values, refused)) {
          flags.add(*flag);
        } else {
          good = false;
        }
      });
  const bool both = none && !flags.empty();
  const bool empty = is_list && value.as<Array>()->empty();
  if (both) place.wrong("\"None\" stands beside other values");
  if (empty) place.wrong("an empty list");
  return is_list && good && !both && !empty;
}

// Calls take(range, where it stands) for each address range of a list.
template <class Take>
void for_each_range(const Value& value, const Place& place, Take take) {
  const bool is_list = for_each_string(
      value, place, [&](const std::string& text, uint32_t line, uint32_t index, auto at) {
        const auto range = policy::AddressRange::parse_or_reason(text);
        if (!range) {
          at().error(Rule::kNotAllowed, fmt::format("'{}': {}", text, range.error()),
                     "Write one address, a range or a prefix, such as \"192.168.5.10\", "
                     "\"192.168.7.1-192.168.7.9\" or \"192.168.6.0/24\"");
          return;
        }
        take(*range, RangeOrigin{line, index, text});
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_trusted(const Value& value, const Place& place,
                  std::vector<policy::AddressRange>& hosts) {
  for_each_range(value, place, [&](const policy::AddressRange& range, const RangeOrigin& origin) {
    add_once(hosts, range, origin.text, [&] { return place.element(origin.index, origin.line); });
  });
}

std::string_view what_is_wrong_with_binding(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return "the port is missing";
  if (colon == 0) return "the address is missing";
  const bool bracketed = text.front() == '[';
  if (!bracketed && text.find(':') != colon) return "IPv6 needs brackets, as in [::]:25";
  if (bracketed && text[colon - 1] != ']') return "the port is missing";
  const std::string_view host = bracketed ? text.substr(1, colon - 2) : text.substr(0, colon);
  if (!IpAddress::parse(host)) return "not a local IP address";
  return "the port is no number from 1 to 65535";
}

// "0.0.0.0:465;tls=implicit", or { address = "0.0.0.0:465", tls = "implicit" }.
struct BindingText {
  std::string address;
  bool tls = false;
};

constexpr std::string_view kImplicitTls = ";tls=implicit";

std::optional<BindingText> binding_text(const Value& value, const Place& place) {
  if (const auto* text = value.as<std::string>()) {
    const size_t end = text->size() - std::min(text->size(), kImplicitTls.size());
    const bool tls = policy::equal_ignoring_case(std::string_view(*text).substr(end), kImplicitTls);
    if (const size_t option = tls ? std::string::npos : text->find(';');
        option != std::string::npos) {
      place.error(Rule::kNotAllowed,
                  fmt::format("'{}': '{}' is no word that a binding knows", *text,
                              text->substr(option + 1)),
                  "Write \"0.0.0.0:465;tls=implicit\" where TLS begins at once, or the address and "
                  "port alone");
      return std::nullopt;
    }
    return BindingText{tls ? text->substr(0, end) : *text, tls};
  }
  const auto* table = value.as<Table>();
  if (table == nullptr) {
    place.wrong_type(value);
    return std::nullopt;
  }
  BindingText binding;
  for (const Entry& entry : *table) {
    const Place at = place.key(entry.key, entry.line, "\"implicit\"");
    const auto* text = read_string(entry.value, at);
    if (text == nullptr) return std::nullopt;
    if (entry.key == "address") {
      binding.address = *text;
    } else if (entry.key == "tls" && policy::equal_ignoring_case(*text, "implicit")) {
      binding.tls = true;
    } else if (entry.key == "tls") {
      at.wrong(fmt::format("'{}'", *text));
      return std::nullopt;
    } else {
      at.error(Rule::kUnknownKey, "unknown key", "Known here: address, tls");
      return std::nullopt;
    }
  }
  return binding;
}

void read_binding(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto text = binding_text(value, place);
  if (!text) return;
  const auto endpoint = Endpoint::parse(text->address);
  if (!endpoint || endpoint->port == 0) {
    place.wrong(fmt::format("'{}': {}", text->address, what_is_wrong_with_binding(text->address)));
    return;
  }
  const policy::Binding binding{*endpoint};
  if (std::ranges::find(connector.bindings, binding) != connector.bindings.end()) {
    place.error(Rule::kRepeated, fmt::format("'{}' is listed twice", text->address),
                "Remove one of the two");
    return;
  }
  connector.bindings.push_back(binding);
  if (text->tls) connector.tls_bindings.push_back(*endpoint);
}

}  // namespace

std::optional<std::string> check_banner(const Value& value, const Place& place) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return std::nullopt;
  const bool printable = std::ranges::all_of(*text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) {
    place.wrong("a character that is not printable ASCII");
  } else if (!text->starts_with("220 ") && *text != "220") {
    place.wrong(fmt::format("'{}' does not begin with 220", *text));
  } else if (text->find_first_not_of(' ', 3) == std::string::npos) {
    place.wrong(fmt::format("'{}' has no name behind the 220", *text));
  } else if (text->size() > kBannerMax) {
    place.wrong(
        fmt::format("{} characters; a reply line has at most {}", text->size(), kBannerMax));
  } else {
    return *text;
  }
  return std::nullopt;
}

void read_transport_role(const Value& value, const Place& place, ReceiveDraft& connector) {
  static constexpr policy::TransportRole kRoles[] = {policy::TransportRole::kFrontendTransport};
  static constexpr Refused kRefused[] = {
      {"HubTransport",
       "relais is a front end; there is no Transport service behind it, and Hub and Frontend "
       "connectors may never listen on one port",
       Rule::kTransportRole}};
  choose_member<&ReceiveDraft::transport_role, &kRoles>(value, place, connector, kRefused);
}

void read_usage(const Value& value, const Place& place, ReceiveDraft& connector) {
  using policy::Usage;
  static constexpr Usage kUsages[] = {Usage::kCustom, Usage::kInternet, Usage::kInternal,
                                      Usage::kClient, Usage::kPartner};
  choose_member<&ReceiveDraft::usage, &kUsages>(value, place, connector);
}

void read_bindings(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* array = value.as<Array>();
  if (array == nullptr) return place.wrong_type(value);
  if (array->empty()) return place.wrong("an empty list");
  for (size_t i = 0; i < array->size(); ++i)
    read_binding((*array)[i], place.element(i, (*array)[i].line), connector);
}

void read_remote_ip_ranges(const Value& value, const Place& place, ReceiveDraft& connector) {
  for_each_range(value, place, [&](const policy::AddressRange& range, RangeOrigin origin) {
    connector.remote_ranges.push_back(range);
    connector.range_origins.push_back(std::move(origin));
  });
}

void read_proxy_protocol(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  if (policy::equal_ignoring_case(*text, "required")) {
    connector.proxy_protocol = true;
  } else if (!policy::equal_ignoring_case(*text, "none")) {
    place.wrong(fmt::format("'{}' is not known", *text));
  }
}

void read_trusted_proxies(const Value& value, const Place& place, ReceiveDraft& connector) {
  read_trusted(value, place, connector.trusted_proxies);
}

void read_secure_domains(const Value& value, const Place& place, ReceiveDraft& connector) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        auto domain = parse_domain_name(text.starts_with("*.") ? text.substr(2) : text);
        if (domain && domain->find('.') == std::string::npos) {
          at().wrong(fmt::format("'{}': certificates of a whole top-level domain", text));
        } else if (domain && text.starts_with("*.")) {
          at().wrong(fmt::format("'{}': '{}' stands for all below it already", text, *domain));
        } else if (domain) {
          add_once(connector.domain_secure_domains, std::move(*domain), text, at);
        } else {
          at().wrong(fmt::format("'{}': {}", text, domain.error()));
        }
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_xclient_hosts(const Value& value, const Place& place, ReceiveDraft& connector) {
  read_trusted(value, place, connector.xclient_hosts);
}

void read_auth_mechanism(const Value& value, const Place& place, ReceiveDraft& connector) {
  connector.rights_refused |=
      !choose_flags(value, place, policy::all_auth_mechanisms(), {}, connector.auth_mechanism);
}

void read_permission_groups(const Value& value, const Place& place, ReceiveDraft& connector) {
  static constexpr Refused kRefused[] = {
      {"Custom", "a state that Exchange shows; write [[permission]] entries for it"}};
  connector.rights_refused |= !choose_flags(value, place, policy::all_permission_groups(), kRefused,
                                            connector.permission_groups);
}

void read_permissions(const Value& value, const Place& place, ReceiveDraft& connector) {
  for (auto& draft : read_tables(permission_parameters(), value, place)) {
    connector.permission_lines.push_back(draft.lines.section_line);
    connector.rights_refused |=
        draft.refused || !draft.lines.has("user") || !draft.lines.has("extended_rights");
    connector.permissions.push_back(std::move(draft));
  }
}

void read_delivery(const Value& value, const Place& place, ReceiveDraft& connector) {
  using policy::Delivery;
  static constexpr Delivery kDeliveries[] = {Delivery::kQueue, Delivery::kProxy,
                                             Delivery::kDiscard};
  choose_member<&ReceiveDraft::delivery, &kDeliveries>(value, place, connector);
}

void read_upstreams(const Value& value, const Place& place, ReceiveDraft& connector) {
  read_hosts(value, place, connector.upstreams);
  if (connector.upstreams.size() <= kUpstreamsMax) return;
  place.wrong(fmt::format("{} upstreams", connector.upstreams.size()));
  connector.upstreams.resize(kUpstreamsMax);
}

void read_proxy_fallback(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  if (policy::equal_ignoring_case(*text, "queue")) {
    connector.proxy_fallback = true;
  } else if (!policy::equal_ignoring_case(*text, "none")) {
    place.wrong(fmt::format("'{}' is not known", *text));
  }
}

void read_size_enabled(const Value& value, const Place& place, ReceiveDraft& connector) {
  using policy::SizeMode;
  static constexpr SizeMode kModes[] = {SizeMode::kEnabled, SizeMode::kDisabled,
                                        SizeMode::kWithoutValue};
  choose_member<&ReceiveDraft::size, &kModes>(value, place, connector);
}

void read_message_rate_source(const Value& value, const Place& place, ReceiveDraft& connector) {
  using policy::MessageRateSource;
  static constexpr MessageRateSource kSources[] = {
      MessageRateSource::kNone, MessageRateSource::kIpAddress, MessageRateSource::kUser,
      MessageRateSource::kAll};
  choose_member<&ReceiveDraft::message_rate_source, &kSources>(value, place, connector);
}

void read_milter_action(const Value& value, const Place& place, ReceiveDraft& connector) {
  using policy::MilterAction;
  static constexpr MilterAction kActions[] = {MilterAction::kAccept, MilterAction::kTempfail,
                                              MilterAction::kReject};
  choose_member<&ReceiveDraft::milter_default_action, &kActions>(value, place, connector);
}

void read_protocol_logging(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  if (policy::equal_ignoring_case(*text, "Verbose")) {
    connector.protocol_logging_verbose = true;
  } else if (!policy::equal_ignoring_case(*text, "None")) {
    place.wrong(fmt::format("'{}' is not known", *text));
  }
}

// "inet:127.0.0.1:11332", "inet:[::1]:11332" or "unix:/run/rspamd/milter.sock".
std::optional<std::string> check_milter(const Value& value, const Place& place) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return std::nullopt;
  const std::string_view view(*text);
  if (view.starts_with("inet:")) {
    const auto endpoint = Endpoint::parse(view.substr(5));
    if (endpoint && endpoint->port != 0) return *text;
    place.wrong(fmt::format("'{}': no IP address and port", *text));
  } else if (view.starts_with("unix:")) {
    // sockaddr_un has room for 107 octets and a NUL.
    if (view.size() > 6 && view[5] == '/' && view.size() <= 5 + 107) return *text;
    place.wrong(fmt::format("'{}': no absolute path of at most 107 octets", *text));
  } else {
    place.wrong(fmt::format("'{}': neither inet: nor unix:", *text));
  }
  return std::nullopt;
}

void read_user(const Value& value, const Place& place, PermissionDraft& permission) {
  const auto* text = read_string(value, place);
  permission.refused = text == nullptr;
  if (text == nullptr) return;
  if (const auto principal = policy::principal_from_name(*text)) {
    permission.user = *principal;
  } else {
    permission.refused = true;
    place.wrong(fmt::format("'{}' is no principal that a session can have here", *text));
  }
}

void read_extended_rights(const Value& value, const Place& place, PermissionDraft& permission) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        if (const auto right = policy::right_from_name(text)) {
          permission.rights |= static_cast<policy::Rights>(*right);
        } else {
          permission.refused = true;
          at().wrong(fmt::format("'{}' is not known", text));
        }
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

}  // namespace relais::config
