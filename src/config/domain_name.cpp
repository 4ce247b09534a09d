#include "config/domain_name.h"

#include <algorithm>

#include "base/ip.h"
#include "policy/ascii.h"

namespace relais::config {
namespace {

using Reason = std::unexpected<std::string_view>;

constexpr bool is_letter_digit_or_hyphen(char c) {
  const char lower = policy::ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

std::string_view what_is_wrong_with_label(std::string_view label) {
  if (label.empty()) return "two dots with nothing between them, or a dot at an end";
  if (label.size() > 63) return "a part between dots is longer than 63 characters";
  if (label.front() == '-' || label.back() == '-') return "a part begins or ends with a hyphen";
  const bool ascii = std::ranges::all_of(label, [](char c) { return c > 0; });
  if (!ascii) return "not ASCII (an internationalised name is written in its xn-- form)";
  if (label.find('*') != std::string_view::npos)
    return "'*' stands only in front, as in *.contoso.com";
  if (!std::ranges::all_of(label, is_letter_digit_or_hyphen)) {
    return "a character that is no letter, digit, hyphen or dot";
  }
  return {};
}

}  // namespace

std::expected<std::string, std::string_view> parse_domain_name(std::string_view text) {
  if (text.empty()) return Reason("empty");
  if (text.size() > 253) return Reason("longer than 253 characters");
  if (IpAddress::parse(text)) return Reason("an IP address, not a domain name");
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view wrong = what_is_wrong_with_label(text.substr(begin, end - begin));
    if (!wrong.empty()) return Reason(wrong);
    begin = end + 1;
  }
  // No top level domain is a number, and "10.0.0" is a mistyped address.
  const size_t last = text.rfind('.') + 1;
  if (text.find_first_not_of("0123456789", last) == std::string_view::npos) {
    return Reason("a domain name does not end in a number");
  }
  return policy::ascii_lower(text);
}

std::expected<std::string, std::string_view> parse_domain_pattern(std::string_view text) {
  if (!text.starts_with("*.")) return parse_domain_name(text);
  auto name = parse_domain_name(text.substr(2));
  if (name) name->insert(0, "*.");
  return name;
}

}  // namespace relais::config
