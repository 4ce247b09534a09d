// Readers of connectors/*.toml.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "config/readers.h"
#include "config/section.h"
#include "policy/ascii.h"

namespace relais::config {
namespace {

constexpr size_t kBannerMax = 510;  // a reply line without its CRLF, RFC 5321 section 4.5.3.1.5

// A value that exists in Exchange and not (yet) here.
struct Refused {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kNotYet = "not supported yet";

// The index of the string among `allowed`, ignoring case; or nullopt after a report.
std::optional<size_t> choose(std::string_view text, const Place& place,
                             std::initializer_list<std::string_view> allowed,
                             std::initializer_list<Refused> refused) {
  size_t index = 0;
  for (const std::string_view name : allowed) {
    if (policy::equal_ignoring_case(text, name)) return index;
    ++index;
  }
  for (const Refused& entry : refused) {
    if (policy::equal_ignoring_case(text, entry.name)) {
      place.wrong(fmt::format("'{}': {}", text, entry.why));
      return std::nullopt;
    }
  }
  place.wrong(fmt::format("'{}' is not known", text));
  return std::nullopt;
}

// A list in which "None" stands alone: true for each further name that is present.
// `allowed` begins with "None".
std::vector<bool> choose_from_list(const Value& value, const Place& place,
                                   std::initializer_list<std::string_view> allowed,
                                   std::initializer_list<Refused> refused) {
  std::vector<bool> present(allowed.size());
  for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
    if (const auto index = choose(text, at(), allowed, refused)) present[*index] = true;
  });
  if (present[0] && std::ranges::count(present, true) > 1) {
    place.wrong("\"None\" stands beside other values");
  }
  return present;
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

}  // namespace

std::optional<std::string> check_banner(const Value& value, const Place& place) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return std::nullopt;
  const bool printable = std::ranges::all_of(*text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) {
    place.wrong("a character that is not printable ASCII");
  } else if (!text->starts_with("220 ") && *text != "220") {
    place.wrong(fmt::format("'{}' does not begin with 220", *text));
  } else if (text->size() > kBannerMax) {
    place.wrong(
        fmt::format("{} characters; a reply line has at most {}", text->size(), kBannerMax));
  } else {
    return *text;
  }
  return std::nullopt;
}

void read_transport_role(const Value& value, const Place& place, ReceiveDraft&) {
  if (const auto* text = read_string(value, place)) {
    (void)choose(*text, place, {"FrontendTransport"},
                 {{"HubTransport",
                   "relais is a front end; there is no Transport service behind it that could "
                   "listen"}});
  }
}

void read_usage(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  const auto usage = choose(*text, place, {"Custom", "Internet"},
                            {{"Client", kNotYet}, {"Internal", kNotYet}, {"Partner", kNotYet}});
  connector.usage_is_internet = usage == 1U;
}

void read_bindings(const Value& value, const Place& place, ReceiveDraft& connector) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        const auto endpoint = Endpoint::parse(text);
        if (!endpoint || endpoint->port == 0) {
          at().wrong(fmt::format("'{}': {}", text, what_is_wrong_with_binding(text)));
          return;
        }
        const policy::Binding binding{*endpoint};
        if (std::ranges::find(connector.bindings, binding) != connector.bindings.end()) {
          at().error(fmt::format("'{}' is listed twice", text), "Remove one of the two");
          return;
        }
        connector.bindings.push_back(binding);
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_remote_ip_ranges(const Value& value, const Place& place, ReceiveDraft& connector) {
  const bool is_list = for_each_string(
      value, place, [&](const std::string& text, uint32_t line, uint32_t index, auto at) {
        const auto range = policy::AddressRange::parse_or_reason(text);
        if (!range) {
          at().error(fmt::format("'{}': {}", text, range.error()),
                     "Write one address, a range or a prefix, such as \"192.168.5.10\", "
                     "\"192.168.7.1-192.168.7.9\" or \"192.168.6.0/24\"");
          return;
        }
        connector.remote_ranges.push_back(*range);
        connector.range_origins.push_back({line, index});
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_auth_mechanism(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto present = choose_from_list(value, place, {"None", "Tls"},
                                        {{"Integrated", kNotYet},
                                         {"BasicAuth", kNotYet},
                                         {"BasicAuthRequireTLS", kNotYet},
                                         {"ExchangeServer", kNotYet},
                                         {"ExternalAuthoritative", kNotYet}});
  connector.auth_tls = present[1];
  if (connector.auth_tls) {
    place.warning("\"Tls\" has no effect yet: STARTTLS is not offered",
                  "Write [\"None\"] to silence this");
  }
}

void read_permission_groups(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto present = choose_from_list(value, place, {"None", "AnonymousUsers"},
                                        {{"ExchangeUsers", kNotYet},
                                         {"ExchangeServers", kNotYet},
                                         {"ExchangeLegacyServers", kNotYet},
                                         {"Partners", kNotYet},
                                         {"Custom",
                                          "a state that Exchange shows; write "
                                          "[[permission]] entries for it"}});
  connector.anonymous_users = present[1];
}

void read_permissions(const Value& value, const Place& place, ReceiveDraft& connector) {
  for (auto& draft : read_tables(permission_parameters(), value, place)) {
    connector.permissions.push_back(std::move(draft));
  }
}

void read_delivery(const Value& value, const Place& place, ReceiveDraft&) {
  if (const auto* text = read_string(value, place)) {
    (void)choose(*text, place, {"queue"}, {{"proxy", kNotYet}});
  }
}

void read_size_enabled(const Value& value, const Place& place, ReceiveDraft& connector) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  const auto state =
      choose(*text, place, {"Enabled", "Disabled"}, {{"EnabledWithoutValue", kNotYet}});
  if (state) connector.size = *state == 0;
}

void read_user(const Value& value, const Place& place, PermissionDraft& permission) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  if (policy::equal_ignoring_case(*text, policy::kAnonymousLogon)) {
    permission.user = policy::kAnonymousLogon;
  } else {
    place.wrong(fmt::format("'{}' is no principal that a session can have here", *text));
  }
}

void read_extended_rights(const Value& value, const Place& place, PermissionDraft& permission) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        if (const auto right = policy::right_from_name(text)) {
          permission.rights |= static_cast<policy::Rights>(*right);
        } else {
          at().wrong(fmt::format("'{}' is no right that has an effect here", text));
        }
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

}  // namespace relais::config
