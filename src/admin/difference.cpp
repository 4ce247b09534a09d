#include "admin/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "admin/json.h"
#include "config/settings.h"

namespace relais::admin {
namespace {

// Takes the next word from the front; blanks, tabs, commas and semicolons stand between words.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBetween = " \t\r,;";
  const size_t begin = std::min(text.find_first_not_of(kBetween), text.size());
  const size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// What two lists of named things have and have not; `same` says how two of one name differ.
template <class Things, class NameOf, class Same>
void compare_named(std::string_view what, const Things& before, const Things& after,
                   const NameOf& name_of, const Same& same, std::vector<std::string>& out) {
  std::map<std::string,
           std::pair<const typename Things::value_type*, const typename Things::value_type*>>
      names;
  for (const auto& thing : before) names[name_of(thing)].first = &thing;
  for (const auto& thing : after) names[name_of(thing)].second = &thing;
  for (const auto& [name, versions] : names) {
    if (versions.first == nullptr) {
      out.push_back(fmt::format("{} \"{}\": added", what, name));
    } else if (versions.second == nullptr) {
      out.push_back(fmt::format("{} \"{}\": removed", what, name));
    } else {
      same(fmt::format("{} \"{}\"", what, name), *versions.first, *versions.second);
    }
  }
}

void compare_others(const config::Model& before, const config::Model& after,
                    std::vector<std::string>& out) {
  compare_named(
      "Receive connector", before.receive_connectors, after.receive_connectors,
      [](const auto& connector) { return connector.name; },
      [&](const std::string& subject, const auto& a, const auto& b) {
        for (const auto& change : config::setting_changes(a, b)) {
          out.push_back(change.before.empty()
                            ? fmt::format("{}: {}: {}", subject, change.key, change.after)
                            : fmt::format("{}: {}: {} -> {}", subject, change.key, change.before,
                                          change.after));
        }
      },
      out);
  compare_named(
      "accepted domain", before.accepted_domains, after.accepted_domains,
      [](const auto& domain) { return domain.name; },
      [&](const std::string& subject, const auto& a, const auto& b) {
        if (a.type == b.type) return;
        out.push_back(fmt::format("{}: type: {} -> {}", subject, name_of(a.type), name_of(b.type)));
      },
      out);
  compare_named(
      "Send connector", before.send_connectors, after.send_connectors,
      [](const auto& connector) { return connector.name; },
      [&](const std::string& subject, const auto& a, const auto& b) {
        if (!(a == b)) out.push_back(subject + ": changed");
      },
      out);
  if (before.server != after.server) out.emplace_back("[server]: changed");
  if (before.spool != after.spool) out.emplace_back("[spool]: changed");
  if (before.retry != after.retry) out.emplace_back("[retry]: changed");
  if (before.back_pressure != after.back_pressure) out.emplace_back("[back_pressure]: changed");
}

std::vector<std::string_view> names_of(policy::Rights rights) {
  std::vector<std::string_view> names;
  for (const policy::Right right : policy::all_rights()) {
    if (has(rights, right)) names.push_back(name_of(right));
  }
  return names;
}

std::string shown(const std::string& connector) {
  return connector.empty() ? std::string("nobody (421)") : fmt::format("\"{}\"", connector);
}

std::string change_text(const policy::Change& change) {
  std::string text =
      fmt::format("{} on {}: ", change.clients.to_string(), change.local.to_string());
  text += change.before == change.after
              ? shown(change.before)
              : fmt::format("{} -> {}", shown(change.before), shown(change.after));
  std::string_view before = ": ";
  for (const auto& [word, rights] :
       {std::pair("loses", change.lost), std::pair("gains", change.gained)}) {
    if (rights == 0) continue;
    text += before;
    text += word;
    std::string_view comma = " ";
    for (const std::string_view name : names_of(rights)) {
      text += comma;
      text += name;
      comma = ", ";
    }
    before = "; ";
  }
  return text;
}

}  // namespace

std::expected<ClientList, std::string> parse_clients(std::string_view text) {
  ClientList list;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    line = line.substr(0, line.find('#'));
    const std::string_view word = take_word(line);
    if (word.empty()) continue;
    const auto address = IpAddress::parse(word);
    if (!address)
      return std::unexpected(fmt::format("line {}: '{}' is no IP address", number, word));
    const std::string_view digits = take_word(line);
    uint64_t count = 0;
    const auto [last, code] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    const bool whole =
        digits.empty() || (code == std::errc() && last == digits.data() + digits.size());
    if (!whole || !take_word(line).empty()) {
      return std::unexpected(fmt::format(
          "line {}: behind the address there may be one count, and nothing else", number));
    }
    list.addresses.push_back(*address);
    list.counts.push_back(count);
  }
  return list;
}

Difference difference(const config::Model& before, const config::Model& after,
                      const ClientList* only) {
  Difference out;
  if (only == nullptr) {
    out.clients = policy::compare(before.receive_connectors, after.receive_connectors);
  } else {
    out.clients =
        policy::compare(before.receive_connectors, after.receive_connectors, only->addresses);
    std::map<IpAddress, uint64_t> counts;
    for (size_t i = 0; i < only->addresses.size(); ++i)
      counts[only->addresses[i]] += only->counts[i];
    for (const auto& change : out.clients.changes)
      out.counts.push_back(counts[change.clients.first]);
  }
  compare_others(before, after, out.others);
  return out;
}

std::string to_text(const Difference& difference) {
  std::string out;
  for (const Endpoint& local : difference.clients.appeared)
    out += fmt::format("listens on {} as well\n", local.to_string());
  for (const Endpoint& local : difference.clients.disappeared)
    out += fmt::format("listens on {} no more\n", local.to_string());
  for (size_t i = 0; i < difference.clients.changes.size(); ++i) {
    out += change_text(difference.clients.changes[i]);
    if (i < difference.counts.size() && difference.counts[i] > 0)
      out += fmt::format(" ({})", difference.counts[i]);
    out += '\n';
  }
  for (const std::string& other : difference.others) out += other + '\n';
  if (difference.empty()) out += "no change\n";
  return out;
}

std::string to_json(const Difference& difference) {
  const auto texts = [](const std::vector<Endpoint>& endpoints) {
    Json list = Json::array();
    for (const Endpoint& endpoint : endpoints) list.push_back(endpoint.to_string());
    return list;
  };
  Json json{{"changed", !difference.empty()},
            {"appeared", texts(difference.clients.appeared)},
            {"disappeared", texts(difference.clients.disappeared)},
            {"clients", Json::array()},
            {"others", difference.others}};
  for (size_t i = 0; i < difference.clients.changes.size(); ++i) {
    const policy::Change& change = difference.clients.changes[i];
    Json one{{"local", change.local.to_string()},
             {"first", change.clients.first.to_string()},
             {"last", change.clients.last.to_string()},
             {"before", change.before},
             {"after", change.after},
             {"loses", names_of(change.lost)},
             {"gains", names_of(change.gained)}};
    if (i < difference.counts.size()) one["count"] = difference.counts[i];
    json["clients"].push_back(std::move(one));
  }
  return to_line(json) + '\n';
}

}  // namespace relais::admin
