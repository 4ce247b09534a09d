#include "smtp/path.h"

#include <algorithm>

#include "base/ip.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr size_t kLabelMax = 63;  // RFC 1035 2.3.4

constexpr bool is_label_octet(char c) {
  return is_alpha(c) || is_digit(c) || is_eight_bit(c) || c == '-' || c == '_';
}

// RFC 6531 3.3 QcontentSMTP.
constexpr bool is_quoted_octet(char c) { return is_printable(c) || is_eight_bit(c); }

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  for (const char c : label) {
    if (!is_label_octet(c)) return false;
  }
  return true;
}

bool is_domain(std::string_view text) {
  for (;;) {
    const size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// RFC 5321 4.1.3, of which the general form (a tag other than IPv6) has no use.
bool is_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view kTag = "IPv6:";
  if (!starts_with_ignoring_case(text, kTag)) {
    return text.find(':') == std::string_view::npos && IpAddress::parse(text).has_value();
  }
  text.remove_prefix(kTag.size());
  return text.find(':') != std::string_view::npos && IpAddress::parse(text).has_value();
}

// The length of a quoted-string at the front of `text`, quotes included; 0: none.
size_t quoted_length(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (!is_quoted_octet(text[i])) return 0;
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || !is_quoted_octet(text[i])) return 0;
    }
  }
  return 0;
}

// The length of an RFC 5321 Dot-string at the front of `text`; 0: none.
size_t dot_string_length(std::string_view text) {
  size_t i = 0;
  bool dot_allowed = false;
  for (; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (!dot_allowed) return 0;
      dot_allowed = false;
    } else if (is_atext(text[i]) || is_eight_bit(text[i])) {
      dot_allowed = true;
    } else {
      break;
    }
  }
  return dot_allowed ? i : 0;
}

size_t local_length(std::string_view text) {
  if (text.empty()) return 0;
  return text.front() == '"' ? quoted_length(text) : dot_string_length(text);
}

// Where a domain or literal at the front of `text` stops. What it holds is checked afterwards.
size_t domain_length(std::string_view text) {
  const bool literal = !text.empty() && text.front() == '[';
  size_t i = 0;
  while (i < text.size() && text[i] != '>' && !is_blank(text[i])) {
    if (literal && text[i] == ']') return i + 1;
    ++i;
  }
  return i;
}

bool is_domain_of_any_script(std::string_view text) {
  if (text.empty() || text.size() > kDomainMax) return false;
  return text.front() == '[' ? is_literal(text) : is_domain(text);
}

bool check_domain(std::string_view as_sent, std::string_view& domain) {
  if (as_sent.size() > kDomainMax) return false;
  domain = as_sent;
  // "contoso.com." is contoso.com to the DNS, so it must be to the policy too.
  if (domain.size() > 1 && domain.back() == '.') domain.remove_suffix(1);
  return is_domain_of_any_script(domain);
}

// Takes local@domain from the front of `text`.
bool take_mailbox(std::string_view& text, PathRole role, Path& path) {
  const size_t local = local_length(text);
  if (local == 0 || local > kLocalMax) return false;
  path.local = text.substr(0, local);
  if (local == text.size() || text[local] != '@') {
    // RFC 5321 4.5.1: the one mailbox that needs no domain.
    if (role != PathRole::kForward || !equals_ignoring_case(path.local, "postmaster")) return false;
    path.address = path.local;
    path.domain = {};
    text.remove_prefix(local);
    return true;
  }
  const size_t domain = domain_length(text.substr(local + 1));
  if (!check_domain(text.substr(local + 1, domain), path.domain)) return false;
  path.address = text.substr(0, local + 1 + domain);
  text.remove_prefix(path.address.size());
  return path.address.size() <= kAddressMax;
}

}  // namespace

bool is_domain_or_literal(std::string_view text) {
  return std::ranges::none_of(text, is_eight_bit) && is_domain_of_any_script(text);
}

bool take_path(std::string_view& text, PathRole role, Path& path) {
  path = {};
  skip_blanks(text);
  const bool bracketed = !text.empty() && text.front() == '<';
  if (bracketed) text.remove_prefix(1);
  const bool null = bracketed && !text.empty() && text.front() == '>';
  if (null && role == PathRole::kForward) return false;
  if (!null && !take_mailbox(text, role, path)) return false;
  path.utf8 = std::ranges::any_of(path.address, is_eight_bit);
  if (bracketed) {
    if (text.empty() || text.front() != '>') return false;
    text.remove_prefix(1);
  }
  path.read = text.empty() || is_blank(text.front());
  return path.read;
}

}  // namespace relais::smtp
