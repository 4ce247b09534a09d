#include "smtp/xclient.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "smtp/ascii.h"
#include "smtp/command_line.h"
#include "smtp/dsn.h"

namespace relais::smtp {
namespace {

constexpr size_t kValueMax = 255;  // octets, decoded

bool is_unknown(std::string_view value) {
  return equals_ignoring_case(value, "[UNAVAILABLE]") ||
         equals_ignoring_case(value, "[TEMPUNAVAIL]");
}

bool take_address(std::string_view value, Xclient& out) {
  constexpr std::string_view kPrefix = "IPV6:";
  out.address_unknown = is_unknown(value);
  if (out.address_unknown) return true;
  const bool marked = starts_with_ignoring_case(value, kPrefix);
  out.address = IpAddress::parse(marked ? value.substr(kPrefix.size()) : value);
  return out.address.has_value();
}

bool take_port(std::string_view value, Xclient& out) {
  if (is_unknown(value)) return true;
  uint16_t port = 0;
  const char* const end = value.data() + value.size();
  const auto got = std::from_chars(value.data(), end, port);
  out.port = port;
  return got.ec == std::errc() && got.ptr == end;
}

bool take_login(std::string_view value, Xclient& out) {
  if (!is_unknown(value)) out.login = value;
  return is_clean_utf8(value);
}

bool take_protocol(std::string_view value, Xclient& /*out*/) {
  return equals_ignoring_case(value, "SMTP") || equals_ignoring_case(value, "ESMTP") ||
         is_unknown(value);
}

bool take_name(std::string_view /*value*/, Xclient& /*out*/) { return true; }

struct Attribute {
  std::string_view name;
  bool (*take)(std::string_view value, Xclient& out);
};
constexpr Attribute kAttributes[] = {{"NAME", take_name}, {"ADDR", take_address},
                                     {"PORT", take_port}, {"PROTO", take_protocol},
                                     {"HELO", take_name}, {"LOGIN", take_login}};

}  // namespace

std::optional<Xclient> parse_xclient(std::string_view arguments) {
  Xclient out;
  uint32_t seen = 0;  // a bit for each row
  skip_blanks(arguments);
  if (arguments.empty()) return std::nullopt;
  while (!arguments.empty()) {
    const std::string_view word = take_word(arguments);
    skip_blanks(arguments);
    const size_t sign = word.find('=');
    if (sign == std::string_view::npos) return std::nullopt;
    const auto row = std::ranges::find_if(kAttributes, [&](const Attribute& attribute) {
      return equals_ignoring_case(attribute.name, word.substr(0, sign));
    });
    const uint32_t bit = 1U << (row - std::begin(kAttributes));
    if (row == std::end(kAttributes) || (seen & bit) != 0) return std::nullopt;
    seen |= bit;
    const auto value = from_xtext(word.substr(sign + 1), true);
    if (!value || value->empty() || value->size() > kValueMax) return std::nullopt;
    if (!row->take(*value, out)) return std::nullopt;
  }
  return out;
}

}  // namespace relais::smtp
