#include "main/start_report.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "admin/notices.h"

namespace relais {

using admin::plural;
using admin::say;

void StartReport::print() const {
  say("relais {} as {}, {}\n", RELAIS_VERSION, model.server.fqdn,
      plural(model.server.cores.size(), "core"));
  print_listeners();
  print_send_connectors();
  if (model.admin.listen) say("  metrics    http://{}/metrics\n", model.admin.listen->to_string());
  print_spool();
  print_try();
  say("ready (stop with Ctrl-C, reload the connectors with SIGHUP to {})\n", getpid());
}

void StartReport::print_listeners() const {
  for (const front::Listener& listener : listeners) {
    std::string names;
    for (const auto& connector : model.receive_connectors) {
      const bool here = connector.enabled &&
                        std::ranges::any_of(connector.bindings, [&](const policy::Binding& b) {
                          return b.endpoint == listener.endpoint;
                        });
      if (!here) continue;
      names += (names.empty() ? "\"" : ", \"") + connector.name + '"';
      if (connector.delivery == policy::Delivery::kDiscard) names += " (DISCARDS ITS MAIL)";
    }
    say("  listens on {:<22} {}\n", listener.endpoint.to_string(), names);
  }
}

void StartReport::print_send_connectors() const {
  for (const auto& connector : model.send_connectors) {
    std::string spaces;
    for (const auto& space : connector.address_spaces)
      spaces += (spaces.empty() ? "" : ", ") + space.domain;
    std::string hosts = connector.maildir;
    for (const Endpoint& host : connector.smart_hosts)
      hosts += (hosts.empty() ? "" : ", ") + host.to_string();
    say("  mail for   {:<22} \"{}\" -> {}{}\n", spaces, connector.name,
        connector.kind == config::DeliveryKind::kMaildir ? "Maildir " : "", hosts);
  }
}

void StartReport::print_spool() const {
  spool::Recovered::Report sum;
  for (const auto& core : recovered) {
    sum.messages += core.messages;
    sum.untried += core.untried;
    sum.unacknowledged += core.unacknowledged;
    sum.lost_records += core.lost_records;
  }
  say("  spool      {}: recovered {}", model.server.data_dir, plural(sum.messages, "message"));
  if (sum.untried > 0) say(", of which at most {} may be sent twice", sum.untried);
  if (sum.unacknowledged > 0)
    say("; dropped {} unfinished (never acknowledged)", sum.unacknowledged);
  say("\n");
  if (sum.lost_records > 0) {
    say("  DAMAGE     {} records of the spool cannot be read: the disk has lost data\n",
        sum.lost_records);
  }
}

void StartReport::print_try() const {
  if (listeners.empty()) return;
  Endpoint where = listeners.front().endpoint;
  if (where.address.is_unspecified())
    where.address = where.address.is_v4() ? IpAddress::v4(0x7f000001) : IpAddress::v6(0, 1);
  const std::string domain =
      model.accepted_domains.empty() ? "example.com" : model.accepted_domains.front().name;
  say("  try        swaks --server {} --from chris@{} --to kate@fabrikam.com\n", where.to_string(),
      domain.starts_with("*.") ? domain.substr(2) : domain);
}

}  // namespace relais
