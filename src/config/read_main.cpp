// Readers of relais.toml.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "config/domain_name.h"
#include "config/readers.h"
#include "config/section.h"
#include "policy/ascii.h"

namespace relais::config {
namespace {

constexpr size_t kNameMax = 64;  // Exchange's limit for the name of a connector

void read_core_list(const Array& list, const std::vector<uint32_t>& allowed, const Place& place,
                    ServerSettings& server) {
  std::vector<uint32_t> cores;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto* cpu = list[i].as<int64_t>();
    const Place at = place.element(i, list[i].line);
    if (cpu == nullptr) {
      at.wrong_type(list[i]);
    } else if (*cpu < 0 || std::ranges::find(allowed, *cpu) == allowed.end()) {
      at.error(Rule::kOutOfRange, fmt::format("this process may not run on CPU {}", *cpu),
               fmt::format("The CPUs here are {}", fmt::join(allowed, ", ")));
    } else if (std::ranges::find(cores, *cpu) != cores.end()) {
      at.error(Rule::kRepeated, fmt::format("CPU {} is listed twice", *cpu),
               "Remove one of the two");
    } else {
      cores.push_back(static_cast<uint32_t>(*cpu));
    }
  }
  if (list.empty()) place.wrong("an empty list");
  server.cores = std::move(cores);
}

bool is_plain_text(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 127; });
}

// Code points: the files are UTF-8.
size_t characters_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

// "contoso.com", "*.contoso.com;5", "SMTP:*;10" (exchange-reference.md section 7.6).
std::expected<SendConnector::AddressSpace, std::string_view> parse_address_space(
    std::string_view text) {
  SendConnector::AddressSpace space;
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (!policy::equal_ignoring_case(text.substr(0, colon), "SMTP")) {
      return std::unexpected("the only type of address space is SMTP");
    }
    text.remove_prefix(colon + 1);
  }
  if (const size_t semicolon = text.find(';'); semicolon != std::string_view::npos) {
    const std::string_view digits = text.substr(semicolon + 1);
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), space.cost);
    if (code != std::errc() || end != digits.data() + digits.size() || space.cost < 1 ||
        space.cost > 100) {
      return std::unexpected("the cost is no whole number from 1 to 100");
    }
    text = text.substr(0, semicolon);
  }
  if (text == "*") {
    space.domain = "*";
    return space;
  }
  auto domain = parse_domain_pattern(text);
  if (!domain) return std::unexpected(domain.error());
  space.domain = std::move(*domain);
  return space;
}

std::expected<Endpoint, std::string_view> parse_smart_host(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return Endpoint{*address, 25};
  const bool bare_v6 = text.starts_with('[') && text.ends_with(']');
  const auto endpoint = Endpoint::parse(bare_v6 ? std::string(text) + ":25" : std::string(text));
  if (!endpoint) {
    if (parse_domain_name(text.substr(0, text.find(':')))) {
      return std::unexpected("host names are not resolved yet");
    }
    return std::unexpected("not an IP address with an optional port");
  }
  if (endpoint->port == 0) return std::unexpected("port 0 is no port");
  if (endpoint->address.is_unspecified()) {
    return std::unexpected("the unspecified address is no host");
  }
  return *endpoint;
}

}  // namespace

std::vector<uint32_t> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<uint32_t> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

const std::string* read_string(const Value& value, const Place& place) {
  const auto* text = value.as<std::string>();
  if (text == nullptr) place.wrong_type(value);
  return text;
}

std::optional<std::string> check_connector_name(const Value& value, const Place& place) {
  const auto* name = read_string(value, place);
  if (name == nullptr) return std::nullopt;
  if (name->empty()) {
    place.wrong("'' is empty");
  } else if (const size_t length = characters_of(*name); length > kNameMax) {
    place.wrong(fmt::format("'{}' has {} characters", *name, length));
  } else if (!is_plain_text(*name)) {
    place.wrong("a name may not hold control characters");
  } else {
    return *name;
  }
  return std::nullopt;
}

std::optional<std::string> check_host_name(const Value& value, const Place& place) {
  const auto* name = read_string(value, place);
  if (name == nullptr) return std::nullopt;
  if (const auto parsed = parse_domain_name(*name); !parsed) {
    place.wrong(fmt::format("'{}': {}", *name, parsed.error()));
    return std::nullopt;
  }
  return *name;  // as it was written: it is shown, never compared
}

std::optional<std::string> check_path(const Value& value, const Place& place) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return std::nullopt;
  if (text->empty() || text->find('\0') != std::string::npos) {
    place.wrong(text->empty() ? "'' is empty" : "a path may not hold a zero character");
    return std::nullopt;
  }
  std::error_code failed;
  const auto folder = std::filesystem::absolute(place.folder(), failed);
  return ((failed ? std::filesystem::path(place.folder()) : folder) / *text)
      .lexically_normal()
      .string();
}

void read_server(const Value& value, const Place& place, ModelDraft& model) {
  read_table(server_parameters(), value, place, model.server);
}

void read_spool(const Value& value, const Place& place, ModelDraft& model) {
  model.spool_lines = read_table(spool_parameters(), value, place, model.spool);
}

void read_retry(const Value& value, const Place& place, ModelDraft& model) {
  model.retry_lines = read_table(retry_parameters(), value, place, model.retry);
}

void read_limit_settings(const Value& value, const Place& place, ModelDraft& model) {
  read_table(limits_parameters(), value, place, model.limits);
}

void read_admin(const Value& value, const Place& place, ModelDraft& model) {
  model.admin_lines = read_table(admin_parameters(), value, place, model.admin);
}

void read_admin_listen(const Value& value, const Place& place, AdminSettings& admin) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  const auto endpoint = Endpoint::parse(*text);
  if (!endpoint || endpoint->port == 0) {
    place.wrong(fmt::format("'{}' is no IP address with a port", *text));
  } else if (!endpoint->address.is_v4()) {
    place.wrong(fmt::format("'{}': it is served over IPv4 only", *text));  // civetweb, in Debian
  } else {
    admin.listen = endpoint;
  }
}

void read_back_pressure(const Value& value, const Place& place, ModelDraft& model) {
  model.back_pressure_lines =
      read_table(back_pressure_parameters(), value, place, model.back_pressure);
}

void read_tls(const Value& value, const Place& place, ModelDraft& model) {
  model.tls_lines = read_table(tls_parameters(), value, place, model.tls);
}

void read_sni(const Value& value, const Place& place, TlsSettings& tls) {
  for (auto& draft : read_tables(sni_parameters(), value, place))
    tls.sni.push_back(std::move(draft));
}

void read_handshake_threads(const Value& value, const Place& place, TlsSettings& tls) {
  constexpr int64_t kMax = 256;
  if (const auto* count = value.as<int64_t>()) {
    if (*count < 0 || *count > kMax) {
      place.error(Rule::kOutOfRange, fmt::format("{} is out of range", *count),
                  fmt::format("Write \"auto\", or a number from 0 to {}", kMax));
      return;
    }
    tls.handshake_threads = static_cast<uint32_t>(*count);
  } else if (const auto* text = value.as<std::string>(); text != nullptr && *text == "auto") {
    tls.handshake_threads.reset();
  } else {
    place.wrong_type(value);
  }
}

void read_auth(const Value& value, const Place& place, ModelDraft& model) {
  model.auth_lines = read_table(auth_parameters(), value, place, model.auth);
}

void read_accepted_domains(const Value& value, const Place& place, ModelDraft& model) {
  model.accepted_domains = read_tables(accepted_domain_parameters(), value, place);
}

void read_send_connectors(const Value& value, const Place& place, ModelDraft& model) {
  model.send_connectors = read_tables(send_connector_parameters(), value, place);
}

void read_cores(const Value& value, const Place& place, ServerSettings& server) {
  const std::vector<uint32_t> allowed = allowed_cpus();
  if (const auto* list = value.as<Array>()) {
    read_core_list(*list, allowed, place, server);
  } else if (const auto* count = value.as<int64_t>()) {
    if (*count < 1 || static_cast<uint64_t>(*count) > allowed.size()) {
      place.error(Rule::kOutOfRange, fmt::format("{} is out of range", *count),
                  fmt::format("This process may use {} CPUs: write a number from 1 to {}",
                              allowed.size(), allowed.size()));
      return;
    }
    server.cores.assign(allowed.begin(), allowed.begin() + *count);
  } else if (const auto* text = value.as<std::string>(); text != nullptr && *text == "auto") {
    server.cores = allowed;
  } else {
    place.wrong_type(value);
  }
}

void read_domain_name(const Value& value, const Place& place, AcceptedDomainDraft& domain) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  if (*text == "*") {
    domain.name = "*";  // check_domains() has a word to say
    return;
  }
  auto parsed = parse_domain_pattern(*text);
  if (!parsed) {
    place.wrong(fmt::format("'{}': {}", *text, parsed.error()));
    return;
  }
  domain.name = std::move(*parsed);
}

void read_domain_type(const Value& value, const Place& place, AcceptedDomainDraft& domain) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return;
  using enum policy::DomainType;
  for (const auto type : {kAuthoritative, kInternalRelay, kExternalRelay}) {
    if (policy::equal_ignoring_case(*text, name_of(type))) {
      domain.type = type;
      return;
    }
  }
  place.wrong(fmt::format("'{}' is no type of domain", *text));
}

void read_address_spaces(const Value& value, const Place& place, SendDraft& connector) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        auto space = parse_address_space(text);
        if (space) {
          connector.address_spaces.push_back(std::move(*space));
        } else {
          at().wrong(fmt::format("'{}': {}", text, space.error()));
        }
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_hosts(const Value& value, const Place& place, std::vector<Endpoint>& hosts) {
  const bool is_list =
      for_each_string(value, place, [&](const std::string& text, auto, auto, auto at) {
        const auto host = parse_smart_host(text);
        if (!host) {
          at().wrong(fmt::format("'{}': {}", text, host.error()));
        } else {
          add_once(hosts, *host, text, at);
        }
      });
  if (is_list && value.as<Array>()->empty()) place.wrong("an empty list");
}

void read_smart_hosts(const Value& value, const Place& place, SendDraft& connector) {
  connector.kind = DeliveryKind::kSmartHost;
  read_hosts(value, place, connector.smart_hosts);
}

void read_maildir(const Value& value, const Place& place, SendDraft& connector) {
  auto path = check_path(value, place);
  if (!path) return;
  connector.kind = DeliveryKind::kMaildir;
  connector.maildir = std::move(*path);
}

}  // namespace relais::config
