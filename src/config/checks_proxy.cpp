// PROXY headers and XCLIENT: whom they are believed from, and connectors that listen in one place
// against each other.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "policy/address_set.h"

namespace relais::config {
namespace {

constexpr const char* kTrustCure = "Write the addresses of the proxies alone";

// No row of proxies needs that.
bool trusts_too_many(const std::vector<policy::AddressRange>& trusted) {
  return is_open_relay(policy::union_of(trusted));
}

// `relays`: some client that may be claimed may send to any recipient.
void check_trust(const ReceiveDraft& connector, const Place& key, bool relays) {
  if (relays && !connector.known_open_relay) {
    key.error(Rule::kProxyTrust,
              "an open relay: whoever connects from more addresses than an IPv4 /16 or IPv6 /48 "
              "has may claim to be a client that may send to any recipient",
              fmt::format("{}, or i_know_this_is_an_open_relay = true", kTrustCure));
  } else {
    key.warning(Rule::kProxyTrust,
                "whoever connects from more addresses than an IPv4 /16 or IPv6 /48 has may "
                "claim to be any client",
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
    if (!trusts_too_many(connector.trusted_proxies)) return;
    check_trust(connector, key_of(place, connector.lines, "trusted_proxies"),
                gives_relay(connector));
  } else if (has_trust) {
    key_of(place, connector.lines, "trusted_proxies")
        .warning(Rule::kProxyWithoutEffect, "has no effect without proxy_protocol = \"required\"",
                 "Write proxy_protocol = \"required\", or take trusted_proxies away");
  }
}

// Whoever is believed may claim to be a client of any connector that listens in the same place.
void check_xclient(const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& file : files) {
    const ReceiveDraft& connector = file.draft;
    if (!connector.enabled || connector.xclient_hosts.empty()) continue;
    const Place key = key_of(file.place, connector.lines, "xclient_hosts");
    const auto served = policy::union_of(connector.remote_ranges);
    const auto hosts = policy::union_of(connector.xclient_hosts);
    if (policy::difference(hosts, served) == hosts) {
      key.warning(Rule::kProxyWithoutEffect, "none of them is in remote_ip_ranges, so none may",
                  "Put the hosts into remote_ip_ranges as well, or into a connector that serves "
                  "them");
    }
    if (!trusts_too_many(connector.xclient_hosts)) continue;
    // A user may be claimed as well.
    const bool relays = std::ranges::any_of(files, [&](const ConnectorFile& other) {
      return other.draft.enabled && share_a_place(connector, other.draft) &&
             (gives_relay(other.draft) ||
              has(other.draft.rights_of(policy::Principal::kAuthenticatedUsers),
                  policy::Right::kAcceptAnyRecipient));
    });
    check_trust(connector, key, relays);
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
