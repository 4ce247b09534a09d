// An explanation for people, and for machines.
#include <fmt/format.h>

#include <algorithm>

#include "admin/explanation.h"
#include "admin/json.h"

namespace relais::admin {
namespace {

using Standing = policy::Standing;

// A heading in the first of several lines, then the same indent.
class Block {
 public:
  Block(std::string& out, std::string_view heading) : out_(out), heading_(heading) {}
  void line(std::string_view text) {
    out_ += fmt::format("{:<11} {}\n", heading_, text);
    heading_ = {};
  }

 private:
  std::string& out_;
  std::string_view heading_;
};

std::string connector_line(const Explanation::Connector& entry) {
  const std::string by =
      entry.range.empty() ? std::string() : fmt::format(" by '{}' ({})", entry.range, entry.origin);
  return fmt::format("\"{}\"{}: {}", entry.name, by, entry.why);
}

void print_steps(std::string& out, const Explanation& explanation) {
  out += "Dialogue\n";
  for (const Explanation::Step& step : explanation.steps) {
    out += fmt::format("  C: {}\n", step.command.empty() ? "(connects)" : step.command);
    for (size_t begin = 0; begin <= step.reply.size();) {
      const size_t end = std::min(step.reply.find('\n', begin), step.reply.size());
      out += fmt::format("  S: {}\n", step.reply.substr(begin, end - begin));
      begin = end + 1;
    }
    if (!step.reason.empty()) out += fmt::format("     why: {}\n", step.reason);
    if (!step.cure.empty()) out += fmt::format("     to change it: {}\n", step.cure);
  }
}

void print_load(std::string& out, const Explanation& explanation) {
  if (explanation.binding.empty()) return;
  Block load(out, "Load");
  for (const std::string& sentence : explanation.binds_first) load.line(sentence);
  load.line("all of them, where each message comes on a connection of its own:");
  for (const BindingLimit& limit : explanation.binding) {
    load.line(fmt::format("{:>10}  {}, {}: {}{}{}", load_text(limit), limit.name, limit.counts,
                          limit.allows, limit.shadow ? " (only counted)" : "",
                          limit.now ? fmt::format("  ({:.0f} % used now)", *limit.now * 100) : ""));
  }
}

std::string_view word_of(Standing standing) {
  switch (standing) {
    case Standing::kWins:
      return "wins";
    case Standing::kDisabled:
      return "disabled";
    case Standing::kNoBinding:
      return "no binding";
    case Standing::kNoRange:
      return "no range";
    case Standing::kWiderRange:
      return "wider range";
    case Standing::kWildcardBinding:
      return "wildcard binding";
    case Standing::kLaterName:
      return "later name";
  }
  return "";
}

}  // namespace

std::string to_text(const Explanation& explanation, const Question& question) {
  std::string out = fmt::format(
      "{} connects to {}{}\n\n", question.remote.to_string(), question.local.to_string(),
      question.named ? " for " + question.named->to_string() : std::string());
  Block notes(out, "Note");
  for (const std::string& note : explanation.notes) notes.line(note);
  Block winner(out, "Connector");
  Block others(out, "Not");
  if (!explanation.served) winner.line("none: nothing serves this client here");
  for (const auto& entry : explanation.connectors)
    (entry.standing == Standing::kWins ? winner : others).line(connector_line(entry));
  if (explanation.served) {
    Block(out, "Principal").line(explanation.principal);
    Block rights(out, "Rights");
    Block missing(out, "Missing");
    for (const auto& right : explanation.rights) {
      if (right.held) rights.line(fmt::format("{:<47} {}", right.name, right.from));
    }
    for (const auto& right : explanation.rights) {
      if (right.held) continue;
      missing.line(right.from.empty() ? right.name
                                      : fmt::format("{:<47} {}", right.name, right.from));
    }
    Block limits(out, "Limits");
    for (const auto& limit : explanation.limits) {
      limits.line(fmt::format("{:<45} {}{}{}", limit.key, limit.value,
                              limit.enforced ? "" : "  (not enforced yet)",
                              limit.now ? fmt::format("  ({} now)", *limit.now) : ""));
    }
  }
  print_load(out, explanation);
  print_steps(out, explanation);
  Block hops(out, "Next hop");
  for (const auto& route : explanation.routes) {
    hops.line(
        route.connector.empty()
            ? fmt::format("{}: no Send connector has its domain: it would wait in the queue",
                          route.recipient)
            : fmt::format("{}: \"{}\", {}", route.recipient, route.connector, route.next_hops));
  }
  Block(out, "Result").line(explanation.accepted ? "accepted" : "refused");
  return out;
}

std::string to_json(const Explanation& explanation, const Question& question) {
  Json json{{"remote", question.remote.to_string()},
            {"local", question.local.to_string()},
            {"result", explanation.accepted ? "accepted" : "refused"},
            {"notes", explanation.notes},
            {"connectors", Json::array()}};
  if (question.named) json["named"] = question.named->to_string();
  for (const auto& entry : explanation.connectors) {
    Json connector{{"name", entry.name}, {"standing", word_of(entry.standing)}};
    if (!entry.range.empty()) connector["range"] = entry.range;
    connector["origin"] = entry.origin;
    connector["why"] = entry.why;
    json["connectors"].push_back(std::move(connector));
  }
  if (explanation.served) json["principal"] = explanation.principal;
  json["rights"] = Json::array();
  for (const auto& right : explanation.rights) {
    json["rights"].push_back({{"right", right.name}, {"held", right.held}, {"from", right.from}});
  }
  json["limits"] = Json::array();
  for (const auto& limit : explanation.limits) {
    Json one{{"key", limit.key}, {"value", limit.value}, {"enforced", limit.enforced}};
    if (limit.now) one["now"] = *limit.now;
    json["limits"].push_back(std::move(one));
  }
  json["binds_first"] = explanation.binds_first;
  json["binding"] = Json::array();
  for (const BindingLimit& limit : explanation.binding) {
    Json one{{"limit", limit.name},
             {"allows", limit.allows},
             {"counts", limit.counts},
             {"shared", limit.shared},
             {"shadow", limit.shadow}};
    if (limit.per_minute) one["messages_per_minute"] = *limit.per_minute;
    if (limit.at_once) one["messages_at_once"] = *limit.at_once;
    if (limit.open) one["connections"] = *limit.open;
    if (limit.now) one["level"] = *limit.now;
    json["binding"].push_back(std::move(one));
  }
  json["dialogue"] = Json::array();
  for (const auto& step : explanation.steps) {
    Json one{{"command", step.command}, {"reply", step.reply}, {"accepted", step.accepted}};
    if (!step.reason.empty()) one["reason"] = step.reason;
    if (!step.cure.empty()) one["cure"] = step.cure;
    json["dialogue"].push_back(std::move(one));
  }
  json["next_hops"] = Json::array();
  for (const auto& route : explanation.routes) {
    json["next_hops"].push_back({{"recipient", route.recipient},
                                 {"send_connector", route.connector},
                                 {"next_hops", route.next_hops}});
  }
  return to_line(json) + '\n';
}

}  // namespace relais::admin
