#include "smtp/xclient.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "smtp/ascii.h"
#include "smtp/command_line.h"
#include "smtp/dsn.h"

namespace relais::smtp {
namespace {

constexpr size_t kValueMax = 255;  // octets, decoded
constexpr std::string_view kUnknown = "[UNAVAILABLE]";
constexpr std::string_view kV6 = "IPV6:";
constexpr std::string_view kLineEnd = "\r\n";

bool is_unknown(std::string_view value) {
  return equals_ignoring_case(value, kUnknown) || equals_ignoring_case(value, "[TEMPUNAVAIL]");
}

bool take_address(std::string_view value, Xclient& out) {
  if (is_unknown(value)) return true;
  const bool marked = starts_with_ignoring_case(value, kV6);
  out.address = IpAddress::parse(marked ? value.substr(kV6.size()) : value);
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

std::string port_of(const Endpoint& endpoint) {
  return endpoint.port == 0 ? std::string() : std::to_string(endpoint.port);
}

std::string address_of(const Endpoint& endpoint) {
  const std::string address = endpoint.address.to_string();
  return endpoint.address.is_v4() ? address : std::string(kV6) + address;
}

// A name and both directions of its value. What is said decoded; empty: it is unknown.
struct Attribute {
  std::string_view name;
  bool (*take)(std::string_view value, Xclient& out);  // null: not offered
  std::string (*say)(const NamedClient& client);
};
using Named = const NamedClient&;
constexpr Attribute kAttributes[] = {
    // Names of clients decide nothing here, and are not looked up. Unsaid, it would be our own.
    {"NAME", take_name, [](Named) { return std::string(); }},
    {"ADDR", take_address, [](Named client) { return address_of(client.remote); }},
    {"PORT", take_port, [](Named client) { return port_of(client.remote); }},
    {"PROTO", take_protocol,
     [](Named client) { return std::string(client.esmtp ? "ESMTP" : "SMTP"); }},
    {"HELO", take_name, [](Named client) { return client.hello; }},
    {"LOGIN", take_login, [](Named client) { return client.login; }},
    {"DESTADDR", nullptr, [](Named client) { return address_of(client.local); }},
    {"DESTPORT", nullptr, [](Named client) { return port_of(client.local); }}};

const Attribute* find_attribute(std::string_view name) {
  const auto* const row = std::ranges::find_if(kAttributes, [&](const Attribute& attribute) {
    return equals_ignoring_case(attribute.name, name);
  });
  return row == std::end(kAttributes) ? nullptr : row;
}

// " NAME=value"
std::string word_of(const Attribute& row, std::string_view value) {
  if (value.empty() || value.size() > kValueMax) value = kUnknown;
  std::string word(1, ' ');
  word += row.name;
  word += '=';
  append_xtext(word, value);
  return word;
}

uint8_t bit_of(const Attribute& row) { return static_cast<uint8_t>(1U << (&row - kAttributes)); }
uint8_t bit_of(std::string_view name) { return bit_of(*find_attribute(name)); }

}  // namespace

std::optional<Xclient> parse_xclient(std::string_view arguments) {
  Xclient out;
  uint8_t seen = 0;  // a bit for each row
  skip_blanks(arguments);
  if (arguments.empty()) return std::nullopt;
  while (!arguments.empty()) {
    const std::string_view word = take_word(arguments);
    skip_blanks(arguments);
    const size_t sign = word.find('=');
    if (sign == std::string_view::npos) return std::nullopt;
    const Attribute* const row = find_attribute(word.substr(0, sign));
    if (row == nullptr || row->take == nullptr || (seen & bit_of(*row)) != 0) return std::nullopt;
    seen |= bit_of(*row);
    const auto value = from_xtext(word.substr(sign + 1), true);
    if (!value || value->empty() || value->size() > kValueMax) return std::nullopt;
    if (!row->take(*value, out)) return std::nullopt;
  }
  return out;
}

uint8_t xclient_attributes(std::string_view offered) {
  uint8_t attributes = 0;
  while (skip_blanks(offered), !offered.empty()) {
    const Attribute* const row = find_attribute(take_word(offered));
    if (row != nullptr) attributes |= bit_of(*row);
  }
  return attributes;
}

bool names_addresses(uint8_t attributes) { return (attributes & bit_of("ADDR")) != 0; }

std::string xclient_command(uint8_t attributes, const NamedClient& client) {
  std::string words[std::size(kAttributes)];
  size_t octets = kXclientVerb.size() + kLineEnd.size();
  for (size_t i = 0; i < std::size(words); ++i) {
    if ((attributes & bit_of(kAttributes[i])) == 0) continue;
    words[i] = word_of(kAttributes[i], kAttributes[i].say(client));
    octets += words[i].size();
  }
  for (const std::string_view name : {"HELO", "LOGIN"}) {
    const Attribute* const row = find_attribute(name);
    std::string& word = words[row - kAttributes];
    std::string unknown = word_of(*row, {});
    if (octets <= kCommandMax || word.size() <= unknown.size()) continue;
    octets -= word.size() - unknown.size();
    word = std::move(unknown);
  }
  std::string command(kXclientVerb);
  for (const std::string& word : words) command += word;
  return command;
}

}  // namespace relais::smtp
