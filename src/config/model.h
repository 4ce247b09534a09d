// The validated configuration as values: what relais.toml and connectors/*.toml say after every
// check has passed. The initialisers here are the defaults; docs/config.md is printed from them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/accepted_domains.h"
#include "policy/address_book.h"
#include "policy/back_pressure.h"
#include "policy/connector.h"

namespace relais::config {

struct ServerSettings {
  std::string fqdn;             // default: gethostname()
  std::vector<uint32_t> cores;  // CPUs to run on; from "auto" (all allowed), a number, or a list
  bool gather_sessions = true;  // on as few cores as can carry them
  std::string data_dir = "/var/lib/relais";  // made absolute against the config folder
  std::string log_file;                      // JSON lines; empty: standard output
  std::string audit_log;                     // of the shell; empty: in data_dir
  Duration drain_timeout = seconds(30);
  bool watch_config = false;  // reload when a file of the configuration has changed
  uint32_t max_connection_rate_per_minute = 1200;  // UINT32_MAX: unlimited
  uint32_t max_sessions = 20'000;                  // inbound, a core
  uint64_t receive_buffers = 32ULL << 20;          // octets a core, inbound
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

struct NotificationSettings {
  bool enabled = true;
  std::string from;  // empty: notification_sender() says
  friend bool operator==(const NotificationSettings&, const NotificationSettings&) = default;
};

struct LimitSettings {
  uint64_t table_memory = 64ULL << 20;  // octets, all cores together: buckets by key
  friend bool operator==(const LimitSettings&, const LimitSettings&) = default;
};

struct ProtocolLogSettings {
  std::string folder;                       // empty: in data_dir
  uint64_t max_file_size = 10ULL << 20;     // octets, as all defaults here Exchange's
  uint64_t max_folder_size = 250ULL << 20;  // octets
  Duration max_age = hours(24 * 30);
  friend bool operator==(const ProtocolLogSettings&, const ProtocolLogSettings&) = default;
};

struct AdminSettings {
  std::optional<Endpoint> listen;  // of /metrics and /healthz; nothing: off
  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

// Thresholds as policy/pressure.h has them; flat, because a row of the table of parameters points
// to a member. Percentages are Exchange's. Its queue lengths (9999, 15000, 10000, 2000) are those
// of a mailbox server; here it is a hundred times as much, some minutes of what a relay takes.
struct CertificateFiles {
  std::string certificate;  // PEM file, absolute path
  std::string key;          // empty: in the same file
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

struct TlsSettings {
  std::string certificate;            // PEM file, absolute path; empty: no TLS
  std::string key;                    // empty: in the same file
  std::vector<CertificateFiles> sni;  // for clients that ask for one of their names
  std::string client_authorities;     // PEM file that clients' certificates are held against
  std::optional<uint32_t> handshake_threads;  // 0: handshakes go on on the cores; null: "auto"
  bool kernel_tls = true;                     // records by the kernel, where it can
  friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

// Who knows whether a password is right; both empty: nobody, and AUTH is not offered.
struct AuthSettings {
  std::string password_file;   // absolute path
  std::string dovecot_socket;  // absolute path
  friend bool operator==(const AuthSettings&, const AuthSettings&) = default;
};

struct BackPressureSettings {
  bool enabled = true;
  Duration poll_interval = seconds(2);
  uint32_t memory_medium = 72;  // percent
  uint32_t memory_high = 75;
  uint32_t memory_high_ends = 73;
  uint32_t memory_medium_ends = 71;
  Duration memory_history = minutes(1);
  uint32_t system_memory_medium = 88;
  uint32_t system_memory_high = 94;
  uint32_t system_memory_high_ends = 89;
  uint32_t system_memory_medium_ends = 84;
  uint32_t spool_disk_medium = 89;
  uint32_t spool_disk_high = 99;
  uint32_t spool_disk_high_ends = 90;
  uint32_t spool_disk_medium_ends = 80;
  uint32_t spool_medium = 96;
  uint32_t spool_high = 99;
  uint32_t spool_high_ends = 97;
  uint32_t spool_medium_ends = 94;
  uint32_t queue_medium = 1'000'000;  // messages
  uint32_t queue_high = 1'500'000;
  uint32_t queue_high_ends = 1'000'000;
  uint32_t queue_medium_ends = 200'000;
  Duration queue_history = minutes(10);

  [[nodiscard]] policy::PressureLimits limits() const;
  [[nodiscard]] policy::PressureHistory history() const;
  friend bool operator==(const BackPressureSettings&, const BackPressureSettings&) = default;
};

enum class DeliveryKind : uint8_t { kSmartHost, kMaildir };
// How TLS with a next hop begins.
enum class TlsStart : uint8_t {
  kStartTls,
  kImplicit,  // with the first octet (port 465)
};
// What a next hop must prove (exchange-reference.md 7.6).
enum class TlsAuthLevel : uint8_t { kEncryptionOnly, kCertificateValidation, kDomainValidation };
enum class SmartHostAuth : uint8_t { kNone, kBasicAuth, kBasicAuthRequireTls };
[[nodiscard]] std::string_view name_of(TlsStart start);
[[nodiscard]] std::string_view name_of(TlsAuthLevel level);
[[nodiscard]] std::string_view name_of(SmartHostAuth auth);

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
  bool chunking = true;  // BDAT where the next hop offers it
  Duration connect_timeout = seconds(30);
  Duration inactivity_timeout = minutes(5);
  TlsStart tls_start = TlsStart::kStartTls;
  bool send_proxy_protocol = false;
  bool send_xclient = false;
  bool require_tls = false;
  bool ignore_starttls = false;
  TlsAuthLevel tls_auth_level = TlsAuthLevel::kEncryptionOnly;
  std::string tls_domain;   // the name that a certificate must be for
  std::string tls_ca_file;  // PEM file, absolute path; empty: the system's authorities
  SmartHostAuth auth = SmartHostAuth::kNone;
  std::string auth_user;
  std::string auth_password_file;  // absolute path; read by who serves (config/password_file.h)

  [[nodiscard]] bool verifies() const { return tls_auth_level != TlsAuthLevel::kEncryptionOnly; }
  // Nothing goes out in the clear.
  [[nodiscard]] bool requires_tls() const {
    return require_tls || verifies() || tls_start == TlsStart::kImplicit ||
           auth == SmartHostAuth::kBasicAuthRequireTls;
  }
  // REQUIRETLS can be kept there (RFC 8689): the next hop proves that it is who it should be.
  [[nodiscard]] bool takes_require_tls() const {
    return tls_auth_level == TlsAuthLevel::kDomainValidation;
  }
  friend bool operator==(const SendConnector&, const SendConnector&) = default;
};

struct Model {
  ServerSettings server;
  SpoolSettings spool;
  RetrySettings retry;
  NotificationSettings notifications;
  LimitSettings limits;
  AdminSettings admin;
  BackPressureSettings back_pressure;
  TlsSettings tls;
  AuthSettings auth;
  ProtocolLogSettings protocol_log;
  std::vector<policy::AcceptedDomain> accepted_domains;
  std::vector<SendConnector> send_connectors;
  std::vector<policy::ReceiveConnector> receive_connectors;  // by file name
  std::shared_ptr<const policy::AddressBook> address_book;   // null: none
  std::string address_book_file;                             // empty: none
};

// Whose <Postmaster> without a domain (RFC 5321 section 4.1.1.3) is: the first Authoritative
// accepted domain, else the first of any type; a pattern names none. Empty: nobody's.
[[nodiscard]] std::string postmaster_domain(const Model& model);
// The address in From of notifications.
[[nodiscard]] std::string notification_sender(const Model& model);

}  // namespace relais::config
