// The validated configuration as values: what relais.toml and connectors/*.toml say after every
// check has passed. The initialisers here are the defaults; docs/config.md is printed from them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/accepted_domains.h"
#include "policy/address_book.h"
#include "policy/connector.h"

namespace relais::config {

struct ServerSettings {
  std::string fqdn;             // default: gethostname()
  std::vector<uint32_t> cores;  // CPUs to run on; from "auto" (all allowed), a number, or a list
  std::string data_dir = "/var/lib/relais";  // made absolute against the config folder
  std::string log_file;                      // JSON lines; empty: standard output
  std::string audit_log;                     // of the shell; empty: in data_dir
  Duration drain_timeout = seconds(30);
  bool watch_config = false;  // reload when a file of the configuration has changed
  uint32_t max_connection_rate_per_minute = 1200;  // UINT32_MAX: unlimited
  uint32_t max_sessions = 20'000;                  // inbound, a core
  uint64_t receive_buffers = 16ULL << 20;          // octets a core, inbound
  uint64_t message_memory = 64ULL << 20;           // octets a core: messages in work and cached
  friend bool operator==(const ServerSettings&, const ServerSettings&) = default;
};

struct SpoolSettings {
  uint64_t max_size = 4ULL << 30;       // octets a core on disk; 452 at MAIL when it nears
  uint64_t segment_size = 64ULL << 20;  // octets
  friend bool operator==(const SpoolSettings&, const SpoolSettings&) = default;
};

struct RetrySettings {
  Duration first = minutes(1);  // after the first temporary failure, then growing
  Duration max = minutes(30);
  Duration expire_after = hours(48);  // then the message goes to the failed state
  friend bool operator==(const RetrySettings&, const RetrySettings&) = default;
};

struct LimitSettings {
  uint64_t table_memory = 64ULL << 20;  // octets, all cores together: buckets by key
  friend bool operator==(const LimitSettings&, const LimitSettings&) = default;
};

struct AdminSettings {
  std::optional<Endpoint> listen;  // of /metrics and /healthz; nothing: off
  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

enum class DeliveryKind : uint8_t { kSmartHost, kMaildir };

struct SendConnector {
  std::string name;
  struct AddressSpace {
    std::string domain;  // "*", "*.contoso.com" or "contoso.com", lower case
    uint32_t cost = 1;   // 1 to 100
    friend bool operator==(const AddressSpace&, const AddressSpace&) = default;
  };
  std::vector<AddressSpace> address_spaces;
  DeliveryKind kind = DeliveryKind::kSmartHost;
  std::vector<Endpoint> smart_hosts;  // kSmartHost: they share the load, in no order of preference
  std::string maildir;                // kMaildir: absolute path
  uint32_t max_connections = 20;      // outbound, a core
  uint32_t max_messages_per_connection = 1000;
  Duration connect_timeout = seconds(30);
  Duration inactivity_timeout = minutes(5);
  friend bool operator==(const SendConnector&, const SendConnector&) = default;
};

struct Model {
  ServerSettings server;
  SpoolSettings spool;
  RetrySettings retry;
  LimitSettings limits;
  AdminSettings admin;
  std::vector<policy::AcceptedDomain> accepted_domains;
  std::vector<SendConnector> send_connectors;
  std::vector<policy::ReceiveConnector> receive_connectors;  // by file name
  std::shared_ptr<const policy::AddressBook> address_book;   // null: none
};

}  // namespace relais::config
