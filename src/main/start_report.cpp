#include "main/start_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "admin/notices.h"

namespace relais {

using admin::plural;
using admin::say;

namespace {

constexpr std::string_view kElsewhere = "fabrikam.com";

}  // namespace

void StartReport::print() const {
  say("relais {} as {}, {}\n", RELAIS_VERSION, model.server.fqdn,
      plural(model.server.cores.size(), "core"));
  print_listeners();
  print_send_connectors();
  print_kernel_tls();
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

void StartReport::print_kernel_tls() const {
  if (kernel_records.empty()) return;
  const auto any = [&](TlsVersion version) {
    return std::ranges::any_of(kRecordKinds, [&](TlsRecordKind kind) {
      return kind.version == version && kernel_records.has(kind);
    });
  };
  const bool has_13 = any(TlsVersion::kTls13);
  say("  kernel     makes the records of {}\n", !has_13                   ? "TLS 1.2"
                                                : any(TlsVersion::kTls12) ? "TLS 1.2 and 1.3"
                                                                          : "TLS 1.3");
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
  // Which ones, the log cannot know: their records were not written yet.
  if (sum.messages > 0) {
    say(", {} of them without a try on record; what was sent in the last {} ms before a crash is "
        "sent again",
        sum.untried, spool::kJournalDelay.ns / 1'000'000);
  }
  if (sum.unacknowledged > 0)
    say("; dropped {} unfinished (never acknowledged)", sum.unacknowledged);
  say("\n");
  if (sum.lost_records > 0) {
    say("  DAMAGE     {} records of the spool cannot be read: the disk has lost data\n",
        sum.lost_records);
  }
}

// nullopt: not with swaks alone.
std::optional<StartReport::Attempt> StartReport::attempt_at(Endpoint where,
                                                            std::string_view domain) const {
  if (where.address.is_unspecified())
    where.address = where.address.is_v4() ? IpAddress::v4(0x7f000001) : IpAddress::v6(0, 1);
  Attempt attempt{.where = where, .options = {}, .recipient_domain = {}};
  // Who connects to an address of its own machine comes from that address.
  const IpAddress& client = where.address;
  const policy::Selection selection = policy.select(where, client);
  if (selection.connector == nullptr) return std::nullopt;
  const bool in_tls = policy.tls_at(where);
  const auto takes_mail = [&](bool tls) {
    return policy
        .mail(selection.connector_index, selection.connector->session_principal(), domain,
              {.in_tls = tls})
        .allowed;
  };
  if (in_tls) {
    attempt.options += " --tls-on-connect";
    attempt.effort += 2;
  } else if (!takes_mail(false)) {
    attempt.options += " --tls";
    attempt.effort += 1;
  }
  if (!takes_mail(in_tls || attempt.effort > 0)) return std::nullopt;
  // Who may not relay can write to us.
  const auto takes_recipient = [&](std::string_view at) {
    return policy.recipient(selection.connector_index, selection.connector->session_principal(), at)
        .allowed;
  };
  attempt.recipient_domain = takes_recipient(kElsewhere) ? kElsewhere : domain;
  if (!takes_recipient(attempt.recipient_domain)) return std::nullopt;
  const policy::AddressSet* const proxies = policy.proxies_at(where);
  if (proxies == nullptr) return attempt;
  if (!policy::contains(*proxies, client)) return std::nullopt;
  const std::string address = client.to_string();
  attempt.options += fmt::format(
      " --proxy-family TCP{} --proxy-source {} --proxy-source-port 50000 --proxy-dest {} "
      "--proxy-dest-port {}",
      client.is_v4() ? 4 : 6, address, address, where.port);
  attempt.effort += 4;
  return attempt;
}

void StartReport::print_try() const {
  std::string domain =
      model.accepted_domains.empty() ? "example.com" : model.accepted_domains.front().name;
  if (domain.starts_with("*.")) domain.erase(0, 2);
  if (domain == "*") domain = "example.com";
  std::optional<Attempt> best;
  for (const front::Listener& listener : listeners) {
    auto attempt = attempt_at(listener.endpoint, domain);
    if (attempt && (!best || attempt->effort < best->effort)) best = std::move(attempt);
  }
  if (!best) return;
  say("  try        swaks --server {}{} --from chris@{} --to kate@{}\n", best->where.to_string(),
      best->options, domain, best->recipient_domain);
}

}  // namespace relais
