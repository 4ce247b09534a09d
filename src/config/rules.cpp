#include "config/rules.h"

#include <fmt/format.h>

#include <charconv>

namespace relais::config {
namespace {

constexpr RuleText kRules[] = {
    {Rule::kUnreadable, "A file or folder of the configuration cannot be read.",
     "What cannot be read is not in force, and nothing of it is guessed.",
     "Make the file, or give the user that runs relais the right to read it; the connectors stand "
     "in "
     "the folder connectors/ beside relais.toml."},
    {Rule::kNotToml, "A file is not TOML.",
     "From the line with the mistake on nobody can say what was meant.",
     "Look at the line and at the one before it: a missing quote, bracket or equals sign, or a key "
     "that is written twice."},
    {Rule::kUnknownKey, "A key is not known in its section.",
     "A misspelt limit that is silently ignored is a limit that does not hold.",
     "Write the key that the message suggests, or move it into the section that it belongs to; "
     "docs/config.md has all of them."},
    {Rule::kMissing, "A key that has no default is not written.",
     "There is no value that would be right for everybody.", "Write the key."},
    {Rule::kWrongType, "A value has another type than its key takes.",
     "A guess, such as reading the string \"5\" as a number, would hide the next mistake.",
     "Write a value of the type that the message names: strings in quotes, numbers and true or "
     "false "
     "without, lists in brackets."},
    {Rule::kOutOfRange, "A number, size, duration or CPU is outside its range.",
     "The ranges are those of Exchange or of what the machine can do; beyond them a value means "
     "something else than it seems to.",
     "Write a value within the range that the message names."},
    {Rule::kNotAllowed, "A value is not one that its key may have.",
     "It is malformed, is not known, or stands beside one that excludes it.",
     "Write one of the values that the message names."},
    {Rule::kRepeated, "An entry is listed twice.",
     "It is either superfluous or a slip for another one that is now missing.",
     "Remove one of the two, or write what was meant."},
    {Rule::kNameTaken, "Two connectors have the same name; names ignore case.",
     "Logs, statistics and cmdlets know a connector by its name alone.", "Choose another name."},
    {Rule::kNobodyListens, "There is no Receive connector, or none that is enabled.",
     "No client could connect.",
     "Put one file a Receive connector into connectors/, or enable one of those that are there."},
    {Rule::kNowhereToSend, "There is no Send connector.",
     "Mail would be accepted and stay in the queue until it expires.",
     "Add a [[send_connector]] with address_spaces = [\"*\"]."},

    {Rule::kOpenRelay,
     "Clients that have proved nothing may send to any recipient, and they are more than an IPv4 "
     "/16 "
     "or an IPv6 /48 has addresses.",
     "So many addresses are nobody's list of machines: sooner or later one of them sends spam "
     "through "
     "this server, and the server ends on block lists. Counted are the addresses that the "
     "connector "
     "really serves (not those that more specific ranges of others take on its bindings), and "
     "those of all such connectors of a binding together, with the ones on the wildcard of its "
     "port; addresses of the machine itself (127.0.0.0/8, ::1) do not count, and IPv6 that stands "
     "for IPv4 (64:ff9b::/96, ::/96) counts as IPv4.",
     "Name the hosts that must relay, or take ms-Exch-SMTP-Accept-Any-Recipient away. Who has to "
     "do "
     "it writes i_know_this_is_an_open_relay = true into the connector."},
    {Rule::kPublicRelay,
     "Clients that have proved nothing may send to any recipient, and a range of them holds public "
     "addresses.",
     "Anybody on the Internet who gets an address of the range may use this server to send spam. "
     "Public is every address outside the blocks for private networks, carrier NAT, link-local, "
     "loopback, documentation, benchmarks, multicast and future use, also IPv6 that stands for "
     "IPv4 "
     "(64:ff9b::/96, ::/96). Single public addresses that "
     "are "
     "listed one by one are only a warning, R015.",
     "List the public hosts one by one, leave them out, or let them authenticate. Who has to do it "
     "writes i_know_this_is_an_open_relay = true into the connector."},
    {Rule::kManyRelayClients,
     "Clients that have proved nothing may send to any recipient, and they are more than 256 IPv4 "
     "addresses or more than one IPv6 /64 has.",
     "Every machine in such a range may relay, also the one that is put there tomorrow, and one "
     "that "
     "is infected is enough. Counted is what the connector serves, without the addresses of the "
     "machine "
     "itself. (A warning; above a /16 or /48 it is the error R012.)",
     "Name the hosts that must relay. Who has to do it writes i_know_this_is_an_open_relay = true "
     "into the connector."},
    {Rule::kPublicRelayHosts,
     "Public addresses that are listed one by one may send to any recipient without proof.",
     "A public address may change hands, and then its new owner may relay. (A warning: listed one "
     "by "
     "one, each was meant. So are IPv6 networks of at most a /64, because sites number their own "
     "networks with public addresses.)",
     "Make sure that each of them is yours and fixed, or let these clients authenticate. Who has "
     "to "
     "do it writes i_know_this_is_an_open_relay = true into the connector."},
    {Rule::kPublicTrust, "ExternalAuthoritative is given to public addresses.",
     "Mail from there counts as internal: no size limit, no content filter, any sender, any "
     "recipient. It is meant for networks that something else protects. (An error for a range, a "
     "warning for single addresses that are listed one by one.)",
     "Take the public addresses out, or use the anonymous method for them: AnonymousUsers with "
     "Accept-Any-Recipient. Who has to do it writes i_know_this_is_an_open_relay = true into the "
     "connector."},
    {Rule::kBothRelayMethods, "Both ways to let clients relay stand on one connector.",
     "Every client of an ExternalAuthoritative connector is externally secured from its first "
     "octet, "
     "so what is given to anonymous clients has no effect, and the reader of the file is misled.",
     "Keep one of the two: ExternalAuthoritative with ExchangeServers, or AnonymousUsers with "
     "Accept-Any-Recipient. docs/permissions.md compares them."},
    {Rule::kAnyDomainAccepted, "\"*\" is an accepted domain.",
     "Mail for accepted domains is taken from every client that may submit at all, so this makes "
     "an "
     "open relay of every such connector.",
     "Name the domains, or give Accept-Any-Recipient to one connector. Who has to do it writes "
     "i_know_this_is_an_open_relay = true beside the name."},
    {Rule::kWholeTopLevel,
     "An accepted domain covers everything below a top level domain or a public suffix.",
     "\"*.com\" is half the Internet, and mail for all of it would be taken from everybody; "
     "\"*.co.uk\" is most of a country. (Known are co, com, net, org, ac, gov and edu below two "
     "letters.)",
     "Name the domains; \"*.contoso.com\" covers what is below contoso.com."},
    {Rule::kAuthMechanism, "auth_mechanism contradicts itself or another key.",
     "Exchange's rules: None stands alone; BasicAuthRequireTLS needs BasicAuth and Tls; "
     "ExternalAuthoritative needs the group ExchangeServers and allows only Tls beside it; "
     "require_tls and domain_secure_enabled need Tls, the latter also a list of domains.",
     "Write the combination that the message names."},
    {Rule::kNobodySubmits, "An enabled connector serves clients that may not submit mail.",
     "MAIL is answered 530 5.7.1. A Custom connector without permission groups is born like this; "
     "one for clients that authenticate needs BasicAuth; and a "
     "[[permission]] "
     "entry that denies ms-Exch-SMTP-Submit beats every group.",
     "Write what the message names: permission_groups = [\"AnonymousUsers\"] where clients need no "
     "proof, no denying entry, or enabled = false."},

    {Rule::kNeverMatches, "A range is of an address family that no binding has.",
     "An IPv6 client never arrives on an IPv4 binding, so the range serves nobody.",
     "Add a binding of that family, or remove the range."},
    {Rule::kSameRange, "Two connectors have the same range on the same binding.",
     "Nothing says which of them serves these clients.",
     "Keep the range in one of the two, or give them different bindings."},
    {Rule::kPartialOverlap, "Ranges of two connectors on one binding overlap only in part.",
     "Whose clients the shared addresses are would depend on the size of ranges that have nothing "
     "to "
     "do with each other.",
     "Let one range lie wholly inside the other, or keep them apart."},
    {Rule::kSameRangeTwoBindings,
     "Two connectors have the same range, one on a local address, one on the wildcard of its port.",
     "On that local address the connector with the specific binding serves these clients; the "
     "other "
     "one has them on all other local addresses. That may be meant, and is easily overlooked.",
     "Leave it if it is meant; else keep the range in one of the two."},
    {Rule::kUnreachable, "No client can reach an enabled connector.",
     "More specific ranges of other connectors hold every address that it lists, on every binding, "
     "so "
     "whatever its file allows or limits has no effect.",
     "Remove the connector, or make its ranges more specific; `relais explain` shows who wins."},
    {Rule::kNoInterface, "A binding names an address that no network interface has.",
     "`relais serve` will not start: the system does not let it listen there. (Looked for by "
     "`relais "
     "check` only, on the machine where it runs.)",
     "Write an address of this machine, or 0.0.0.0 or [::] for all."},
    {Rule::kTransportRole, "A connector has the role HubTransport.",
     "In Exchange the front end and the Transport service behind it may never listen on one port. "
     "relais is the front end alone: there is no Transport service that could listen.",
     "Write FrontendTransport, or leave the key out."},

    {Rule::kNextHopMayRelay,
     "A range whose clients may send to any recipient also holds a next hop of a Send connector.",
     "The next hop was hardly meant to be a client, and if it sends our mail back, it goes in "
     "circles. (Ranges of more than one address only: one that is listed alone was meant. "
     "Addresses "
     "of this machine do not count.)",
     "Leave the next hop out of the range, or list it alone as well, in another connector."},
    {Rule::kMailLoop, "A smart host is one of our own bindings.",
     "Mail would come back to us and go round until its hop count stops it.",
     "Name the next server."},
    {Rule::kSendConnectorHops, "A Send connector has both or none of smart_hosts and maildir.",
     "It needs exactly one place to send to.", "Keep one of the two, or write one."},

    {Rule::kLimitNeverBinds, "A limit can never have the effect that it is written for.",
     "Another limit is always met first, or the limit leaves nothing, and whoever reads the file "
     "believes otherwise.",
     "Change one of the two values that the message names."},
    {Rule::kLimitsContradict, "Two values are in the wrong order.",
     "One of the two would never have an effect.",
     "Change one of the two values that the message names."},
    {Rule::kSpoolSegments, "spool.segment_size is more than a quarter of spool.max_size.",
     "Space is freed by whole segments; with fewer than four the queue would be full and empty in "
     "turns.",
     "Write a smaller segment_size or a larger max_size."},
    {Rule::kExtensionNeedsAnother, "An SMTP extension is offered without one that it needs.",
     "BINARYMIME needs CHUNKING (RFC 3030).", "Switch off the first, or leave the second on."},

    {Rule::kLimitStopsMail, "A limit of bytes can never let a message of an allowed size pass.",
     "Its action is defer or close, and its burst is smaller than max_message_size: a larger "
     "message is refused for now however long its sender waits, until it expires there.",
     "Write a burst of at least max_message_size, or a smaller max_message_size."},
    {Rule::kLimitWithoutEffect, "A limit measures what nothing counts yet.",
     "Without BasicAuth among the connector's mechanisms there are no failed logons.",
     "Add BasicAuth, or take the limit away."},
    {Rule::kLimitBesideParameter,
     "A [[limit]] and one of Exchange's parameters count the same thing by the same key.",
     "Both are in force and the lower one binds; whoever changes the other sees no effect.",
     "Leave it if both are meant; else take one of the two away."},
    {Rule::kLongDelay, "A limit lets replies wait for longer than clients do.",
     "RFC 5321 section 4.5.3.2 has clients wait 5 minutes for the answers to MAIL and RCPT, and "
     "many are less patient: they hang up and try again, which costs more than it saves. Beside a "
     "shorter connection_inactivity_timeout the wait that a client is granted is longer than the "
     "one that it is allowed.",
     "Write a max_delay of at most 5 minutes, or the action defer."},
    {Rule::kClientChoosesBucket,
     "A limit of anonymous clients counts by something that they choose themselves.",
     "Nobody checks the sender of a client that has proved nothing (message_rate_source = \"User\" "
     "counts by it as well): with another address in MAIL it gets another bucket, and no other "
     "limit counts them together.",
     "Count by the source as well: message_rate_source = \"All\", or a [[limit]] of the same "
     "measure with per = \"source\"."},
    {Rule::kShadowLimit, "A limit only counts and logs.",
     "The action shadow is for trying a limit out; it holds nobody back.",
     "Leave it as long as you watch the log; then write the action that is meant."},

    {Rule::kAdminReachable, "[admin] listens on an address that other machines reach.",
     "The page names connectors and the busiest clients to whoever asks; it asks for no password "
     "and is not encrypted.",
     "Write a loopback address and let the monitoring system's agent on this machine fetch it, or "
     "see to it that a firewall lets nobody else through."},
    {Rule::kReservedShares, "reserved_share leaves too little for everybody else.",
     "What one connector has reserved no other can use. At most 90 percent may be reserved, and "
     "what is left of spool.max_size must be four segments: with fewer, nobody else's mail would "
     "be taken.",
     "Write smaller shares, or for the spool a larger max_size or a smaller segment_size."},

    {Rule::kProxyDisagreement,
     "Two connectors that listen in one place have another proxy_protocol or other "
     "trusted_proxies.",
     "Whether a PROXY header comes first is decided before anybody knows which connector the "
     "client "
     "belongs to, so there can be one answer only. (The wildcard and an address of its port are "
     "one "
     "place as well: connectors of the wildcard serve there too.)",
     "Write the same into both, or give them different ports."},
    {Rule::kProxyTrust, "trusted_proxies or xclient_hosts holds more addresses than proxies have.",
     "Whoever connects from there may claim to be any client, in a PROXY header or with XCLIENT, "
     "and gets what that client may do. From more than an IPv4 /16 or an IPv6 /48, where clients "
     "without proof may send to any recipient, it is an open relay and an error.",
     "Write the addresses of the proxies alone."},
    {Rule::kProxyWithoutEffect,
     "trusted_proxies stands without proxy_protocol, or xclient_hosts names nobody.",
     "No PROXY header is read there, and a load balancer in front would be taken for the client. "
     "XCLIENT is taken from clients that the connector serves, so its remote_ip_ranges hold them.",
     "Write proxy_protocol = \"required\", or take trusted_proxies away; put the hosts into "
     "remote_ip_ranges as well."},
    {Rule::kCertificate, "The certificate or its key cannot serve.",
     "Without them no TLS session can begin, or clients that look at the certificate go away.",
     "Give the file that the finding names what it says; docs/tls.md tells how."},
    {Rule::kUpstreamWithoutProxy, "A key of proxying stands in a connector that does not proxy.",
     "Its mail goes where routing and the Send connectors say, or nowhere (R057), and the "
     "upstreams see none of it.",
     "Write delivery = \"proxy\", or take the key away."},
    {Rule::kFallbackNowhere, "proxy_fallback is \"queue\", and there is no [[send_connector]].",
     "When no upstream answers, mail would be acknowledged and stay in the queue.",
     "Add a [[send_connector]] with address_spaces = [\"*\"], or write proxy_fallback = "
     "\"none\"."},

    {Rule::kLogon, "Clients cannot authenticate as it is configured.",
     "AUTH is offered where BasicAuth is among a connector's mechanisms, [auth] names somebody who "
     "knows passwords, and TLS is there if BasicAuthRequireTLS stands beside it. A password file "
     "that could not serve is an error: clients would be turned away one after the other.",
     "Do what the finding says; docs/auth.md tells more."},
    {Rule::kPasswordInClear, "Clients authenticate without TLS.",
     "Whoever sees the network traffic reads their passwords, and may send as they do.",
     "Offer TLS. Where a client really cannot, give the connector a range that holds it alone."},

    {Rule::kNextHopTls,
     "What a Send connector says about TLS contradicts itself, has no effect, or its authorities "
     "cannot be read.",
     "Mail would go out with less protection than the reader of the file believes, or not at all. "
     "(A warning where a key only has no effect.)",
     "Write the combination that the finding names; docs/tls.md, Towards next hops, has them."},
    {Rule::kNextHopLogon, "A Send connector is to log on, and cannot.",
     "It needs a user and a file with the password that only its owner can read: whoever reads the "
     "password can send mail in our name. (A warning where a key only has no effect.)",
     "Write both keys, put the password into the first line of the file, and chmod 600 it."},
    {Rule::kHopPasswordInClear,
     "The password for a smart host may go over the network in the clear.",
     "With BasicAuth it is said where a smart host does not offer STARTTLS as well, and whoever "
     "sits in between can take the offer away. (Smart hosts on loopback addresses do not count.)",
     "Write smart_host_auth_mechanism = \"BasicAuthRequireTLS\", best with tls_auth_level = "
     "\"DomainValidation\"."},
    {Rule::kUpstreamConnector, "upstream_send_connector names no Send connector that could serve.",
     "A connector with delivery = \"proxy\" sends to upstreams, or to the smart hosts of one "
     "[[send_connector]], as that says.",
     "Write the name of a [[send_connector]] with smart_hosts, or upstreams."},
    {Rule::kNamedClients,
     "What a Send connector says about naming clients contradicts itself, is gone around, or has "
     "no effect.",
     "A connection begins with a PROXY header or has XCLIENT, not both. An upstream that hears "
     "with XCLIENT whose mail it is gives what it gives to us to everything that comes without, or "
     "behind our own logon; and what proxy_fallback has put into the queue comes without. (A "
     "warning where the key has no effect: nobody's mail goes straight through that connector; or "
     "that of a connector with delivery = \"queue\" goes there as well, and without.)",
     "Keep one of the two keys; write proxy_fallback = \"none\"; take away what has no effect; let "
     "the queue send through a connector of its own."},
    {Rule::kDiscards, "A connector throws away the mail that it accepts.",
     "With delivery = \"discard\" clients hear 250 as ever, and nobody gets their mail, nor a "
     "notification. It is there to measure what the front costs (docs/load-testing.md); real mail "
     "would be lost.",
     "Write delivery = \"queue\", or \"proxy\" with upstreams, wherever real mail may come."},
    {Rule::kNobodyLogsOn, "AUTH is offered, and who authenticates may not submit mail.",
     "Every password is answered 535 5.7.3, also the right one, and only the log says why: NT "
     "AUTHORITY\\Authenticated Users has no ms-Exch-SMTP-Submit. (Where nobody else may submit "
     "either it is R021.)",
     "Add ExchangeUsers to permission_groups, take a [[permission]] entry away that denies it, or "
     "take BasicAuth out of auth_mechanism."},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kRules); ++i) {
    if (static_cast<size_t>(kRules[i].rule) != i + 1) return false;
  }
  return true;
}
static_assert(in_order());

constexpr std::string_view kRulesHeader = R"(# What `relais check` finds

<!-- Printed from the table in src/config/rules.cpp. Do not edit: change the table, then run
     RELAIS_UPDATE=1 config_tests. -->

`relais check --config DIR` reads a configuration and says everything that is wrong or doubtful at
once, one finding a line:

    DIR/connectors/a.toml:5: max_hop_count: 501 is out of range. Write ... [R006]
    DIR/connectors/b.toml:3: warning: remote_ip_ranges: anonymous clients at ... [R014]

File and line, key, what was found, what to do, and in brackets the number of the rule. Errors end
`check` with status 1, and `serve` and reload refuse the configuration; warnings do not.
`relais check --explain R014` prints the three lines of this page about a rule, `--explain all` all
of them, and `--json` makes each finding one JSON object a line, with a last line that counts them.

Numbers never change their meaning.

| Number | What | Why it matters | What to do |
|---|---|---|---|
)";

}  // namespace

std::span<const RuleText> all_rules() { return kRules; }

const RuleText& text_of(Rule rule) { return kRules[static_cast<size_t>(rule) - 1]; }

std::string id_of(Rule rule) { return fmt::format("R{:03}", static_cast<unsigned>(rule)); }

std::optional<Rule> rule_from_id(std::string_view id) {
  if (id.starts_with('R') || id.starts_with('r')) id.remove_prefix(1);
  size_t number = 0;
  const auto [end, code] = std::from_chars(id.data(), id.data() + id.size(), number);
  const bool whole = code == std::errc() && end == id.data() + id.size();
  if (!whole || number < 1 || number > std::size(kRules)) return std::nullopt;
  return kRules[number - 1].rule;
}

std::string rules_markdown() {
  std::string out(kRulesHeader);
  for (const RuleText& rule : kRules) {
    out += fmt::format("| {} | {} | {} | {} |\n", id_of(rule.rule), rule.what, rule.why, rule.cure);
  }
  return out;
}

}  // namespace relais::config
