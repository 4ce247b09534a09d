#include "header_oracle.h"

#include <algorithm>
#include <regex>

#include "smtp/from_field.h"

namespace relais::smtp::test {
namespace {

using Lines = std::vector<std::string>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string unstuffed(const std::string& line) {
  return line.starts_with('.') ? line.substr(1) : line;
}

bool continues(const std::string& line) {
  const std::string text = unstuffed(line);
  return text.starts_with(' ') || text.starts_with('\t');
}

struct Field {
  Lines lines;
  [[nodiscard]] std::string raw() const {
    std::string all;
    for (const auto& line : lines) all += line;
    return all;
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& line : lines) all += unstuffed(line);
    return lower(all);
  }
  [[nodiscard]] bool begins(const std::string& prefix) const { return text().starts_with(prefix); }
  [[nodiscard]] bool is(const std::string& name) const {
    if (!begins(name)) return false;
    const size_t behind = text().find_first_not_of(" \t\r\n", name.size());
    if (behind != std::string::npos && text()[behind] == ':') return true;
    const bool blank = text().find_first_of(" \t", name.size()) == name.size();
    return blank && std::min(behind, text().size()) > HeaderFilter::kNameMax + 3;
  }
};

bool by_own_name(const std::string& text, const HeaderRules& rules) {
  bool by = false;
  int depth = 0;
  static const std::regex kToken(R"([()\[\]<>,;"]|[^()\[\]<>,;"\s]+)");
  const std::string value = text.substr(text.find(':') + 1);
  for (std::sregex_iterator it(value.begin(), value.end(), kToken), end; it != end; ++it) {
    std::string word = it->str();
    if (word == "(") ++depth;
    if (word == ")" && depth > 0) --depth;
    if (depth == 0 && word == ";") return false;
    if (!by) {
      by = depth == 0 && word == "by";
      continue;
    }
    static const Lines kClauses = {"with", "via", "id", "for", "from"};
    if (depth == 0 && std::count(kClauses.begin(), kClauses.end(), word) != 0) return false;
    if (word.starts_with("ipv6:")) word = word.substr(5);
    if (std::count(rules.own_names.begin(), rules.own_names.end(), word) != 0) return true;
  }
  return false;
}

bool dropped(const Field& field, const HeaderRules& rules) {
  static const Lines kRouting = {"received",  "resent-date", "resent-from", "resent-sender",
                                 "resent-to", "resent-cc",   "resent-bcc",  "resent-message-id"};
  static const Lines kStamps = {"authas", "authsource", "authmechanism"};
  const std::string organization = "x-ms-exchange-organization-";
  if (!rules.keep_organization && field.begins(organization)) return true;
  if (!rules.keep_forest && field.begins("x-ms-exchange-forest-")) return true;
  for (const auto& name : kRouting) {
    if (!rules.keep_routing && field.is(name)) return true;
  }
  for (const auto& name : kStamps) {
    if (rules.stamped && field.is(organization + name)) return true;
  }
  return false;
}

// The From field with a name, or nothing.
std::string with_name(const Field& field, const HeaderRules& rules) {
  static const std::regex kBare(
      R"([Ff][Rr][Oo][Mm]\s*:\s*(<\s*)?([-\w!#$%&'*+/=?^`{|}~]+(\.[-\w!#$%&'*+/=?^`{|}~]+)*@)"
      R"([-a-zA-Z0-9]+(\.[-a-zA-Z0-9]+)*)\s*(>)?\s*)");
  const std::string raw = field.raw();
  std::smatch match;
  if (raw.size() > HeaderFilter::kFromMax || !std::regex_match(raw, match, kBare)) return {};
  if (match[1].matched != match[5].matched) return {};
  std::string out;
  const std::string address = match[2].str();
  return append_from(out, rules.display_names->find(address), address) ? out : std::string{};
}

}  // namespace

Filtered oracle(std::string_view content, const HeaderRules& rules) {
  Lines lines;
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size() - 1) + 1;
    lines.emplace_back(content.substr(at, end - at));
    at = end;
  }
  Filtered result;
  if (!lines.empty() && continues(lines[0])) {
    result.out = "\r\n";
    result.out += content;
    return result;
  }
  std::vector<Field> fields;
  size_t next = 0;
  for (; next < lines.size() && lines[next] != "\r\n"; ++next) {
    if (!continues(lines[next])) fields.emplace_back();
    fields.back().lines.push_back(lines[next]);
    result.octets += lines[next].size();
  }
  if (next < lines.size()) result.octets += 2;

  size_t first_from = std::string::npos;
  std::string named;
  for (const Field& field : fields) {
    if (field.is("received")) {
      ++result.hops;
      if (by_own_name(field.text(), rules)) ++result.local_hops;
    }
    if (dropped(field, rules)) continue;
    if (rules.display_names != nullptr && field.is("from")) {
      if (first_from == std::string::npos) {
        first_from = result.out.size();
        named = with_name(field, rules);
      } else if (result.out.size() - first_from <= HeaderFilter::kFromHeldMax) {
        named.clear();
      }
    }
    result.out += field.raw();
  }
  if (!named.empty()) {
    size_t end = first_from;
    for (const Field& field : fields) {
      if (field.is("from")) {
        end += field.raw().size();
        break;
      }
    }
    result.out.replace(first_from, end - first_from, named);
  }
  for (; next < lines.size(); ++next) result.out += lines[next];
  return result;
}

}  // namespace relais::smtp::test
