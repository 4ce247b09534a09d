#include "admin/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "admin/explained_dialogue.h"
#include "admin/when.h"
#include "config/parameter.h"
#include "config/section.h"
#include "front/serving_policy.h"
#include "policy/ascii.h"
#include "policy/limits_of.h"
#include "policy/listeners.h"
#include "policy/partition.h"
#include "policy/secure_domains.h"
#include "relay/routing.h"

namespace relais::admin {
namespace {

using policy::Standing;

std::string at(const std::string& file, uint32_t line) { return fmt::format("{}:{}", file, line); }

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

std::string bindings_of(const policy::ReceiveConnector& connector) {
  std::string text;
  for (const auto& binding : connector.bindings)
    text += (text.empty() ? "" : ", ") + binding.endpoint.to_string();
  return text;
}

// Where a client that connects to `asked` really arrives: a wildcard that nothing listens on stands
// for the local addresses of its port.
Endpoint arrives_at(const std::vector<policy::ReceiveConnector>& connectors, const Endpoint& asked,
                    std::vector<std::string>& notes) {
  const policy::Listeners listeners = policy::listeners_of(connectors);
  const auto here = [&](const auto& entry) {
    return entry.first.port == asked.port && entry.first.address.family() == asked.address.family();
  };
  std::vector<Endpoint> specific;
  bool wildcard = false;
  for (const auto& entry : listeners) {
    if (!here(entry)) continue;
    if (entry.first.address.is_unspecified()) {
      wildcard = true;
    } else {
      specific.push_back(entry.first);
    }
  }
  if (!asked.address.is_unspecified()) {
    const bool own = std::ranges::find(specific, asked) != specific.end();
    if (!own && !wildcard) notes.push_back("nothing listens on " + asked.to_string());
    return asked;
  }
  std::string list;
  for (const Endpoint& endpoint : specific)
    list += (list.empty() ? "" : ", ") + endpoint.to_string();
  if (!wildcard && specific.empty()) {
    notes.push_back(fmt::format("nothing listens on port {}", asked.port));
    return asked;
  }
  if (!wildcard) {
    notes.push_back(fmt::format("nothing listens on {}; this is the answer of {}",
                                asked.to_string(), specific.front().to_string()));
    if (specific.size() > 1) notes.push_back("bindings on this port: " + list);
    return specific.front();
  }
  if (!specific.empty()) {
    notes.push_back(
        fmt::format("this is the answer of any local address without a binding of its "
                    "own; these have one: {}",
                    list));
  }
  return asked;
}

struct Origin {
  std::string text;
  std::string place;
};

Origin range_origin(const config::Loaded& loaded, uint32_t connector, uint32_t range) {
  const policy::ReceiveConnector& entry = loaded.model.receive_connectors[connector];
  const config::RangeOrigin& origin = loaded.lines[connector].ranges[range];
  return {origin.text.empty() ? entry.remote_ranges[range].to_string() : origin.text,
          at(entry.source, origin.line)};
}

std::string why_lost(const policy::ReceiveConnector& connector, Standing standing,
                     const Endpoint& local) {
  switch (standing) {
    case Standing::kWins:
      return "the smallest range that holds the client";
    case Standing::kDisabled:
      return "disabled";
    case Standing::kNoBinding:
      return fmt::format("no binding for {}; it listens on {}", local.to_string(),
                         bindings_of(connector));
    case Standing::kNoRange:
      return connector.remote_ranges.size() == 1
                 ? std::string("its only range does not hold the client")
                 : fmt::format("none of its {} ranges holds the client",
                               connector.remote_ranges.size());
    case Standing::kWiderRange:
      return "its range is wider";
    case Standing::kWildcardBinding:
      return "its range is the same size, but its binding is the wildcard and the winner's is this "
             "address";
    case Standing::kLaterName:
      return "its range is the same size, and the winner's name comes first";
  }
  return "";
}

void add_connectors(const config::Loaded& loaded, const Question& question, Explanation& out) {
  const auto& connectors = loaded.model.receive_connectors;
  for (const policy::Candidate& candidate :
       policy::candidates_for(connectors, out.local, question.remote)) {
    const policy::ReceiveConnector& connector = connectors[candidate.connector];
    Explanation::Connector entry{.name = connector.name,
                                 .standing = candidate.standing,
                                 .range = {},
                                 .origin = at(connector.source, 1),
                                 .why = why_lost(connector, candidate.standing, out.local)};
    if (candidate.range != UINT32_MAX) {
      Origin origin = range_origin(loaded, candidate.connector, candidate.range);
      entry.range = std::move(origin.text);
      entry.origin = std::move(origin.place);
    }
    out.connectors.push_back(std::move(entry));
  }
  // The winner, then those that came close.
  std::ranges::stable_sort(out.connectors, {}, [](const Explanation::Connector& entry) {
    return std::pair(entry.standing != Standing::kWins, entry.range.empty());
  });
}

// Groups that give a principal the right and entries that do; and those that deny it.
struct Sources {
  std::string given;
  std::string denied;
};

Sources sources_of(const policy::ReceiveConnector& connector, const config::ConnectorLines& lines,
                   policy::Principal principal, policy::Right right) {
  Sources sources;
  const auto add = [](std::string& list, std::string text) {
    list += (list.empty() ? "" : ", ") + text;
  };
  for (const policy::PermissionGroup group : policy::all_permission_groups()) {
    if (connector.permission_groups.has(group) &&
        has(granted(group, principal, connector.auth_mechanism), right)) {
      add(sources.given, std::string(name_of(group)));
    }
  }
  for (size_t i = 0; i < connector.permissions.size(); ++i) {
    const policy::Ace& ace = connector.permissions[i];
    if (ace.user != principal || !has(ace.rights, right)) continue;
    add(ace.deny ? sources.denied : sources.given,
        "[[permission]] " + at(connector.source, lines.permissions[i]));
  }
  return sources;
}

Explanation::Right right_of(const policy::ReceiveConnector& connector,
                            const config::ConnectorLines& lines, policy::Principal principal,
                            policy::Right right) {
  auto [given, denied] = sources_of(connector, lines, principal, right);
  // What is denied there is not had from there.
  if (const auto other = connector.also_has_rights_of(principal);
      other && has(connector.rights_of(*other), right))
    given += (given.empty() ? "" : ", ") + sources_of(connector, lines, *other, right).given;
  const bool held = has(connector.rights_of(principal), right);
  std::string from = given;
  if (!denied.empty()) {
    from = "denied by " + denied;
    if (!given.empty()) from += "; a denial beats " + given;
  }
  return {std::string(name_of(right)), held, std::move(from)};
}

void add_rights(const config::Loaded& loaded, uint32_t index, policy::Principal principal,
                Explanation& out) {
  const policy::ReceiveConnector& connector = loaded.model.receive_connectors[index];
  for (const policy::Right right : policy::all_rights()) {
    auto entry = right_of(connector, loaded.lines[index], principal, right);
    // What only Exchange servers use is worth a line only where it was given.
    if (has_effect(right) || entry.held) out.rights.push_back(std::move(entry));
  }
}

// Every number and duration of the table of parameters.
void add_limits(const policy::ReceiveConnector& connector, Explanation& out) {
  for (const auto& row : config::receive_connector_parameters()) {
    std::visit(
        [&](auto target) {
          using T = decltype(target);
          const auto value = [&](auto member) {
            if constexpr (std::is_same_v<decltype(connector.*member), const Duration&>) {
              return static_cast<uint64_t>((connector.*member).ns);
            } else {
              return static_cast<uint64_t>(connector.*member);
            }
          };
          const auto add = [&](uint64_t number) {
            out.limits.push_back({.key = std::string(row.key),
                                  .value = config::print_number(row, number),
                                  .enforced = row.effect == config::Effect::kNow,
                                  .now = {}});
          };
          if constexpr (std::is_same_v<T, uint32_t config::ReceiveDraft::*>) {
            add(value(static_cast<uint32_t policy::ReceiveConnector::*>(target)));
          } else if constexpr (std::is_same_v<T, uint64_t config::ReceiveDraft::*>) {
            add(value(static_cast<uint64_t policy::ReceiveConnector::*>(target)));
          } else if constexpr (std::is_same_v<T, Duration config::ReceiveDraft::*>) {
            add(value(static_cast<Duration policy::ReceiveConnector::*>(target)));
          }
        },
        row.target);
  }
}

MessageShape shape_of(const Question& question) {
  MessageShape shape;
  shape.octets = question.size;
  shape.recipients = std::max<uint32_t>(1, static_cast<uint32_t>(question.recipients.size()));
  std::map<std::string, uint32_t> in_domain;
  for (const std::string& recipient : question.recipients)
    shape.in_one_domain = std::max(shape.in_one_domain,
                                   ++in_domain[policy::ascii_lower(relay::domain_of(recipient))]);
  return shape;
}

void add_binding(const policy::ReceiveConnector& connector, uint32_t connection_rate,
                 const Question& question, Explanation& out) {
  std::vector<policy::Limit> limits = policy::limits_of(connector);
  for (policy::Limit& limit : policy::server_limits(connection_rate))
    limits.push_back(std::move(limit));
  out.binding = binding_limits(limits, shape_of(question));
  out.binds_first = what_binds_first(out.binding);
}

void add_routes(const config::Model& model, const ExplainedDialogue& dialogue, Explanation& out) {
  const relay::Routing routing(model.send_connectors, config::postmaster_domain(model));
  for (const std::string& recipient : dialogue.recipients()) {
    const uint32_t route = routing.route_of(relay::domain_of(recipient));
    Explanation::Route entry{recipient, {}, {}};
    if (route != relay::kNoRoute) {
      const config::SendConnector& connector = model.send_connectors[route];
      entry.connector = connector.name;
      entry.next_hops = connector.maildir;
      for (const Endpoint& host : connector.smart_hosts)
        entry.next_hops += (entry.next_hops.empty() ? "" : ", ") + host.to_string();
    }
    out.routes.push_back(std::move(entry));
  }
}

Explanation::Step refused_connection(const config::Loaded& loaded, const Explanation& out,
                                     const Question& question) {
  Explanation::Step step = ExplainedDialogue::refused_connection();
  step.reason = "no connector serves this address on this binding";
  std::string names;
  for (const auto& connector : loaded.model.receive_connectors) {
    if (policy::applies_at(connector, out.local))
      names += (names.empty() ? "" : " or ") + in_quotes(connector.name);
  }
  if (names.empty()) {
    step.reply = "(no connection: nothing listens there)";
    step.reason.clear();
  }
  step.cure = names.empty() ? fmt::format("give a connector the binding {}", out.local.to_string())
                            : fmt::format("add {} to the remote_ip_ranges of {}",
                                          question.remote.to_string(), names);
  return step;
}

// Where what is accepted does not go, and by which line.
std::string discard_note(const policy::ReceiveConnector& connector,
                         const config::ConnectorLines& lines) {
  return fmt::format(
      "{} throws away all mail that it accepts, and nobody is told: delivery = \"discard\" ({})",
      in_quotes(connector.name), at(connector.source, lines.keys.of("delivery")));
}

// The first connector that listens there behind load balancers; null: there is none.
const policy::ReceiveConnector* proxied_at(const std::vector<policy::ReceiveConnector>& connectors,
                                           const Endpoint& local) {
  const auto found = std::ranges::find_if(connectors, [&](const auto& connector) {
    return connector.proxy_protocol && policy::applies_at(connector, local);
  });
  return found == connectors.end() ? nullptr : &*found;
}

void add_proxy_note(const config::Model& model, Explanation& out) {
  const auto* connector = proxied_at(model.receive_connectors, out.local);
  if (connector == nullptr) return;
  std::string proxies;
  for (const policy::AddressRange& range : connector->trusted_proxies)
    proxies += (proxies.empty() ? "" : ", ") + range.to_string();
  out.notes.push_back(
      fmt::format("the client is the one that a PROXY header from a trusted proxy ({}) names; "
                  "anybody else who connects there is cut off",
                  proxies));
}

// As whom the session begins, and a word on why where that is not plain.
policy::Principal principal_of(const policy::ReceiveConnector& connector, const Question& question,
                               std::vector<std::string>& notes) {
  if (!question.certificate_name.empty()) {
    const std::string_view domain =
        policy::secure_domain_of(connector.domain_secure_domains, question.certificate_name);
    if (connector.domain_secure && !domain.empty()) {
      notes.push_back(
          fmt::format("a trusted certificate of {} makes it a partner's session, for {}",
                      question.certificate_name, domain));
      return policy::Principal::kPartnerServers;
    } else {
      notes.push_back(fmt::format(
          "the certificate changes nothing: {}",
          connector.domain_secure
              ? fmt::format("{} is of no domain in domain_secure_domains",
                            question.certificate_name)
              : fmt::format("\"{}\" has no domain_secure_enabled = true", connector.name)));
    }
  }
  return question.is_named && !question.user.empty() ? policy::Principal::kAuthenticatedUsers
                                                     : connector.session_principal();
}

std::string user_note(const std::string& user, policy::Principal principal) {
  return principal == policy::Principal::kAuthenticatedUsers
             ? fmt::format("this is what '{}' may do, once it has authenticated", user)
             : fmt::format("'{}' has not authenticated: this is what its client may do without",
                           user);
}

}  // namespace

std::string what_is_wrong_with(const Question& question, const config::Model& model) {
  if (question.local.port == 0) return "port 0 is no port";
  const bool arrives = question.local.address.family() == question.remote.family() ||
                       proxied_at(model.receive_connectors, question.local) != nullptr;
  if (!arrives) {
    return fmt::format("a client with an IPv{} address never arrives on {}",
                       question.remote.is_v4() ? 4 : 6, question.local.to_string());
  }
  const auto has_control = [](const std::string& text) {
    return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  };
  std::vector<std::string> texts = question.recipients;
  texts.push_back(question.sender.value_or(""));
  texts.push_back(question.hello.value_or(""));
  texts.push_back(question.certificate_name);
  for (const std::string& text : texts) {
    if (has_control(text)) return "an argument holds a control character";
  }
  if (question.named && !question.certificate_name.empty())
    return "behind XCLIENT a certificate counts for nothing: it is the proxy's";
  return {};
}

namespace {

// Of the one that connects, up to XCLIENT if it names another.
Explanation explain_client(const config::Loaded& loaded, const Question& question, bool in_tls) {
  const config::Model& model = loaded.model;
  Explanation out;
  out.local = arrives_at(model.receive_connectors, question.local, out.notes);
  add_proxy_note(model, out);
  add_connectors(loaded, question, out);
  const front::ServingPolicy serving(
      model.receive_connectors, policy::AcceptedDomains(model.accepted_domains), model.server.fqdn,
      {},
      {.tls = !model.tls.certificate.empty(),
       .own_tls = true,
       .auth = !(model.auth == config::AuthSettings{}),
       .require_tls =
           std::ranges::any_of(model.send_connectors, &config::SendConnector::takes_require_tls)});
  const policy::Selection selection = serving.snapshot().select(out.local, question.remote);
  if (selection.connector == nullptr) {
    out.steps.push_back(refused_connection(loaded, out, question));
    return out;
  }
  out.served = true;
  const policy::ReceiveConnector& connector = *selection.connector;
  ExplainedDialogue dialogue(serving, selection.connector_index,
                             principal_of(connector, question, out.notes),
                             in_tls || serving.snapshot().tls_at(out.local),
                             loaded.lines[selection.connector_index], question);
  out.steps = dialogue.run();
  const policy::Principal principal = dialogue.principal();
  out.principal = name_of(principal);
  if (!question.user.empty()) out.notes.push_back(user_note(question.user, principal));
  if (connector.delivery == policy::Delivery::kDiscard)
    out.notes.push_back(discard_note(connector, loaded.lines[selection.connector_index]));
  add_rights(loaded, selection.connector_index, principal, out);
  add_limits(connector, out);
  add_binding(connector, model.server.max_connection_rate_per_minute, question, out);
  const bool any_sender = has(serving.snapshot().rights(selection.connector_index, principal),
                              policy::Right::kAcceptAnySender);
  if (question.sender && !any_sender &&
      std::ranges::all_of(out.steps, &Explanation::Step::accepted))
    out.notes.push_back(
        fmt::format("the addresses in From are looked at, too: without {} each must "
                    "be of an accepted domain",
                    name_of(policy::Right::kAcceptAnySender)));
  if (connector.delivery != policy::Delivery::kDiscard) add_routes(model, dialogue, out);
  out.accepted = std::ranges::all_of(out.steps, &Explanation::Step::accepted);
  return out;
}

}  // namespace

Explanation explain(const config::Loaded& loaded, const Question& question) {
  if (!question.named) return explain_client(loaded, question, false);
  Question of_proxy;
  of_proxy.local = question.local;
  of_proxy.remote = question.remote;
  of_proxy.tls = question.tls;
  of_proxy.named = question.named;
  of_proxy.named_user = question.user;
  Explanation proxy = explain_client(loaded, of_proxy, false);
  if (!proxy.accepted) return proxy;
  Question about = question;
  about.remote = *question.named;
  about.named.reset();
  about.is_named = true;
  about.tls = false;  // it is there, or not, since before XCLIENT
  Explanation out = explain_client(loaded, about, question.tls);
  out.notes.insert(out.notes.begin(),
                   fmt::format("{} is one of the xclient_hosts of {}: all that follows is about {}",
                               question.remote.to_string(), in_quotes(proxy.connectors[0].name),
                               question.named->to_string()));
  // The client's greeting is the answer.
  out.steps.front().command = proxy.steps.back().command;
  proxy.steps.pop_back();
  out.steps.insert(out.steps.begin(), std::make_move_iterator(proxy.steps.begin()),
                   std::make_move_iterator(proxy.steps.end()));
  return out;
}

void add_present_levels(Explanation& explanation, const PresentUse& use) {
  if (!use.running || !explanation.served) return;
  const auto limit =
      std::ranges::find(explanation.limits, "max_inbound_connection", &Explanation::Limit::key);
  if (limit == explanation.limits.end()) return;
  limit->now = 0;
  for (const auto& connector : use.connectors) {
    if (connector.name == explanation.connectors.front().name) limit->now = connector.sessions;
  }
}

void add_present_levels(Explanation& explanation, const LiveFigures& figures,
                        const IpAddress& remote) {
  if (!explanation.served) return;
  const std::string client = remote.to_string();
  for (BindingLimit& limit : explanation.binding) {
    const auto* live = figures.find_limit(explanation.connectors.front().name, limit.name);
    if (live == nullptr) live = figures.find_limit({}, limit.name);
    if (live == nullptr) continue;
    limit.now = live->level;
    const auto own = std::ranges::find(live->sources, client, &LiveFigures::Source::address);
    if (own != live->sources.end()) limit.now = own->level;
  }
}

void add_overrides(Explanation& explanation, const OverrideBook& book) {
  if (!explanation.served) return;
  for (const Override& entry : book.overrides) {
    if (entry.connector != explanation.connectors.front().name) continue;
    explanation.notes.push_back(
        fmt::format("the running server has limit {} at {} until {} (relais limit); the "
                    "configuration says {}",
                    entry.limit, entry.now, for_people(entry.until), entry.was));
  }
}

}  // namespace relais::admin
