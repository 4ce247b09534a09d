// What no single key can tell: keys against each other, sections against each other, files against
// each other. checks.cpp calls the parts; each part is a theme of its own.
#pragma once

#include <vector>

#include "config/drafts.h"
#include "config/place.h"
#include "policy/address_set.h"

namespace relais::config {

// A connector file that could be read, and where its findings go.
struct ConnectorFile {
  ReceiveDraft draft;
  Place place;
};

void check_main(const ModelDraft& model, const Place& place);
// Also completes what the usage leaves to its preset.
void check_connector(ReceiveDraft& connector, const Place& place);
// Between connectors, once each of them has been read: names, conflicting ranges, somebody who
// listens.
void check_connectors(const std::vector<ConnectorFile>& files, const Place& folder);
// Between Send and Receive connectors.
void check_next_hops(const ModelDraft& model, const Place& main_file,
                     const std::vector<ConnectorFile>& files);
// Mail of connectors that queue, or fall back to the queue, needs somewhere to go.
void check_ways_out(const ModelDraft& model, const Place& main_file,
                    const std::vector<ConnectorFile>& files);
// Every binding against the addresses of this machine.
void check_interfaces(const std::vector<ConnectorFile>& files,
                      const std::vector<IpAddress>& addresses);

// ---- the parts

// checks_relay.cpp: rights, and the domains that everybody may send to.
void check_domains(const ModelDraft& model, const Place& place);
void check_auth_mechanism(const ReceiveDraft& connector, const Place& place);
void check_rights(const ReceiveDraft& connector, const Place& place);

// checks_open_relay.cpp: how many may relay, and which of them are public.
void check_open_relays(const std::vector<ConnectorFile>& files);
// Without proof, to anywhere.
[[nodiscard]] bool gives_relay(const policy::ReceiveConnector& connector);
// Wider than a /16 or /48: too wide for clients that have proved nothing.
[[nodiscard]] bool is_open_relay(const policy::AddressRange& range);
// More addresses than those have, in however many pieces, the machine itself apart.
[[nodiscard]] bool is_open_relay(const policy::AddressSet& set);

// checks_reach.cpp: who comes to which connector.
void check_ranges(const ReceiveDraft& connector, const Place& place);
void check_reach(const std::vector<ConnectorFile>& files);

// checks_proxy.cpp: PROXY headers and XCLIENT.
void check_proxies(const ReceiveDraft& connector, const Place& place);
void check_proxy_agreement(const std::vector<ConnectorFile>& files);
void check_xclient(const std::vector<ConnectorFile>& files);

// checks_tls.cpp: [tls], and connectors that want it; then what is in its files.
void check_tls(const ModelDraft& model, const Place& main_file,
               const std::vector<ConnectorFile>& files);
void check_tls_agreement(const std::vector<ConnectorFile>& files);
void check_certificate(const ModelDraft& model, const Place& main_file,
                       const std::vector<ConnectorFile>& files);

// checks_auth.cpp: [auth], and connectors that want it; then what is in its file.
void check_auth(const ModelDraft& model, const Place& main_file,
                const std::vector<ConnectorFile>& files);
void check_password_file(const ModelDraft& model, const Place& main_file);

// checks_hop_security.cpp: TLS and AUTH of a Send connector; then what is in its files.
void check_hop_security(const SendDraft& connector, const Place& place);
void check_hop_files(const ModelDraft& model, const Place& main_file);

// protocol_log.cpp: sizes against each other.
void check_protocol_log(const ModelDraft& model, const Place& main_file);

// back_pressure.cpp: thresholds against each other.
void check_back_pressure(const ModelDraft& model, const Place& place);

// checks_limits.cpp: limits against each other.
void check_spool_and_retry(const ModelDraft& model, const Place& place);
void check_limits(const ReceiveDraft& connector, const Place& place);
void check_message_sizes(const ModelDraft& model, const std::vector<ConnectorFile>& files);
void check_reserved_shares(const ModelDraft& model, const std::vector<ConnectorFile>& files);

// checks_limit_tables.cpp: [[limit]] against the rest of its connector.
void check_limit_tables(const ReceiveDraft& connector, const Place& place);

// ---- where they point

inline Place key_of(const Place& section, const KeyLines& lines, std::string_view key) {
  return section.key(key, lines.of(key));
}
[[nodiscard]] Place range_of(const Place& file, const ReceiveDraft& connector, size_t range);
// "'Relay' (conf/connectors/relay.toml:3)"
[[nodiscard]] std::string range_owner(const ConnectorFile& file, size_t range);

}  // namespace relais::config
