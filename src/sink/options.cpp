#include "sink/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "smtp/ascii.h"

namespace relais::sink {
namespace {

using Problem = std::optional<std::string>;

constexpr std::string_view kListenDefault = "127.0.0.1:2526";
constexpr uint32_t kRecipientsMax = 100'000;

struct Extension {
  std::string_view name;
  bool smtp::ServerOptions::*offered;
};
constexpr std::array<Extension, 11> kExtensions = {{
    {"PIPELINING", &smtp::ServerOptions::pipelining},
    {"SIZE", &smtp::ServerOptions::size},
    {"8BITMIME", &smtp::ServerOptions::eight_bit_mime},
    {"CHUNKING", &smtp::ServerOptions::chunking},
    {"BINARYMIME", &smtp::ServerOptions::binary_mime},
    {"SMTPUTF8", &smtp::ServerOptions::smtp_utf8},
    {"DSN", &smtp::ServerOptions::dsn},
    {"ENHANCEDSTATUSCODES", &smtp::ServerOptions::enhanced_status_codes},
    {"LIMITS", &smtp::ServerOptions::limits},
    {"STARTTLS", &smtp::ServerOptions::starttls},
    {"AUTH", &smtp::ServerOptions::auth},
}};

// No limit that a client could reach, and every field of a header passes: the checksum is over what
// was sent.
smtp::ServerOptions generous_server() {
  smtp::ServerOptions server;
  server.fqdn = "relais-sink";
  server.max_message_size = 0;
  server.max_header_size = UINT32_MAX;
  server.max_recipients = kRecipientsMax;
  server.max_hop_count = UINT32_MAX;
  server.max_protocol_errors = UINT32_MAX;
  server.limits = false;
  server.auth_needs_tls = false;
  server.auth_parameter = true;
  server.max_logon_failures = 0;
  server.take_raw_content = true;
  server.header.keep_organization = true;
  server.header.keep_forest = true;
  return server;
}

const Extension* find_extension(std::string_view name) {
  const auto found = std::ranges::find_if(kExtensions, [&](const Extension& extension) {
    return smtp::equals_ignoring_case(extension.name, name);
  });
  return found == kExtensions.end() ? nullptr : &*found;
}

std::string no_extension(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Extension& extension : kExtensions) known.push_back(extension.name);
  return fmt::format("there is no extension '{}'; they are {}", name, fmt::join(known, ", "));
}

Problem offer_extensions(const std::vector<std::string>& names, smtp::ServerOptions& server) {
  for (const std::string& name : names) {
    const Extension* extension = find_extension(name);
    if (extension == nullptr) return no_extension(name);
    server.*extension->offered = true;
  }
  return {};
}

Problem hide_extensions(const std::vector<std::string>& names, smtp::ServerOptions& server) {
  const smtp::ServerOptions offered = server;  // one that is hidden twice is hidden
  for (const std::string& name : names) {
    const Extension* extension = find_extension(name);
    if (extension == nullptr) return no_extension(name);
    if (!(offered.*extension->offered))
      return fmt::format("--hide {}: it is not offered anyway", name);
    server.*extension->offered = false;
  }
  return {};
}

Problem read_listen(const Words& words, Options& options) {
  std::vector<std::string> texts = words.listen;
  if (texts.empty()) texts.emplace_back(kListenDefault);
  for (const std::string& text : texts) {
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint)
      return fmt::format("--listen {}: write an address and a port, as in {} or [::1]:2526", text,
                         kListenDefault);
    if (!endpoint->address.is_loopback() && !words.any_address)
      return fmt::format(
          "--listen {}: it takes every mail from everybody, so other addresses than loopback need "
          "--any-address",
          text);
    if (std::ranges::count(options.listen, *endpoint) > 0 && endpoint->port != 0)
      return fmt::format("--listen {}: given twice", text);
    options.listen.push_back(*endpoint);
  }
  return {};
}

Problem add_rules(std::string_view option, const std::vector<std::string>& rules,
                  Behaviour& behaviour, Problem (Behaviour::*add)(std::string_view)) {
  for (const std::string& rule : rules) {
    if (const Problem problem = (behaviour.*add)(rule))
      return fmt::format("{} {}: {}", option, rule, *problem);
  }
  return {};
}

Problem read_behaviour(const Words& words, Options& options) {
  Behaviour& behaviour = options.behaviour;
  if (auto problem = add_rules("--delay", words.delay, behaviour, &Behaviour::add_delay))
    return problem;
  if (auto problem = add_rules("--answer", words.answer, behaviour, &Behaviour::add_answer))
    return problem;
  if (auto problem =
          add_rules("--answer-to", words.answer_to, behaviour, &Behaviour::add_answer_to))
    return problem;
  if (auto problem = add_rules("--close-at", words.close_at, behaviour, &Behaviour::add_close))
    return problem;
  if (!words.tarpit.empty()) {
    if (auto problem = add_rules("--tarpit", {words.tarpit}, behaviour, &Behaviour::set_tarpit))
      return problem;
  }
  return {};
}

// An option that is not given leaves 0.
Problem read_time(std::string_view option, std::string_view text, Duration& out) {
  if (text.empty()) return {};
  const auto time = parse_time(text);
  if (!time || time->ns == 0)
    return fmt::format("{} {}: no time, as in 50ms, 30s or 5m", option, text);
  out = *time;
  return {};
}

Problem read_times(const Words& words, Options& options) {
  if (auto problem = read_time("--read-pause", words.read_pause, options.read_pause))
    return problem;
  if (auto problem = read_time("--for", words.run_for, options.run_for)) return problem;
  if (auto problem = read_time("--refuse-for", words.refuse_for, options.refuse_for))
    return problem;
  if (auto problem = read_time("--refuse-after", words.refuse_after, options.refuse_after))
    return problem;
  const bool by_something = !words.refuse_by.empty();
  if (by_something && words.refuse_by != "closed" && words.refuse_by != "reset")
    return fmt::format("--refuse-by {}: closed or reset", words.refuse_by);
  if (options.refuse_after.ns > 0 && options.refuse_for.ns == 0)
    return "--refuse-after needs --refuse-for";
  if (by_something && options.refuse_for.ns == 0) return "--refuse-by needs --refuse-for";
  options.refuse_by_reset = words.refuse_by == "reset";
  return {};
}

Problem read_server(const Words& words, Options& options) {
  options.server = generous_server();
  options.server.starttls = !words.tls_certificate.empty() && !words.tls_at_once;
  if (words.tls_certificate.empty() && !words.tls_key.empty())
    return "--tls-key needs --tls-certificate";
  if (words.tls_certificate.empty() && words.tls_at_once)
    return "--tls-at-once needs --tls-certificate";
  if (auto problem = offer_extensions(words.offer, options.server)) return problem;
  if (auto problem = hide_extensions(words.hide, options.server)) return problem;
  if (options.server.starttls && words.tls_certificate.empty())
    return "--offer STARTTLS needs --tls-certificate";
  options.tls_certificate = words.tls_certificate;
  options.tls_key = words.tls_key;
  options.tls_at_once = words.tls_at_once;
  return {};
}

}  // namespace

std::expected<Options, std::string> options_of(const Words& words) {
  Options options;
  for (const auto& read : {read_listen, read_behaviour, read_times, read_server}) {
    if (auto problem = read(words, options)) return std::unexpected(*problem);
  }
  options.threads = words.threads;
  options.sessions_max = words.sessions_max;
  options.ledger = words.ledger;
  options.seed = words.seed;
  options.count = words.count;
  options.json = words.json;
  options.quiet = words.quiet;
  return options;
}

}  // namespace relais::sink
