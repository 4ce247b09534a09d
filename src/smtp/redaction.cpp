#include "smtp/redaction.h"

#include <algorithm>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr std::string_view kAuth = "AUTH";
constexpr std::string_view kContinue = "334";
// Of a verb that nobody knows, and of the name of a mechanism.
constexpr size_t kUnknownVerbMax = 32;
constexpr size_t kChunkDigits = 20;

// Whatever else stands there may be the secret itself.
constexpr std::string_view kMechanisms[] = {
    "PLAIN", "LOGIN",  "CRAM-MD5", "DIGEST-MD5",  "SCRAM-SHA-1", "SCRAM-SHA-256",
    "NTLM",  "GSSAPI", "XOAUTH2",  "OAUTHBEARER", "EXTERNAL",
};

enum class Follows : uint8_t {
  kNothing,  // or it is none of ours
  kText,     // anything
  kName,     // of a host; a word
  kFrom,     // FROM: or TO:
  kChunk,    // digits, LAST
};

struct KnownVerb {
  std::string_view name;
  Follows follows;
};

constexpr KnownVerb kKnownVerbs[] = {
    {"EHLO", Follows::kName},     {"HELO", Follows::kName},        {"MAIL", Follows::kFrom},
    {"RCPT", Follows::kFrom},     {"DATA", Follows::kNothing},     {"BDAT", Follows::kChunk},
    {"RSET", Follows::kNothing},  {"NOOP", Follows::kText},        {"QUIT", Follows::kNothing},
    {"VRFY", Follows::kText},     {"EXPN", Follows::kText},        {"HELP", Follows::kText},
    {"ETRN", Follows::kText},     {"STARTTLS", Follows::kNothing}, {"XCLIENT", Follows::kText},
    {"XFORWARD", Follows::kText}, {"XEXCH50", Follows::kText},
};

bool is_chunk(std::string_view arguments) {
  std::string_view size = take_word(arguments);
  skip_blanks(arguments);
  return !size.empty() && size.size() <= kChunkDigits && std::ranges::all_of(size, is_digit) &&
         (arguments.empty() || equals_ignoring_case(arguments, "LAST"));
}

bool is_one_word(std::string_view arguments) { return std::ranges::none_of(arguments, is_blank); }

bool is_path_argument(std::string_view arguments) {
  return starts_with_ignoring_case(arguments, "FROM:") ||
         starts_with_ignoring_case(arguments, "TO:");
}

bool can_only_be(Follows follows, std::string_view arguments) {
  switch (follows) {
    case Follows::kNothing:
    case Follows::kText:
      return arguments.empty();
    case Follows::kName:
      return is_one_word(arguments);
    case Follows::kFrom:
      return is_path_argument(arguments);
    case Follows::kChunk:
      return is_chunk(arguments);
  }
  return false;
}

bool may_be_shown(Follows follows) {
  return follows == Follows::kText || follows == Follows::kName;
}

// Octets of an AUTH line up to the mechanism, if it is one.
size_t auth_shown(std::string_view line) {
  std::string_view rest = line.substr(kAuth.size());
  if (rest.empty() || !is_blank(rest.front())) return kAuth.size();
  skip_blanks(rest);
  const std::string_view mechanism = take_word(rest);
  const bool known = std::ranges::any_of(kMechanisms, [mechanism](std::string_view name) {
    return equals_ignoring_case(name, mechanism);
  });
  return known ? line.size() - rest.size() : kAuth.size();
}

bool is_doubtful_behind(std::string_view verb) {
  return starts_with_ignoring_case(verb, kAuth) || equals_ignoring_case(verb, "DATA") ||
         equals_ignoring_case(verb, "BDAT");
}

}  // namespace

Redaction::Shown Redaction::judge(std::string_view line) const {
  std::string_view arguments = line;
  const std::string_view verb = take_word(arguments);
  const size_t with_verb = verb.size();
  skip_blanks(arguments);
  drop_trailing_blanks(arguments);
  const auto* known = std::ranges::find_if(
      kKnownVerbs, [verb](const KnownVerb& one) { return equals_ignoring_case(one.name, verb); });
  if (known == std::end(kKnownVerbs)) {
    const bool shown =
        !doubtful_ && with_verb <= kUnknownVerbMax && std::ranges::all_of(verb, is_printable);
    return {shown ? with_verb : 0, false};
  }
  if (can_only_be(known->follows, arguments)) return {line.size(), true};
  const bool whole = !doubtful_ && may_be_shown(known->follows);
  return {whole ? line.size() : with_verb, whole};
}

std::string_view Redaction::command(std::string_view line) {
  if (in_auth_) return kWithheld;
  Shown shown{};
  if (starts_with_ignoring_case(line, kAuth)) {
    in_auth_ = true;
    shown = {auth_shown(line), false};
  } else {
    shown = judge(line);
  }
  std::string_view rest = line;
  doubtful_ = !shown.certain || is_doubtful_behind(take_word(rest));
  if (shown.octets == line.size()) return line;
  shown_ = line.substr(0, shown.octets);
  if (!shown_.empty()) shown_ += ' ';
  return shown_ += kWithheld;
}

void Redaction::reply(std::string_view line) {
  if (!line.starts_with(kContinue)) in_auth_ = false;
}

}  // namespace relais::smtp
