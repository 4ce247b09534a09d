#include "config/reference.h"

#include <fmt/format.h>

#include "config/parameter.h"
#include "config/section.h"

namespace relais::config {
namespace {

// "|" would end a cell of the table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// From the initialiser of the member, so that it cannot differ from what the program does.
template <class Owner>
std::string default_of(const Parameter<Owner>& row) {
  if (row.required) return "required";
  if (!row.default_text.empty()) return std::string(row.default_text);
  static const Owner defaults{};
  return std::visit(
      [&](auto target) -> std::string {
        if constexpr (std::is_same_v<decltype(target), Reader<Owner>>) {
          return "";
        } else {
          const auto& value = defaults.*target;
          using Member = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<Member, bool>) return value ? "true" : "false";
          if constexpr (std::is_same_v<Member, std::string>) return fmt::format("\"{}\"", value);
          if constexpr (std::is_same_v<Member, Duration>) {
            return fmt::format("\"{}\"", print_duration(value));
          }
          if constexpr (std::is_same_v<Member, uint32_t> || std::is_same_v<Member, uint64_t>) {
            const std::string number = print_number(row, value);
            const bool has_unit = number.find_first_not_of("0123456789") != std::string::npos;
            return has_unit ? '"' + number + '"' : number;
          }
        }
      },
      row.target);
}

template <class Owner>
void append_section(std::string& out, std::string_view title, std::string_view intro,
                    std::span<const Parameter<Owner>> rows) {
  out += fmt::format("\n## {}\n\n{}\n\n", title, intro);
  out += "| Key | Meaning | Allowed | Default | Exchange | Takes effect |\n";
  out += "|---|---|---|---|---|---|\n";
  for (const auto& row : rows) {
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.key, cell(row.doc),
                       cell(allowed_text(row)), cell(default_of(row)), row.exchange,
                       row.effect == Effect::kNotYet ? "not yet"
                       : row.takes == Takes::kReload ? "at reload"
                                                     : "at start");
  }
}

constexpr std::string_view kPresets = R"(
What `usage` stands for where the file is silent:

| usage | permission_groups | auth_mechanism | bindings | remote_ip_ranges |
|---|---|---|---|---|
| Custom | None | Tls | needed | needed |
| Internet | AnonymousUsers | Tls | needed | every address of the bindings' families |
| Partner | Partners | Tls | needed | needed |
| Internal | ExchangeLegacyServers, ExchangeServers | Tls, ExchangeServer | 0.0.0.0:25 | needed |
| Client | ExchangeUsers | Tls, BasicAuth, BasicAuthRequireTLS, Integrated | 0.0.0.0:587 | needed |
)";

constexpr std::string_view kReferenceHeader = R"(# Configuration

<!-- Printed from the tables in src/config/parameters*.cpp. Do not edit: change a table, then run
     RELAIS_UPDATE=1 config_tests. -->

A configuration is a folder: `relais.toml`, and `connectors/*.toml` with one Receive connector a
file. `relais check --config DIR` reads it and reports every mistake at once, each with file, line,
key, what was found and what is allowed. Which file a connector stands in, and in which order, never
matters.

How values are written:

- A duration is a string: `"500ms"`, `"5s"`, `"10m"`, `"2h"`, `"1d"`, or Exchange's `"hh:mm:ss"` and
  `"dd.hh:mm:ss"`.
- A size is a number of octets, or a string in powers of 1024: `"64KB"`, `"36MB"`, `"4GB"`, `"1TB"`.
- A count is a whole number, or `"unlimited"` where the table says so.
- A relative path starts at the configuration folder.
- Names that Exchange knows (`"AnonymousUsers"`, `"ms-Exch-SMTP-Submit"`) may be in any case.
- Indices in messages count from 0: `remote_ip_ranges[2]` is the third entry.

A key that is not on this page is a mistake, never ignored. "Not yet" in the last column: the value
is checked and kept, and nothing acts on it so far.

## Sections of relais.toml

)";

}  // namespace

std::string reference_markdown() {
  std::string out(kReferenceHeader);
  for (const auto& row : main_file_parameters()) {
    out += fmt::format("- `{}`, {}. {}\n", row.key, row.allowed, row.doc);
  }
  append_section(out, "`[server]`", "In relais.toml.", server_parameters());
  append_section(out, "`[spool]`", "In relais.toml.", spool_parameters());
  append_section(out, "`[retry]`", "In relais.toml.", retry_parameters());
  append_section(out, "`[notifications]`", "In relais.toml.", notification_parameters());
  append_section(out, "`[limits]`", "In relais.toml. docs/limits.md is about limits as a whole.",
                 limits_parameters());
  append_section(out, "`[admin]`", "In relais.toml.", admin_parameters());
  append_section(out, "`[tls]`", "In relais.toml: docs/tls.md.", tls_parameters());
  append_section(out, "`[[tls.sni]]`", "In relais.toml, one table a certificate.",
                 sni_parameters());
  append_section(out, "`[auth]`", "In relais.toml: docs/auth.md.", auth_parameters());
  append_section(out, "`[protocol_log]`", "In relais.toml: docs/protocol-log.md.",
                 protocol_log_parameters());
  append_section(out, "`[back_pressure]`",
                 "In relais.toml. What happens when a resource runs short: docs/limits.md. For "
                 "each resource medium_ends <= medium < high, and medium_ends <= high_ends <= "
                 "high.",
                 back_pressure_parameters());
  append_section(
      out, "`[[accepted_domain]]`",
      "In relais.toml, one table a domain. Mail for these domains is accepted from every "
      "client that may submit at all.",
      accepted_domain_parameters());
  append_section(out, "`[[send_connector]]`", "In relais.toml, one table a connector.",
                 send_connector_parameters());
  append_section(out, "connectors/*.toml",
                 "One Receive connector: a listener, the clients that it serves, and what they may "
                 "do. Two connectors on one binding must not have the same range, nor ranges that "
                 "overlap only in part; a range inside another is how exceptions are made.",
                 receive_connector_parameters());
  out += kPresets;
  append_section(out, "`[[permission]]`",
                 "In connectors/*.toml, one table an entry: what `Add-ADPermission` does.",
                 permission_parameters());
  append_section(out, "`[[limit]]`",
                 "In connectors/*.toml, one table a limit, at most 32; no two of the same measure "
                 "and key. docs/limits.md has examples and says what is counted when.",
                 limit_parameters());
  return out;
}

}  // namespace relais::config
