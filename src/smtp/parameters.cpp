#include "smtp/parameters.h"

#include "smtp/ascii.h"
#include "smtp/server.h"

namespace relais::smtp {
namespace {

constexpr bool is_keyword_octet(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }
constexpr bool is_value_octet(char c) { return c > ' ' && c <= '~' && c != '='; }

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

bool parse_body(std::string_view text, BodyType& body) {
  if (equals_ignoring_case(text, "7BIT")) {
    body = BodyType::k7Bit;
  } else if (equals_ignoring_case(text, "8BITMIME")) {
    body = BodyType::k8BitMime;
  } else {
    return false;
  }
  return true;
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
  out = {};
  bool has_size = false;
  bool has_auth = false;
  while (!text.empty()) {
    Parameter parameter;
    if (!take_parameter(text, parameter)) return &replies::kBadArguments;
    if (options.size && equals_ignoring_case(parameter.keyword, "SIZE")) {
      if (has_size || !parse_size(parameter.value, out.size)) return &replies::kBadArguments;
      has_size = true;
    } else if (options.eight_bit_mime && equals_ignoring_case(parameter.keyword, "BODY")) {
      if (out.body != BodyType::kUnspecified) return &replies::kBadArguments;
      if (!parse_body(parameter.value, out.body)) return &replies::kBadArguments;
    } else if (options.auth_parameter && equals_ignoring_case(parameter.keyword, "AUTH")) {
      if (has_auth || parameter.value.empty()) return &replies::kBadArguments;
      has_auth = true;
    } else {
      return &replies::kUnknownParameter;
    }
  }
  return nullptr;
}

const Reply* check_rcpt_parameters(std::string_view text) {
  if (text.empty()) return nullptr;
  Parameter parameter;
  return take_parameter(text, parameter) ? &replies::kUnknownParameter : &replies::kBadArguments;
}

}  // namespace relais::smtp
