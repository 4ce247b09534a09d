// What a section becomes while it is read: the value of the model plus what later checks and
// messages need.
#pragma once

#include <vector>

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

struct ReceiveDraft : policy::ReceiveConnector {
  bool rights_refused = false;  // some of what gives rights could not be read
  KeyLines lines;
  std::vector<RangeOrigin> range_origins;  // of each of remote_ranges
  std::vector<uint32_t> permission_lines;  // of each of permissions
};

struct ModelDraft {
  ServerSettings server;
  SpoolSettings spool;
  RetrySettings retry;
  KeyLines spool_lines;
  KeyLines retry_lines;
  std::vector<AcceptedDomainDraft> accepted_domains;
  std::vector<SendDraft> send_connectors;
  std::string address_book;  // file; empty: none
};

}  // namespace relais::config
