// A Receive connector as policy knows it: who it serves and what they may do (design.md section 3,
// exchange-reference.md sections 1 to 3). A value; made by config, frozen into a Snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/address_range.h"

namespace relais::policy {

// One local address and port. An unspecified address (0.0.0.0 or ::) is the wildcard of its family.
struct Binding {
  Endpoint endpoint;
  friend bool operator==(const Binding&, const Binding&) = default;
  [[nodiscard]] bool is_wildcard() const { return endpoint.address.is_unspecified(); }
};

// Extended rights (exchange-reference.md section 3). A set is a bit mask of these.
enum class Right : uint32_t {
  kSubmit = 1U << 0,                     // ms-Exch-SMTP-Submit
  kAcceptAnyRecipient = 1U << 1,         // ms-Exch-SMTP-Accept-Any-Recipient
  kAcceptAnySender = 1U << 2,            // ms-Exch-SMTP-Accept-Any-Sender
  kAcceptAuthoritativeSender = 1U << 3,  // ms-Exch-SMTP-Accept-Authoritative-Domain-Sender
  kAcceptHeadersRouting = 1U << 4,       // ms-Exch-Accept-Headers-Routing
};
using Rights = uint32_t;
inline constexpr Right kAllRights[] = {Right::kSubmit, Right::kAcceptAnyRecipient,
                                       Right::kAcceptAnySender, Right::kAcceptAuthoritativeSender,
                                       Right::kAcceptHeadersRouting};
constexpr bool has(Rights rights, Right right) {
  return (rights & static_cast<uint32_t>(right)) != 0;
}
// nullopt: no such right here. Case does not matter ("Ms-Exch-SMTP-Accept-Any-Recipient" is fine).
[[nodiscard]] std::optional<Right> right_from_name(std::string_view name);
[[nodiscard]] std::string_view name_of(Right right);

// The principal of every session that has not authenticated. Case does not matter in an ACE.
inline constexpr std::string_view kAnonymousLogon = "NT AUTHORITY\\ANONYMOUS LOGON";

// [[permission]] of a connector file: an ACE for one principal.
struct Ace {
  std::string user;
  Rights rights = 0;
  bool deny = false;
};

struct ReceiveConnector {
  std::string name;
  std::string source;  // the file it came from, for messages
  std::string comment;
  bool enabled = true;
  std::vector<Binding> bindings;
  std::vector<AddressRange> remote_ranges;
  bool auth_tls = false;         // auth_mechanism contains Tls
  bool anonymous_users = false;  // permission_groups contains AnonymousUsers
  std::vector<Ace> permissions;

  std::string fqdn;    // empty: the server's
  std::string banner;  // empty: the default
  bool pipelining = true;
  bool size = true;
  bool eight_bit_mime = true;
  bool enhanced_status_codes = true;
  bool require_ehlo_domain = false;
  bool reject_bare_line_ends = true;
  uint64_t max_message_size = 37'748'736;
  uint32_t max_header_size = 262'144;
  uint32_t max_recipients = 200;
  uint32_t max_hop_count = 60;
  uint32_t max_protocol_errors = 5;        // UINT32_MAX: unlimited
  uint32_t max_inbound_connection = 5000;  // UINT32_MAX: unlimited
  Duration connection_timeout = minutes(10);
  Duration connection_inactivity_timeout = minutes(5);

  // What NT AUTHORITY\ANONYMOUS LOGON may do: groups and allow entries, minus deny entries.
  [[nodiscard]] Rights anonymous_rights() const;
};

}  // namespace relais::policy
