// PROXY headers: whom they are believed from, and connectors that listen in one place against each
// other.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "policy/address_set.h"

namespace relais::config {
namespace {

constexpr const char* kTrustCure = "Write the addresses of the load balancers alone";

// Everything, in however many pieces, or one range that no row of balancers needs.
bool trusts_too_many(const ReceiveDraft& connector) {
  return std::ranges::any_of(policy::union_of(connector.trusted_proxies), is_open_relay);
}

void check_trust(const ReceiveDraft& connector, const Place& place) {
  if (!trusts_too_many(connector)) return;
  const Place key = key_of(place, connector.lines, "trusted_proxies");
  if (gives_relay(connector) && !connector.known_open_relay) {
    key.error(Rule::kProxyTrust,
              "an open relay: whoever connects from a range wider than an IPv4 /16 or IPv6 /48 may "
              "claim to be a client that may send to any recipient",
              fmt::format("{}, or i_know_this_is_an_open_relay = true", kTrustCure));
  } else {
    key.warning(Rule::kProxyTrust,
                "whoever connects from a range wider than an IPv4 /16 or IPv6 /48 may claim to be "
                "any client",
                kTrustCure);
  }
}

bool share_a_place(const ReceiveDraft& a, const ReceiveDraft& b) {
  return std::ranges::any_of(a.bindings, [&](const policy::Binding& one) {
    return std::ranges::any_of(b.bindings, [&](const policy::Binding& other) {
      return one.covers(other.endpoint) || other.covers(one.endpoint);
    });
  });
}

// False after a report.
bool check_agreement(const ConnectorFile& first, const ConnectorFile& second) {
  const ReceiveDraft& a = first.draft;
  const ReceiveDraft& b = second.draft;
  const bool same_header = a.proxy_protocol == b.proxy_protocol;
  const bool same_trust =
      policy::union_of(a.trusted_proxies) == policy::union_of(b.trusted_proxies);
  if (same_header && (!a.proxy_protocol || same_trust)) return true;
  const std::string_view key = same_header ? "trusted_proxies" : "proxy_protocol";
  key_of(second.place, b.lines, key)
      .error(Rule::kProxyDisagreement,
             fmt::format("not the same as in '{}' ({}:{}), which listens in the same place", a.name,
                         first.place.file(), a.lines.of(key)),
             "Write the same into both, or give them different ports");
  return false;
}

}  // namespace

void check_proxies(const ReceiveDraft& connector, const Place& place) {
  const bool has_trust = connector.lines.has("trusted_proxies");
  if (connector.proxy_protocol && !has_trust) {
    place.key("trusted_proxies", connector.lines.of("proxy_protocol"))
        .error(Rule::kMissing, "is missing, and proxy_protocol is \"required\"",
               "Write the addresses of the load balancers, such as [\"10.0.0.5\"]");
  } else if (connector.proxy_protocol) {
    check_trust(connector, place);
  } else if (has_trust) {
    key_of(place, connector.lines, "trusted_proxies")
        .warning(Rule::kProxyWithoutEffect, "has no effect without proxy_protocol = \"required\"",
                 "Write proxy_protocol = \"required\", or take trusted_proxies away");
  }
}

void check_proxy_agreement(const std::vector<ConnectorFile>& files) {
  const auto expects_header = [](const ConnectorFile& file) { return file.draft.proxy_protocol; };
  if (std::ranges::none_of(files, expects_header)) return;
  for (size_t b = 0; b < files.size(); ++b) {
    for (size_t a = 0; a < b; ++a) {
      const ReceiveDraft& first = files[a].draft;
      const ReceiveDraft& second = files[b].draft;
      if (!first.enabled || !second.enabled || !share_a_place(first, second)) continue;
      if (!check_agreement(files[a], files[b])) break;  // one word about each connector
    }
  }
}

}  // namespace relais::config
