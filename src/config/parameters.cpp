// The table of parameters: every key that a configuration may hold, with what it may be and what it
// means. Adding a parameter is adding a row here and a member to the model. Here are those of
// relais.toml but [back_pressure], which has parameters_back_pressure.cpp;
// parameters_connector.cpp has those of connectors/*.toml.
#include "config/parameter.h"
#include "config/parameter_units.h"
#include "config/readers.h"

namespace relais::config {
namespace {

constexpr Parameter<ModelDraft> kMainFile[] = {
    {.key = "server",
     .target = read_server,
     .allowed = "a table: [server]",
     .doc = "The process: its name, CPUs, folders and memory."},
    {.key = "spool",
     .target = read_spool,
     .allowed = "a table: [spool]",
     .doc = "The durable queue."},
    {.key = "retry",
     .target = read_retry,
     .allowed = "a table: [retry]",
     .doc = "When a message that could not be delivered is tried again."},
    {.key = "notifications",
     .target = read_notifications,
     .allowed = "a table: [notifications]",
     .doc = "What senders are told of mail that could not be delivered."},
    {.key = "limits",
     .target = read_limit_settings,
     .allowed = "a table: [limits]",
     .doc = "What limits need of the machine; the limits themselves stand in connectors/*.toml."},
    {.key = "admin",
     .target = read_admin,
     .allowed = "a table: [admin]",
     .doc = "Figures for a monitoring system, over HTTP: docs/metrics.md."},
    {.key = "back_pressure",
     .target = read_back_pressure,
     .allowed = "a table: [back_pressure]",
     .doc = "What happens when memory, disk or queue run short."},
    {.key = "tls",
     .target = read_tls,
     .allowed = "a table: [tls]",
     .doc = "The certificate with which connectors offer STARTTLS: docs/tls.md."},
    {.key = "auth",
     .target = read_auth,
     .allowed = "a table: [auth]",
     .doc = "Who knows the passwords of clients that authenticate: docs/auth.md."},
    {.key = "protocol_log",
     .target = read_protocol_log,
     .allowed = "a table: [protocol_log]",
     .doc = "The files that dialogues of Verbose connectors go to: docs/protocol-log.md."},
    {.key = "accepted_domain",
     .target = read_accepted_domains,
     .is_table = true,
     .allowed = "one table a domain: [[accepted_domain]]",
     .doc = "Domains that we accept mail for from every client."},
    {.key = "send_connector",
     .target = read_send_connectors,
     .is_table = true,
     .allowed = "one table a connector: [[send_connector]]",
     .doc = "Where mail goes next."},
    {.key = "address_book",
     .target = read_checked<ModelDraft, &ModelDraft::address_book, check_path>,
     .allowed = "a CSV file; a relative path starts at the configuration folder",
     .default_text = "none",
     .doc =
         "Address and display name a line; a From field without a name gets it, where the sender "
         "counts as internal (externally secured). Stands above the first [table]."},
};

constexpr Parameter<ServerSettings> kServer[] = {
    {.key = "fqdn",
     .target = read_checked<ServerSettings, &ServerSettings::fqdn, check_host_name>,
     .takes = Takes::kRestart,
     .allowed = "a host name, such as \"relay.contoso.com\"",
     .default_text = "the host name of the machine",
     .doc = "The name that we greet with and put into Received fields."},
    {.key = "cores",
     .target = read_cores,
     .takes = Takes::kRestart,
     .allowed = "\"auto\", a number of CPUs, or a list of CPUs such as [0, 2]",
     .default_text = "\"auto\"",
     .doc = "The CPUs to run on, one thread each; \"auto\" takes all that the process may use."},
    {.key = "gather_sessions",
     .target = &ServerSettings::gather_sessions,
     .takes = Takes::kRestart,
     .doc =
         "Sessions stay on as few cores as can carry them, where a message costs less; they move "
         "as cores get busy. false: they are spread over all cores from the first one on."},
    {.key = "data_dir",
     .target = read_checked<ServerSettings, &ServerSettings::data_dir, check_path>,
     .takes = Takes::kRestart,
     .allowed = "a folder; a relative path starts at the configuration folder",
     .default_text = "\"/var/lib/relais\"",
     .doc = "Where the spool lives."},
    {.key = "log_file",
     .target = read_checked<ServerSettings, &ServerSettings::log_file, check_path>,
     .takes = Takes::kRestart,
     .allowed = "a file; a relative path starts at the configuration folder",
     .default_text = "standard output",
     .doc = "Where the log goes, one JSON object a line."},
    {.key = "audit_log",
     .target = read_checked<ServerSettings, &ServerSettings::audit_log, check_path>,
     .allowed = "a file; a relative path starts at the configuration folder",
     .default_text = "audit.log in data_dir, or in the configuration folder before it exists",
     .doc =
         "Where relais shell and relais limit write what they changed, one JSON object a change."},
    {.key = "drain_timeout",
     .target = &ServerSettings::drain_timeout,
     .min = 0,
     .max = ns(hours(1)),
     .takes = Takes::kRestart,
     .doc = "How long running sessions may go on after the order to stop."},
    {.key = "watch_config",
     .target = &ServerSettings::watch_config,
     .doc = "Reload by itself when a file of the configuration has changed."},
    {.key = "max_connection_rate_per_minute",
     .exchange = "MaxConnectionRatePerMinute",
     .target = &ServerSettings::max_connection_rate_per_minute,
     .min = 1,
     .max = kCountMax,
     .may_be_unlimited = true,
     .doc = "Connections that the whole server accepts in a minute; more of them wait."},
    {.key = "max_sessions",
     .target = &ServerSettings::max_sessions,
     .min = 1,
     .max = 1'000'000,
     .takes = Takes::kRestart,
     .doc = "Inbound sessions a core; one more is answered 421."},
    {.key = "receive_buffers",
     .target = &ServerSettings::receive_buffers,
     .min = 256 * kKiB,
     .max = 64 * kGiB,
     .unit = Unit::kOctets,
     .takes = Takes::kRestart,
     .doc = "Memory a core for octets that have just arrived."},
    {.key = "message_memory",
     .target = &ServerSettings::message_memory,
     .min = 1 * kMiB,
     .max = 1 * kTiB,
     .unit = Unit::kOctets,
     .takes = Takes::kRestart,
     .doc = "Memory a core for messages that are in work or kept for delivery."},
};

constexpr Parameter<SpoolSettings> kSpool[] = {
    {.key = "max_size",
     .target = &SpoolSettings::max_size,
     .min = 4 * kMiB,
     .max = 64 * kTiB,
     .unit = Unit::kOctets,
     .takes = Takes::kRestart,
     .doc = "Disk space a core; when it is nearly used up, MAIL is answered 452."},
    {.key = "segment_size",
     .target = &SpoolSettings::segment_size,
     .min = 1 * kMiB,
     .max = 4 * kGiB,
     .unit = Unit::kOctets,
     .takes = Takes::kRestart,
     .doc = "Size of one file of the log; at most a quarter of max_size."},
};

constexpr Parameter<RetrySettings> kRetry[] = {
    {.key = "first",
     .target = &RetrySettings::first,
     .min = ns(milliseconds(10)),
     .max = kDay,
     .takes = Takes::kRestart,
     .doc = "Wait after the first temporary failure; the waits grow from there."},
    {.key = "max",
     .target = &RetrySettings::max,
     .min = ns(milliseconds(10)),
     .max = kDay,
     .takes = Takes::kRestart,
     .doc = "Longest wait between two attempts; not below first. A host that is down has its own "
            "waits, up to 60 s."},
    {.key = "expire_after",
     .exchange = "MessageExpirationTimeout",
     .target = &RetrySettings::expire_after,
     .min = ns(seconds(1)),
     .max = 90 * kDay,
     .takes = Takes::kRestart,
     .doc = "Age at which a message is given up; not below max."},
};

constexpr Parameter<LimitSettings> kLimits[] = {
    {.key = "table_memory",
     .target = &LimitSettings::table_memory,
     .min = 1 * kMiB,
     .max = 16 * kGiB,
     .unit = Unit::kOctets,
     .takes = Takes::kRestart,
     .doc = "Memory for the buckets of sources, senders and domains, all cores together; 64MB hold "
            "1000000 of them."},
};

constexpr Parameter<AdminSettings> kAdmin[] = {
    {.key = "listen",
     .target = read_admin_listen,
     .takes = Takes::kRestart,
     .allowed = "an IPv4 address and a port, such as \"127.0.0.1:8025\"",
     .default_text = "none: off",
     .doc = "Where /metrics (Prometheus) and /healthz answer. Whoever reaches it reads who sends "
            "mail here, so it belongs on a loopback address or behind a firewall."},
};

constexpr Parameter<TlsSettings> kTls[] = {
    {.key = "certificate",
     .target = read_checked<TlsSettings, &TlsSettings::certificate, check_path>,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .default_text = "none: no STARTTLS",
     .doc = "The server's certificate, then the one that signed it, and so on. Read again at each "
            "reload, also when only the file has changed."},
    {.key = "key",
     .target = read_checked<TlsSettings, &TlsSettings::key, check_path>,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .default_text = "in the file of the certificate",
     .doc = "Its private key, without a password and not open to every user."},
    {.key = "sni",
     .target = read_sni,
     .is_table = true,
     .allowed = "one table a certificate: [[tls.sni]]",
     .default_text = "none",
     .doc = "Further certificates, for clients that ask for one of their names; see [[tls.sni]]."},
    {.key = "client_ca_file",
     .target = read_checked<TlsSettings, &TlsSettings::client_authorities, check_path>,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .default_text = "the system's authorities",
     .doc = "The authorities whose signature on a client's certificate is believed; for connectors "
            "with domain_secure_enabled."},
    {.key = "handshake_threads",
     .target = read_handshake_threads,
     .takes = Takes::kRestart,
     .allowed = "\"auto\", or a number from 0 to 256",
     .default_text = "\"auto\"",
     .doc = "Threads for the handshakes of clients, less urgent than the cores; \"auto\" takes as "
            "many as there are cores. 0: each core does its own, and mail waits meanwhile."},
    {.key = "kernel_tls",
     .target = &TlsSettings::kernel_tls,
     .doc = "The kernel makes and opens the records of clients' sessions, where its tls module can "
            "(TLS 1.3: Linux 6.14); else, and with false, OpenSSL does."},
};

constexpr Parameter<CertificateDraft> kSni[] = {
    {.key = "certificate",
     .target = read_checked<CertificateDraft, &CertificateDraft::certificate, check_path>,
     .required = true,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .doc = "As under [tls]. Whoever asks for one of its names (SNI) gets it; all others get that "
            "of the connector, or of [tls]."},
    {.key = "key",
     .target = read_checked<CertificateDraft, &CertificateDraft::key, check_path>,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .default_text = "in the file of the certificate",
     .doc = "As under [tls]."},
};

constexpr Parameter<AuthSettings> kAuth[] = {
    {.key = "password_file",
     .target = read_checked<AuthSettings, &AuthSettings::password_file, check_path>,
     .allowed = "a file; a relative path starts at the configuration folder",
     .default_text = "none",
     .doc =
         "Users and hashes of their passwords, one a line; `relais user add` writes it. A change "
         "is noticed at the next AUTH, without a reload."},
    {.key = "dovecot_socket",
     .target = read_checked<AuthSettings, &AuthSettings::dovecot_socket, check_path>,
     .allowed = "a Unix socket; a relative path starts at the configuration folder",
     .default_text = "none",
     .doc = "Dovecot is asked instead, so that any directory works that Dovecot knows."},
};

constexpr Parameter<AcceptedDomainDraft> kAcceptedDomain[] = {
    {.key = "name",
     .exchange = "DomainName",
     .target = read_domain_name,
     .required = true,
     .allowed = "a domain: \"contoso.com\", or \"*.contoso.com\" for every domain below it",
     .doc =
         "The domain. \"*\" would accept mail to anywhere from anyone, so it needs the last key."},
    {.key = "type",
     .exchange = "DomainType",
     .target = read_domain_type,
     .allowed = "\"Authoritative\", \"InternalRelay\" or \"ExternalRelay\"",
     .default_text = "\"Authoritative\"",
     .doc = "Whether the domain's mailboxes are ours, or we only pass its mail on."},
    {.key = "i_know_this_is_an_open_relay",
     .target = &AcceptedDomainDraft::known_open_relay,
     .doc = "Needed beside the name \"*\"."},
};

constexpr Parameter<SendDraft> kSendConnector[] = {
    {.key = "name",
     .exchange = "Name",
     .target = read_checked<SendDraft, &SendDraft::name, check_connector_name>,
     .required = true,
     .takes = Takes::kRestart,
     .allowed = "a name of 1 to 64 characters",
     .doc = "Unique among Send connectors."},
    {.key = "address_spaces",
     .exchange = "AddressSpaces",
     .target = read_address_spaces,
     .required = true,
     .takes = Takes::kRestart,
     .is_list = true,
     .allowed =
         "a list of domains, such as [\"*\"], [\"*.contoso.com\"] or [\"SMTP:contoso.com;5\"]",
     .doc = "Recipient domains that it serves, with an optional cost from 1 to 100; the most "
            "specific wins, then the lowest cost. Postmaster without a domain counts as an address "
            "of the first Authoritative accepted domain, else of the first of any type, as they "
            "were at the start; without one, only \"*\" takes it."},
    {.key = "smart_hosts",
     .exchange = "SmartHosts",
     .target = read_smart_hosts,
     .takes = Takes::kRestart,
     .is_list = true,
     .allowed = "a list of IP addresses, such as [\"10.0.0.20\", \"10.0.0.21:2525\", "
                "\"[2001:db8::20]:25\"]",
     .default_text = "none; this or maildir is required",
     .doc = "Next hops, which share the load; port 25 unless it is written."},
    {.key = "maildir",
     .target = read_maildir,
     .takes = Takes::kRestart,
     .allowed = "a folder; a relative path starts at the configuration folder",
     .default_text = "none; this or smart_hosts is required",
     .doc = "Writes each message as a file into a Maildir, for trials."},
    {.key = "max_connections",
     .exchange = "MaxOutboundConnections",
     .target = &SendDraft::max_connections,
     .min = 1,
     .max = 100'000,
     .takes = Takes::kRestart,
     .doc = "Connections a core to the next hops of this connector."},
    {.key = "max_messages_per_connection",
     .exchange = "SmtpMaxMessagesPerConnection",
     .target = &SendDraft::max_messages_per_connection,
     .min = 1,
     .max = kCountMax,
     .may_be_unlimited = true,
     .takes = Takes::kRestart,
     .doc = "Messages after which a connection is closed."},
    {.key = "chunking_enabled",
     .target = &SendDraft::chunking,
     .takes = Takes::kRestart,
     .doc = "Send content with BDAT (RFC 3030) to next hops that offer CHUNKING. Without it only "
            "messages that need it (BODY=BINARYMIME)."},
    {.key = "connect_timeout",
     .target = &SendDraft::connect_timeout,
     .min = ns(milliseconds(100)),
     .max = ns(minutes(10)),
     .takes = Takes::kRestart,
     .doc = "How long a next hop may take to accept a connection."},
    {.key = "inactivity_timeout",
     .exchange = "ConnectionInactivityTimeOut",
     .target = &SendDraft::inactivity_timeout,
     .min = ns(milliseconds(100)),
     .max = kDay,
     .takes = Takes::kRestart,
     .doc = "How long a next hop may stay silent when we wait for its answer."},
    {.key = "send_proxy_protocol",
     .target = &SendDraft::send_proxy_protocol,
     .takes = Takes::kRestart,
     .doc =
         "Say first on each connection, in a PROXY header of version 2, whose mail it is for. Of "
         "upstreams of proxy mode (docs/proxy-mode.md); mail from the queue comes without."},
    {.key = "send_xclient",
     .target = &SendDraft::send_xclient,
     .takes = Takes::kRestart,
     .doc =
         "Say with XCLIENT, in TLS where that is spoken, whose mail comes over a connection, and "
         "give nothing to an upstream that does not offer it. Of upstreams of proxy mode, as "
         "send_proxy_protocol, and one of the two."},
    {.key = "tls",
     .target = read_tls_start,
     .takes = Takes::kRestart,
     .allowed = "\"starttls\", or \"implicit\" for next hops on port 465",
     .default_text = "\"starttls\"",
     .doc = "How TLS begins: with STARTTLS where a next hop offers it, or with the first octet, "
            "which also requires it. docs/tls.md, Towards next hops."},
    {.key = "require_tls",
     .exchange = "RequireTLS",
     .target = &SendDraft::require_tls,
     .takes = Takes::kRestart,
     .doc = "Send nothing without TLS: a next hop that does not offer STARTTLS, or whose handshake "
            "fails, counts as down. Without it, mail goes in the clear there."},
    {.key = "ignore_starttls",
     .exchange = "IgnoreSTARTTLS",
     .target = &SendDraft::ignore_starttls,
     .takes = Takes::kRestart,
     .doc = "Send everything in the clear, whatever a next hop offers."},
    {.key = "tls_auth_level",
     .exchange = "TlsAuthLevel",
     .target = read_tls_auth_level,
     .takes = Takes::kRestart,
     .allowed = "\"EncryptionOnly\", \"CertificateValidation\" or \"DomainValidation\"",
     .default_text = "\"EncryptionOnly\"",
     .doc = "What a next hop must prove: nothing; that its certificate is of an authority that we "
            "trust; that it is also for tls_domain. All but the first require TLS."},
    {.key = "tls_domain",
     .exchange = "TlsDomain",
     .target = read_checked<SendDraft, &SendDraft::tls_domain, check_host_name>,
     .takes = Takes::kRestart,
     .allowed = "a host name, such as \"mx.contoso.com\"",
     .default_text = "none: no name is asked for",
     .doc = "The name of the next hops: asked for in the handshake, and with DomainValidation the "
            "one that the certificate must be for."},
    {.key = "tls_ca_file",
     .target = read_checked<SendDraft, &SendDraft::tls_ca_file, check_path>,
     .takes = Takes::kRestart,
     .allowed = "a PEM file; a relative path starts at the configuration folder",
     .default_text = "those of the system",
     .doc = "The authorities that are trusted, instead of the system's."},
    {.key = "smart_host_auth_mechanism",
     .exchange = "SmartHostAuthMechanism",
     .target = read_smart_host_auth,
     .takes = Takes::kRestart,
     .allowed = "\"None\", \"BasicAuth\" or \"BasicAuthRequireTLS\"",
     .default_text = "\"None\"",
     .doc = "Log on to the smart hosts with AUTH PLAIN or LOGIN. BasicAuthRequireTLS requires TLS; "
            "BasicAuth says the password in the clear where there is none."},
    {.key = "auth_user",
     .target = read_checked<SendDraft, &SendDraft::auth_user, check_auth_user>,
     .takes = Takes::kRestart,
     .allowed = "a name of 1 to 255 octets",
     .default_text = "none",
     .doc = "The name to log on with."},
    {.key = "auth_password_file",
     .target = read_checked<SendDraft, &SendDraft::auth_password_file, check_path>,
     .takes = Takes::kRestart,
     .allowed = "a file; a relative path starts at the configuration folder",
     .default_text = "none",
     .doc = "Its first line is the password. Nobody but its owner may read it (mode 600)."},
};

}  // namespace

std::span<const Parameter<ModelDraft>> main_file_parameters() { return kMainFile; }
std::span<const Parameter<ServerSettings>> server_parameters() { return kServer; }
std::span<const Parameter<SpoolSettings>> spool_parameters() { return kSpool; }
std::span<const Parameter<RetrySettings>> retry_parameters() { return kRetry; }
std::span<const Parameter<LimitSettings>> limits_parameters() { return kLimits; }
std::span<const Parameter<AdminSettings>> admin_parameters() { return kAdmin; }
std::span<const Parameter<TlsSettings>> tls_parameters() { return kTls; }
std::span<const Parameter<CertificateDraft>> sni_parameters() { return kSni; }
std::span<const Parameter<AuthSettings>> auth_parameters() { return kAuth; }
std::span<const Parameter<AcceptedDomainDraft>> accepted_domain_parameters() {
  return kAcceptedDomain;
}
std::span<const Parameter<SendDraft>> send_connector_parameters() { return kSendConnector; }

}  // namespace relais::config
