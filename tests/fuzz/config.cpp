// The configuration: two files of TOML, whatever they say.
// Findings are clean lines, and an error is what keeps it from being good; a connector that loads,
// with each of its values written out over its file, loads again as the same; and an edit of the
// text changes what it was told to change or is refused.
#include "config/load.h"

#include <algorithm>

#include "config/file_edit.h"
#include "config/parameter.h"
#include "config/settings.h"
#include "fuzz/fuzzer.h"

namespace relais::fuzz {
namespace {

using namespace relais::config;

// The main file ends, the connector's begins. Without it there is a connector only, and kMain.
constexpr std::string_view kBetween = "\n#### connector\n";
const std::string kFolder = "/nonexistent";
constexpr const char* kConnector = "connectors/a.toml";

constexpr std::string_view kMain =
    "[[send_connector]]\nname = \"Out\"\naddress_spaces = [\"*\"]\nsmart_hosts = [\"192.0.2.1\"]\n";
constexpr std::string_view kIn =
    "name = \"In\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"192.168.5.0/24\"]\n"
    "permission_groups = [\"AnonymousUsers\"]\n";

Loaded loaded(const std::string& main, const std::string& connector) {
  return load(kFolder, {}, {{"relais.toml", main}, {kConnector, connector}});
}

void judge_findings(const Loaded& result) {
  bool error = false;
  for (const Finding& finding : result.findings) {
    error = error || finding.severity == Finding::Severity::kError;
    const std::string text = sentence(finding);
    must(
        text.ends_with(']') && std::none_of(text.begin(), text.end(),
                                            [](char c) { return (c >= 0 && c < ' ') || c == 127; }),
        "a finding is one clean line with its number", text);
  }
  must(result.ok == !error, "what has no error is good");
}

bool needs_no_quotes(std::string_view text) {
  return text.starts_with('"') || text == "true" || text == "false" ||
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

size_t odd_character(std::string_view text) {
  const auto is_odd = [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return !letter && c != ' ';
  };
  return static_cast<size_t>(std::ranges::find_if(text, is_odd) - text.begin());
}

// A value as setting_text says it, for people, as the file takes it. Nothing: it would need
// escapes.
std::optional<std::string> as_toml(std::string text) {
  // The canary: a string ends where an odd character stands in it.
  if (kCanary && text.starts_with('"'))
    text = text.substr(0, 1 + odd_character(text.substr(1))) + '"';
  if (text.find_first_of("\\\n") != std::string::npos) return std::nullopt;
  const auto quotes = std::count(text.begin(), text.end(), '"');
  if (!text.starts_with('[')) {
    if (quotes != 0 && (quotes != 2 || !text.ends_with('"'))) return std::nullopt;
    return needs_no_quotes(text) ? text : '"' + text + '"';
  }
  if (quotes != 0) return text;
  std::string list = "[";
  std::string_view left = std::string_view(text).substr(1, text.size() - 2);
  while (!left.empty()) {
    const size_t end = std::min(left.find(", "), left.size());
    list += '"' + std::string(left.substr(0, end)) + "\", ";
    left.remove_prefix(std::min(end + 2, left.size()));
  }
  return list + ']';
}

void try_again(const std::string& main, const std::string& connector,
               const policy::ReceiveConnector& before) {
  auto edit = FileEdit::of(connector);
  must(edit.has_value(), "what loads can be edited", connector);
  const policy::ReceiveConnector nothing_set;
  for (const auto& row : receive_connector_parameters()) {
    if (row.is_table) continue;
    const std::string text = setting_text(before, row);
    if (text == setting_text(nothing_set, row)) continue;
    if (const auto value = as_toml(text)) edit->set({}, row.key, *value);
  }
  const auto result = edit->result();
  if (!result) return;  // a form that it does not edit; it has said so
  const Loaded again = loaded(main, *result);
  must(again.ok, "what loads, written out, loads again", *result);
  const auto changes = setting_changes(before, again.model.receive_connectors.at(0));
  if (!changes.empty())
    must_equal(changes[0].after, changes[0].before,
               "what is written out says the same: " + changes[0].key);
}

// Sets a key that no reader knows.
void try_edit(const std::string& text) {
  auto edit = FileEdit::of(text);
  if (!edit) return;
  must(!edit->is_changed(), "nothing was asked for");
  edit->set({}, "fuzz_key", "\"value\"");
  const auto result = edit->result();
  if (!result) return;
  auto again = FileEdit::of(*result);
  must(again.has_value(), "an edited text is TOML", *result);
  must(again->value({}, "fuzz_key") == "\"value\"", "what was set is there", *result);
  again->remove({}, "fuzz_key");
  const auto without = again->result();
  must(without.has_value(), "what was set can be removed", *result);
  if (!edit->value({}, "fuzz_key")) return;
  const auto before = parse_document(text);
  const auto after = parse_document(*without);
  must(before && after, "both are TOML", *without);
  const bool had_it =
      std::ranges::any_of(*before, [](const Entry& e) { return e.key == "fuzz_key"; });
  must(had_it || is_same(*before, *after), "and the rest is as it was", *without);
}

template <class Rows>
void add_words(Material& all, const Rows& rows, std::string_view section, bool is_list) {
  std::string header(is_list ? "[[" : "[");
  header += section;
  header += is_list ? "]]\n" : "]\n";
  if (!section.empty()) all.dictionary.push_back(header);
  for (const auto& row : rows) all.dictionary.push_back(std::string(row.key) + " = ");
}

}  // namespace

Material material() {
  Material all;
  const auto add = [&](std::string_view main, std::string_view connector) {
    std::string text;
    if (main != kMain) text = std::string(main) + std::string(kBetween);
    text += connector;
    all.seeds.push_back(seed(text));
  };
  add(kMain, kIn);
  // Each parameter of a connector, with its default.
  const policy::ReceiveConnector nothing_set;
  for (const auto& row : receive_connector_parameters()) {
    const auto value = as_toml(setting_text(nothing_set, row));
    if (!row.is_table && value)
      add(kMain, std::string(kIn) + std::string(row.key) + " = " + *value + '\n');
  }
  const std::string connector(kIn);
  add(kMain,
      connector + "max_message_size = \"10MB\"\nconnection_timeout = \"5m\"\nenabled = false\n");
  const std::string comment =
      connector + "comment = \"The printers of the second floor and what else is there\"\n";
  for (const char* more : {"", "enabled = false\n", "max_hop_count = 7\n", "usage = \"Custom\"\n"})
    add(kMain, comment + more);
  add(kMain, connector + "auth_mechanism = [\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"]\n");
  add(kMain, connector +
                 "[[permission]]\nuser = 'ANONYMOUS LOGON'\n"
                 "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n");
  add(kMain,
      connector + "[[limit]]\nmeasure = \"bytes\"\nper = \"source/24\"\nrate = \"50MB/min\"\n");
  add(kMain, connector +
                 "[[limit]]\nmeasure = \"concurrent\"\nmax = 7\naction = [\"delay\", \"close\"]\n");
  const std::string main(kMain);
  add("[server]\nfqdn = \"relay.contoso.com\"\ncores = [0]\n[spool]\nmax_size = \"1GB\"\n" + main,
      kIn);
  add("[retry]\nfirst = \"1m\"\n[limits]\nwatch_config = true\n[admin]\nlisten = "
      "\"127.0.0.1:9100\"\n" +
          main,
      kIn);
  add("[[accepted_domain]]\nname = \"contoso.com\"\n" + main, kIn);
  add("[tls]\nmin_version = \"1.2\"\n[auth]\nbackend = \"password_file\"\n" + main, kIn);
  add_words(all, main_file_parameters(), "", false);
  add_words(all, server_parameters(), "server", false);
  add_words(all, spool_parameters(), "spool", false);
  add_words(all, retry_parameters(), "retry", false);
  add_words(all, limits_parameters(), "limits", false);
  add_words(all, admin_parameters(), "admin", false);
  add_words(all, back_pressure_parameters(), "back_pressure", false);
  add_words(all, tls_parameters(), "tls", false);
  add_words(all, auth_parameters(), "auth", false);
  add_words(all, protocol_log_parameters(), "protocol_log", false);
  add_words(all, accepted_domain_parameters(), "accepted_domain", true);
  add_words(all, send_connector_parameters(), "send_connector", true);
  add_words(all, receive_connector_parameters(), "", false);
  add_words(all, permission_parameters(), "permission", true);
  add_words(all, limit_parameters(), "limit", true);
  for (const char* word : {"true",        "false",    "\"unlimited\"",
                           "\"36MB\"",    "\"64KB\"", "\"10m\"",
                           "\"a-b/c\"",   "-",        "[]",
                           "[\"",         "\", \"",   "\"]",
                           "'",           "\"\"\"",   "\\u0000",
                           "1979-05-27",  "0x7f",     "\"0.0.0.0/0\"",
                           "\"[::]:25\"", "\"None\"", "ExchangeServers",
                           "#",           "\n"})
    all.dictionary.emplace_back(word);
  return all;
}

void try_one(Input& input) {
  const std::string_view text = input.text().substr(0, 2000);
  const size_t between = text.find(kBetween);
  const bool alone = between == std::string_view::npos;
  const std::string main(alone ? kMain : text.substr(0, between));
  const std::string connector(alone ? text : text.substr(between + kBetween.size()));
  try_edit(connector);
  const Loaded result = loaded(main, connector);
  judge_findings(result);
  if (result.ok) try_again(main, connector, result.model.receive_connectors.at(0));
}

}  // namespace relais::fuzz
