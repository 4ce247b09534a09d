#include "smtp/parameters.h"

#include <algorithm>
#include <iterator>

#include "smtp/ascii.h"
#include "smtp/server.h"

namespace relais::smtp {
namespace {

constexpr bool is_keyword_octet(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }
// 8-bit octets are for ORCPT (RFC 6533); elsewhere the line, or the value's own form, has none.
constexpr bool is_value_octet(char c) {
  return (c > ' ' && c <= '~' && c != '=') || is_eight_bit(c);
}

// RFC 1870: 1*20DIGIT. More than fits is more than any limit.
bool parse_size(std::string_view text, uint64_t& size) {
  constexpr size_t kDigitsMax = 20;
  if (text.empty() || text.size() > kDigitsMax) return false;
  size = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (__builtin_mul_overflow(size, 10U, &size) || __builtin_add_overflow(size, digit, &size)) {
      size = UINT64_MAX;
    }
  }
  return true;
}

bool parse_body(std::string_view text, bool binary_mime, BodyType& body) {
  if (equals_ignoring_case(text, "7BIT")) {
    body = BodyType::k7Bit;
  } else if (equals_ignoring_case(text, "8BITMIME")) {
    body = BodyType::k8BitMime;
  } else if (binary_mime && equals_ignoring_case(text, "BINARYMIME")) {
    body = BodyType::kBinaryMime;
  } else {
    return false;
  }
  return true;
}

// A keyword is a row: who offers it, and its value. parse: false when that is badly formed.
template <class Out>
struct Keyword {
  std::string_view name;
  bool ServerOptions::*offered;
  bool (*parse)(const Parameter& parameter, const ServerOptions& options, Out& out);
};

constexpr Keyword<MailParameters> kMailKeywords[] = {
    {"SIZE", &ServerOptions::size,
     [](const Parameter& p, const ServerOptions&, MailParameters& out) {
       return parse_size(p.value, out.size);
     }},
    {"BODY", &ServerOptions::eight_bit_mime,
     [](const Parameter& p, const ServerOptions& options, MailParameters& out) {
       return parse_body(p.value, options.chunking && options.binary_mime, out.body);
     }},
    {"SMTPUTF8", &ServerOptions::smtp_utf8,
     [](const Parameter& p, const ServerOptions&, MailParameters& out) {
       out.utf8 = true;
       return !p.has_value;
     }},
    {"REQUIRETLS", &ServerOptions::require_tls,
     [](const Parameter& p, const ServerOptions&, MailParameters& out) {
       out.require_tls = true;
       return !p.has_value;
     }},
    {"RET", &ServerOptions::dsn,
     [](const Parameter& p, const ServerOptions&, MailParameters& out) {
       return parse_ret(p.value, out.ret);
     }},
    {"ENVID", &ServerOptions::dsn,
     [](const Parameter& p, const ServerOptions&, MailParameters& out) {
       out.envid = p.value;
       return is_envid(p.value);
     }},
    {"AUTH", &ServerOptions::auth_parameter,
     [](const Parameter& p, const ServerOptions&, MailParameters&) {
       return !p.value.empty() && is_xtext(p.value);
     }},
};

constexpr Keyword<RecipientDsn> kRcptKeywords[] = {
    {"NOTIFY", &ServerOptions::dsn,
     [](const Parameter& p, const ServerOptions&, RecipientDsn& out) {
       return parse_notify(p.value, out.notify);
     }},
    {"ORCPT", &ServerOptions::dsn,
     [](const Parameter& p, const ServerOptions&, RecipientDsn& out) {
       out.orcpt = p.value;
       return is_orcpt(p.value);
     }},
};

template <class Out, size_t N>
const Reply* check_parameters(std::string_view text, const ServerOptions& options,
                              const Keyword<Out> (&keywords)[N], Out& out) {
  out = {};
  uint32_t seen = 0;  // a bit for each row
  while (!text.empty()) {
    Parameter parameter;
    if (!take_parameter(text, parameter)) return &replies::kBadArguments;
    const auto row = std::ranges::find_if(keywords, [&](const Keyword<Out>& keyword) {
      return options.*keyword.offered && equals_ignoring_case(parameter.keyword, keyword.name);
    });
    if (row == std::end(keywords)) return &replies::kUnknownParameter;
    const uint32_t bit = 1U << (row - std::begin(keywords));
    if ((seen & bit) != 0 || !row->parse(parameter, options, out)) return &replies::kBadArguments;
    seen |= bit;
  }
  return nullptr;
}

}  // namespace

bool take_parameter(std::string_view& text, Parameter& parameter) {
  skip_blanks(text);
  std::string_view word = take_word(text);
  size_t length = 0;
  while (length < word.size() && is_keyword_octet(word[length])) ++length;
  if (length == 0 || word.front() == '-') return false;
  parameter.keyword = word.substr(0, length);
  word.remove_prefix(length);
  parameter.has_value = !word.empty();
  parameter.value = {};
  if (!parameter.has_value) return true;
  if (word.front() != '=' || word.size() == 1) return false;
  word.remove_prefix(1);
  for (const char c : word) {
    if (!is_value_octet(c)) return false;
  }
  parameter.value = word;
  return true;
}

const Reply* check_mail_parameters(std::string_view text, const ServerOptions& options,
                                   MailParameters& out) {
  return check_parameters(text, options, kMailKeywords, out);
}

const Reply* check_rcpt_parameters(std::string_view text, const ServerOptions& options,
                                   RecipientDsn& out) {
  return check_parameters(text, options, kRcptKeywords, out);
}

}  // namespace relais::smtp
