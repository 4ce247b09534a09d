// Send connectors against Receive connectors.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/checks.h"
#include "config/parameter_units.h"

namespace relais::config {
namespace {

constexpr const char* kLoop = "'{}' is one of our own bindings: mail would go round in a loop";

bool is_ours(const std::vector<ConnectorFile>& files, const Endpoint& host) {
  return std::ranges::any_of(files, [&](const ConnectorFile& file) {
    return file.draft.enabled &&
           std::ranges::any_of(file.draft.bindings, [&](const policy::Binding& binding) {
             const bool loopback = binding.is_wildcard() && host.address.is_loopback() &&
                                   binding.endpoint.port == host.port &&
                                   binding.endpoint.address.family() == host.address.family();
             return loopback || binding.endpoint == host;
           });
  });
}

// Mail must not come back: no smart host may be one of our own bindings.
void check_loops(const ModelDraft& model, const Place& main_file,
                 const std::vector<ConnectorFile>& files) {
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& connector = model.send_connectors[i];
    for (const Endpoint& host : connector.smart_hosts) {
      if (!is_ours(files, host)) continue;
      key_of(main_file.key("send_connector", 0).element(i, 0), connector.lines, "smart_hosts")
          .warning(Rule::kMailLoop, fmt::format(kLoop, host.to_string()), "Name the next server");
    }
  }
}

// upstream_send_connector against upstreams, and against the Send connectors.
void check_upstream_connector(const ModelDraft& model, const std::vector<ConnectorFile>& files,
                              const ConnectorFile& file) {
  const ReceiveDraft& connector = file.draft;
  if (connector.upstream_send_connector.empty()) return;
  const Place at = key_of(file.place, connector.lines, "upstream_send_connector");
  if (connector.lines.has("upstreams")) {
    at.error(Rule::kUpstreamConnector, "stands beside upstreams", "Keep one of the two");
    return;
  }
  const auto found =
      std::ranges::find(model.send_connectors, connector.upstream_send_connector, &SendDraft::name);
  if (found == model.send_connectors.end()) {
    at.error(Rule::kUpstreamConnector,
             fmt::format("there is no [[send_connector]] with the name '{}'",
                         connector.upstream_send_connector),
             "Write the name of one that has smart_hosts");
    return;
  }
  if (found->kind == DeliveryKind::kMaildir) {
    at.error(Rule::kUpstreamConnector,
             fmt::format("'{}' writes into a Maildir, and has no smart hosts", found->name),
             "Write the name of one that has smart_hosts");
  }
  if (found->smart_hosts.size() > kUpstreamsMax) {
    at.error(Rule::kUpstreamConnector,
             fmt::format("'{}' has more than {} smart hosts", found->name, kUpstreamsMax),
             "Make two connectors of it");
  }
  const bool loops =
      connector.enabled && std::ranges::any_of(found->smart_hosts, [&](const Endpoint& host) {
        return is_ours(files, host);
      });
  if (loops)
    at.error(Rule::kMailLoop, "its smart hosts are our own bindings: mail would go round in a loop",
             "Name the next server");
}

// Made for benchmarks, and easily left behind.
void check_discards(const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& file : files) {
    if (!file.draft.enabled || file.draft.delivery != policy::Delivery::kDiscard) continue;
    key_of(file.place, file.draft.lines, "delivery")
        .warning(Rule::kDiscards,
                 fmt::format("'{}' throws away all mail that it accepts: clients hear 250, and "
                             "nobody gets it",
                             file.draft.name),
                 "Write \"queue\", unless it is there for benchmarks alone");
    for (const char* key : {"fair_weight", "reserved_share"}) {
      if (!file.draft.lines.has(key)) continue;
      key_of(file.place, file.draft.lines, key)
          .warning(Rule::kDiscards, "is for mail that is kept, and delivery is \"discard\"",
                   "Take it away");
    }
  }
}

void check_upstreams(const ModelDraft& model, const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& file : files) {
    const ReceiveDraft& connector = file.draft;
    check_upstream_connector(model, files, file);
    if (connector.delivery == policy::Delivery::kProxy && !connector.lines.has("upstreams") &&
        !connector.lines.has("upstream_send_connector")) {
      file.place.key("upstreams", connector.lines.of("delivery"))
          .error(Rule::kMissing, "is missing, and delivery is \"proxy\"",
                 "Write the servers that take its mail, such as [\"10.0.0.20:25\"]");
    }
    for (const Endpoint& host : connector.upstreams) {
      if (!connector.enabled || !is_ours(files, host)) continue;
      key_of(file.place, connector.lines, "upstreams")
          .error(Rule::kMailLoop, fmt::format(kLoop, host.to_string()), "Name the next server");
    }
    if (connector.delivery == policy::Delivery::kProxy) continue;
    for (const char* key : {"upstreams", "upstream_send_connector", "proxy_fallback",
                            "upstream_timeout", "upstream_max_connections"}) {
      if (!connector.lines.has(key)) continue;
      key_of(file.place, connector.lines, key)
          .warning(Rule::kUpstreamWithoutProxy, "has no effect without delivery = \"proxy\"",
                   fmt::format("Write delivery = \"proxy\", or take {} away", key));
    }
  }
}

// One of its address spaces is not another one's at less cost (relay/routing.h).
bool takes_from_queue(const ModelDraft& model, const SendDraft& send) {
  return std::ranges::any_of(send.address_spaces, [&](const auto& space) {
    return std::ranges::none_of(model.send_connectors, [&](const SendDraft& other) {
      return std::ranges::any_of(other.address_spaces, [&](const auto& rival) {
        return rival.domain == space.domain &&
               std::tie(rival.cost, other.name) < std::tie(space.cost, send.name);
      });
    });
  });
}

// The key that names clients names none, or not all. `serves`: a connector of proxy mode.
void check_naming(const ModelDraft& model, const std::vector<ConnectorFile>& files,
                  const SendDraft& send, bool serves, const Place& key) {
  if (!serves) {
    key.warning(Rule::kNamedClients,
                "has no effect: no connector with delivery = \"proxy\" names this one in "
                "upstream_send_connector",
                "Take it away");
    return;
  }
  const auto queue = std::ranges::find_if(files, [](const ConnectorFile& file) {
    return file.draft.enabled && file.draft.delivery == policy::Delivery::kQueue;
  });
  if (queue == files.end() || !takes_from_queue(model, send)) return;
  key.warning(
      Rule::kNamedClients,
      fmt::format("has no effect on mail from the queue, as that of '{}': {}", queue->draft.name,
                  send.send_xclient ? "it gets the rights of our own address there"
                                    : "it goes without a header, and nobody there takes it"),
      "Give another Send connector the same address_spaces at less cost");
}

// Who is told whose mail it is, and whether all of it is.
void check_named_clients(const ModelDraft& model, const Place& main_file,
                         const std::vector<ConnectorFile>& files) {
  for (size_t i = 0; i < model.send_connectors.size(); ++i) {
    const SendDraft& send = model.send_connectors[i];
    const auto at = [&](std::string_view key) {
      return key_of(main_file.key("send_connector", 0).element(i, 0), send.lines, key);
    };
    if (send.send_xclient && send.send_proxy_protocol)
      at("send_xclient")
          .error(Rule::kNamedClients, "stands beside send_proxy_protocol", "Keep one of the two");
    if (send.send_xclient && send.auth != SmartHostAuth::kNone)
      at("send_xclient")
          .error(Rule::kNamedClients,
                 "stands beside smart_host_auth_mechanism: every client would have the rights of "
                 "our own logon there",
                 "Keep one of the two; a connector of its own may log on for the queue");
    bool serves = false;
    for (const ConnectorFile& file : files) {
      const ReceiveDraft& connector = file.draft;
      if (connector.delivery != policy::Delivery::kProxy ||
          connector.upstream_send_connector != send.name)
        continue;
      serves = true;
      if (!connector.proxy_fallback || !(send.send_xclient || send.send_proxy_protocol)) continue;
      key_of(file.place, connector.lines, "proxy_fallback")
          .error(Rule::kNamedClients,
                 send.send_xclient
                     ? fmt::format("stands beside send_xclient of '{}': what is queued goes "
                                   "without, and would get the rights of our own address there",
                                   send.name)
                     : fmt::format("stands beside send_proxy_protocol of '{}': what is queued goes "
                                   "without a header, and would be taken by nobody there",
                                   send.name),
                 "Write \"none\"");
    }
    if (send.send_proxy_protocol)
      check_naming(model, files, send, serves, at("send_proxy_protocol"));
    if (send.send_xclient) check_naming(model, files, send, serves, at("send_xclient"));
  }
}

}  // namespace

void check_ways_out(const ModelDraft& model, const Place& main_file,
                    const std::vector<ConnectorFile>& files) {
  if (!model.send_connectors.empty()) return;
  bool queues = files.empty();
  for (const ConnectorFile& file : files) {
    const ReceiveDraft& connector = file.draft;
    queues |= connector.delivery == policy::Delivery::kQueue;
    if (connector.delivery != policy::Delivery::kProxy || !connector.proxy_fallback) continue;
    key_of(file.place, connector.lines, "proxy_fallback")
        .error(Rule::kFallbackNowhere,
               "no [[send_connector]]: what is taken into the queue would stay there",
               "Add one with address_spaces = [\"*\"], or write proxy_fallback = \"none\"");
  }
  if (!queues) return;
  main_file.warning(Rule::kNowhereToSend,
                    "no [[send_connector]]: mail would be accepted and stay in the queue",
                    "Add one with address_spaces = [\"*\"]");
}

namespace {

// Who sends for us and who may relay through us are hardly meant to be the same. What is listed
// alone was meant, and an address of this machine is many programs.
void check_relaying_hops(const ModelDraft& model, const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& file : files) {
    if (!gives_relay(file.draft) || file.draft.known_open_relay) continue;
    for (const SendDraft& send : model.send_connectors) {
      for (const Endpoint& host : send.smart_hosts) {
        if (host.address.is_loopback()) continue;
        const auto& ranges = file.draft.remote_ranges;
        const auto range = std::ranges::find_if(ranges, [&](const policy::AddressRange& r) {
          return r.first != r.last && r.contains(host.address) && !is_open_relay(r);
        });
        const bool alone = std::ranges::any_of(files, [&](const ConnectorFile& other) {
          return other.draft.enabled &&
                 std::ranges::any_of(other.draft.remote_ranges, [&](const auto& r) {
                   return r.first == host.address && r.last == host.address;
                 });
        });
        if (range == ranges.end() || alone) continue;
        range_of(file.place, file.draft, static_cast<size_t>(range - ranges.begin()))
            .warning(Rule::kNextHopMayRelay,
                     fmt::format("'{}' also holds {}, a next hop of '{}': it may send to any "
                                 "recipient through us",
                                 range->to_string(), host.address.to_string(), send.name),
                     "Leave it out of the range, or list it alone");
      }
    }
  }
}

}  // namespace

void check_next_hops(const ModelDraft& model, const Place& main_file,
                     const std::vector<ConnectorFile>& files) {
  check_loops(model, main_file, files);
  check_upstreams(model, files);
  check_discards(files);
  check_named_clients(model, main_file, files);
  check_relaying_hops(model, files);
}

}  // namespace relais::config
