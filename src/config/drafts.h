// What a section becomes while it is read: the value of the model plus what later checks and
// messages need.
#pragma once

#include <string>
#include <vector>

#include "config/document.h"
#include "config/lines.h"
#include "config/model.h"

namespace relais::config {

struct AcceptedDomainDraft : policy::AcceptedDomain {
  bool known_open_relay = false;  // i_know_this_is_an_open_relay
  KeyLines lines;
};

struct SendDraft : SendConnector {
  KeyLines lines;
};

struct PermissionDraft : policy::Ace {
  bool refused = false;  // its user or rights could not be read
  KeyLines lines;
};

// What its keys mean depends on the measure, which may stand below them; so some are only kept
// until the whole table has been read.
struct LimitDraft : policy::Limit {
  bool refused = false;  // something that it needs could not be read
  std::string rate_text;
  Value burst_value;
  uint64_t max = 0;
  std::vector<policy::LimitAction> actions;
  bool has_action_list = false;
  std::vector<uint32_t> thresholds;
  KeyLines lines;
};

// One of limits.
struct LimitPlace {
  size_t index = 0;  // among the tables of the file, of which wrong ones have been left out
  KeyLines lines;
};

struct ReceiveDraft : policy::ReceiveConnector {
  bool rights_refused = false;  // some of what gives rights could not be read
  KeyLines lines;
  std::vector<RangeOrigin> range_origins;  // of each of remote_ranges
  std::vector<uint32_t> permission_lines;  // of each of permissions
  std::vector<LimitPlace> limit_places;    // of each of limits
};

struct CertificateDraft : CertificateFiles {
  KeyLines lines;
};

struct ModelDraft {
  ServerSettings server;
  SpoolSettings spool;
  RetrySettings retry;
  NotificationSettings notifications;
  LimitSettings limits;
  AdminSettings admin;
  BackPressureSettings back_pressure;
  TlsSettings tls;
  AuthSettings auth;
  KeyLines tls_lines;
  KeyLines auth_lines;
  ProtocolLogSettings protocol_log;
  KeyLines protocol_log_lines;
  KeyLines spool_lines;
  KeyLines retry_lines;
  KeyLines admin_lines;
  KeyLines back_pressure_lines;
  std::vector<AcceptedDomainDraft> accepted_domains;
  std::vector<SendDraft> send_connectors;
  std::string address_book;  // file; empty: none
};

}  // namespace relais::config
