#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/rate.h"
#include "config/section.h"

namespace relais::config {
namespace {

using policy::ReceiveConnector;

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

std::string list_of(const std::vector<std::string>& elements) {
  std::string text = "[";
  for (const std::string& element : elements) text += (text.size() > 1 ? ", " : "") + element;
  text += ']';
  return text;
}

template <class Flag>
std::string flags_text(policy::Flags<Flag> flags, std::span<const Flag> all) {
  std::vector<std::string> names;
  for (const Flag flag : all) {
    if (flags.has(flag)) names.push_back(in_quotes(name_of(flag)));
  }
  if (names.empty()) names.emplace_back("\"None\"");
  return list_of(names);
}

std::vector<std::string> range_texts(const std::vector<policy::AddressRange>& ranges) {
  std::vector<std::string> texts;
  for (const auto& range : ranges) texts.push_back(range.to_string());
  return texts;
}

// One a principal and right.
std::vector<std::string> permission_texts(const ReceiveConnector& connector) {
  std::vector<std::string> texts;
  for (const policy::Ace& ace : connector.permissions) {
    for (const policy::Right right : policy::all_rights()) {
      if (has(ace.rights, right)) {
        texts.push_back(
            fmt::format("{}{}: {}", ace.deny ? "deny " : "", name_of(ace.user), name_of(right)));
      }
    }
  }
  return texts;
}

std::vector<std::string> limit_texts(const ReceiveConnector& connector) {
  std::vector<std::string> texts;
  for (const auto& limit : connector.limits) texts.push_back(limit_text(limit));
  return texts;
}

std::map<std::string, std::string> limits_by_name(const ReceiveConnector& connector) {
  std::map<std::string, std::string> limits;
  for (const auto& limit : connector.limits) limits[limit.name()] = allowance_text(limit);
  return limits;
}

// One that is not there has no text.
void add_limit_changes(const ReceiveConnector& before, const ReceiveConnector& after,
                       std::vector<SettingChange>& changes) {
  auto old_ones = limits_by_name(before);
  auto new_ones = limits_by_name(after);
  for (const auto& [name, text] : new_ones) old_ones.try_emplace(name);
  for (const auto& [name, text] : old_ones) {
    const std::string& now = new_ones[name];
    if (text != now) changes.push_back({fmt::format("limit {}", name), text, now});
  }
}

std::vector<std::string> binding_texts(const ReceiveConnector& connector) {
  std::vector<std::string> texts;
  for (const auto& binding : connector.bindings) {
    const bool tls =
        std::ranges::find(connector.tls_bindings, binding.endpoint) != connector.tls_bindings.end();
    texts.push_back(in_quotes(binding.endpoint.to_string() + (tls ? ";tls=implicit" : "")));
  }
  return texts;
}

std::vector<std::string> host_texts(const std::vector<Endpoint>& hosts) {
  std::vector<std::string> texts;
  for (const Endpoint& host : hosts) texts.push_back(in_quotes(host.to_string()));
  return texts;
}

// What its own reader reads.
std::string special_text(const ReceiveConnector& c, std::string_view key) {
  if (key == "name") return in_quotes(c.name);
  if (key == "transport_role") return in_quotes(name_of(c.transport_role));
  if (key == "usage") return in_quotes(name_of(c.usage));
  if (key == "bindings") return list_of(binding_texts(c));
  if (key == "remote_ip_ranges") return list_of(range_texts(c.remote_ranges));
  if (key == "proxy_protocol") return in_quotes(c.proxy_protocol ? "required" : "none");
  if (key == "trusted_proxies") return list_of(range_texts(c.trusted_proxies));
  if (key == "domain_secure_domains") {
    std::vector<std::string> names;
    for (const std::string& name : c.domain_secure_domains) names.push_back(in_quotes(name));
    return list_of(names);
  }
  if (key == "xclient_hosts") return list_of(range_texts(c.xclient_hosts));
  if (key == "auth_mechanism") return flags_text(c.auth_mechanism, policy::all_auth_mechanisms());
  if (key == "permission_groups")
    return flags_text(c.permission_groups, policy::all_permission_groups());
  if (key == "permission") return list_of(permission_texts(c));
  if (key == "limit") return list_of(limit_texts(c));
  if (key == "delivery") return in_quotes(name_of(c.delivery));
  if (key == "upstreams") return list_of(host_texts(c.upstreams));
  if (key == "upstream_send_connector") return in_quotes(c.upstream_send_connector);
  if (key == "proxy_fallback") return in_quotes(c.proxy_fallback ? "queue" : "none");
  if (key == "fqdn") return in_quotes(c.fqdn);
  if (key == "banner") return in_quotes(c.banner);
  if (key == "size_enabled") return in_quotes(name_of(c.size));
  if (key == "default_domain") return in_quotes(c.default_domain);
  if (key == "tls_certificate_name") return in_quotes(c.tls_certificate);
  if (key == "milter") return in_quotes(c.milter);
  if (key == "milter_default_action") return in_quotes(name_of(c.milter_default_action));
  if (key == "message_rate_source") return in_quotes(name_of(c.message_rate_source));
  if (key == "protocol_logging_level")
    return in_quotes(c.protocol_logging_verbose ? "Verbose" : "None");
  return {};
}

// "2 added, 1 removed", or nothing when both hold the same.
std::string counted(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  const std::set<std::string> old_ones(before.begin(), before.end());
  const std::set<std::string> new_ones(after.begin(), after.end());
  const auto missing = [](const auto& from, const auto& in) {
    return std::ranges::count_if(from, [&](const std::string& text) { return !in.contains(text); });
  };
  const auto added = missing(new_ones, old_ones);
  const auto removed = missing(old_ones, new_ones);
  std::string text;
  if (added > 0) text = fmt::format("{} added", added);
  if (removed > 0) text += fmt::format("{}{} removed", text.empty() ? "" : ", ", removed);
  return text;
}

}  // namespace

std::string allowance_text(const policy::Limit& limit) {
  const bool octets = limit.measure == policy::Measure::kBytes;
  const std::string burst = octets ? print_size(limit.burst) : std::to_string(limit.burst);
  std::string text = limit.measure == policy::Measure::kConcurrent
                         ? fmt::format("at most {}", burst)
                         : fmt::format("{} burst {}", print_rate(limit.rate, octets), burst);
  for (const policy::LimitStep& step : limit.steps) {
    text += &step == limit.steps.data() ? " " : ", ";
    text += name_of(step.action);
    if (step.action == policy::LimitAction::kDelay) {
      text += fmt::format(" up to {}", print_duration(limit.max_delay));
    }
    if (step.percent != 100) text += fmt::format(" at {}%", step.percent);
  }
  return text;
}

std::string limit_text(const policy::Limit& limit) {
  return fmt::format("{} {}", limit.name(), allowance_text(limit));
}

std::string setting_text(const ReceiveConnector& connector, const Parameter<ReceiveDraft>& row) {
  return std::visit(
      [&](auto target) -> std::string {
        using T = decltype(target);
        if constexpr (std::is_same_v<T, Reader<ReceiveDraft>>) {
          return special_text(connector, row.key);
        } else if constexpr (std::is_same_v<T, bool ReceiveDraft::*>) {
          return connector.*static_cast<bool ReceiveConnector::*>(target) ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::string ReceiveDraft::*>) {
          return in_quotes(connector.*static_cast<std::string ReceiveConnector::*>(target));
        } else if constexpr (std::is_same_v<T, Duration ReceiveDraft::*>) {
          const Duration value = connector.*static_cast<Duration ReceiveConnector::*>(target);
          return print_number(row, static_cast<uint64_t>(value.ns));
        } else if constexpr (std::is_same_v<T, uint32_t ReceiveDraft::*>) {
          return print_number(row, connector.*static_cast<uint32_t ReceiveConnector::*>(target));
        } else {
          return print_number(row, connector.*static_cast<uint64_t ReceiveConnector::*>(target));
        }
      },
      row.target);
}

std::vector<SettingChange> setting_changes(const ReceiveConnector& before,
                                           const ReceiveConnector& after) {
  std::vector<SettingChange> changes;
  for (const auto& row : receive_connector_parameters()) {
    if (row.key == "remote_ip_ranges" || row.key == "permission") {
      const bool ranges = row.key == "remote_ip_ranges";
      std::string text =
          ranges ? counted(range_texts(before.remote_ranges), range_texts(after.remote_ranges))
                 : counted(permission_texts(before), permission_texts(after));
      if (!text.empty()) changes.push_back({std::string(row.key), {}, std::move(text)});
      continue;
    }
    if (row.key == "limit") {
      add_limit_changes(before, after, changes);
      continue;
    }
    std::string old_text = setting_text(before, row);
    std::string new_text = setting_text(after, row);
    if (old_text == new_text) continue;
    changes.push_back({std::string(row.key), std::move(old_text), std::move(new_text)});
  }
  return changes;
}

}  // namespace relais::config
