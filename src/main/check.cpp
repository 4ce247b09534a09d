#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "admin/json_line.h"
#include "admin/notices.h"
#include "config/interfaces.h"
#include "config/load.h"
#include "main/commands.h"

namespace relais {
namespace {

using admin::plural;

struct Count {
  size_t errors = 0;
  size_t warnings = 0;
};

void say_findings(const config::Loaded& loaded, const Count& count, const std::string& folder) {
  for (const config::Finding& finding : loaded.findings)
    admin::say("{}\n", config::to_string(finding));
  if (!loaded.ok) {
    return admin::say("{}: not valid ({}, {})\n", folder, plural(count.errors, "error"),
                      plural(count.warnings, "warning"));
  }
  const std::string good =
      fmt::format("{}: valid: {}, {}, {}, {}\n", folder,
                  plural(loaded.model.receive_connectors.size(), "Receive connector"),
                  plural(loaded.model.send_connectors.size(), "Send connector"),
                  plural(loaded.model.accepted_domains.size(), "accepted domain"),
                  plural(count.warnings, "warning"));
  std::fputs(good.c_str(), stdout);
}

// One object a finding, then one that counts them.
void print_json(const config::Loaded& loaded, const Count& count) {
  std::string out;
  for (const config::Finding& finding : loaded.findings) {
    const bool error = finding.severity == config::Finding::Severity::kError;
    admin::JsonLine(out)
        .text("rule", config::id_of(finding.rule))
        .text("severity", error ? "error" : "warning")
        .text("file", finding.file)
        .number("line", finding.line)
        .text("key", finding.key)
        .text("what", finding.what)
        .text("cure", finding.cure);
  }
  admin::JsonLine(out)
      .text("result", loaded.ok ? "valid" : "not valid")
      .number("errors", count.errors)
      .number("warnings", count.warnings);
  std::fputs(out.c_str(), stdout);
}

std::string explained(const config::RuleText& rule) {
  return fmt::format("{}  {}\n  Why:  {}\n  Do:   {}\n", config::id_of(rule.rule), rule.what,
                     rule.why, rule.cure);
}

}  // namespace

int check(const std::string& config_folder, bool json) {
  const config::Loaded loaded =
      config::load(config_folder, config::interface_addresses(), {}, config::Secrets::kRead);
  Count count;
  for (const config::Finding& finding : loaded.findings) {
    ++(finding.severity == config::Finding::Severity::kError ? count.errors : count.warnings);
  }
  if (json) {
    print_json(loaded, count);
  } else {
    say_findings(loaded, count, config_folder);
  }
  return loaded.ok ? 0 : 1;
}

int explain_rules(const std::string& id) {
  std::string out;
  if (id == "all") {
    for (const config::RuleText& rule : config::all_rules())
      out += (out.empty() ? "" : "\n") + explained(rule);
  } else if (const auto rule = config::rule_from_id(id)) {
    out = explained(config::text_of(*rule));
  } else {
    admin::say("relais: there is no rule '{}'; they are {} to {}, or all\n", id,
               config::id_of(config::all_rules().front().rule),
               config::id_of(config::all_rules().back().rule));
    return 2;
  }
  std::fputs(out.c_str(), stdout);
  return 0;
}

}  // namespace relais
