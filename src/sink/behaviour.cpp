#include "sink/behaviour.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "smtp/ascii.h"
#include "smtp/command_line.h"

namespace relais::sink {
namespace {

constexpr std::array<std::string_view, kPlaces> kNames = {"connect", "hello", "starttls", "mail",
                                                          "rcpt",    "data",  "content",  "end",
                                                          "rset",    "noop",  "quit"};
// Where the dialogue asks whether it may go on.
constexpr std::array kAnswerable = {Place::kConnect,   Place::kStartTls, Place::kMail,
                                    Place::kRecipient, Place::kData,     Place::kEnd};

using Problem = Behaviour::Problem;

Problem parse_place(std::string_view name, Place& place) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end())
    return fmt::format("there is no place '{}'; places are {}", name, fmt::join(kNames, ", "));
  place = static_cast<Place>(found - kNames.begin());
  return {};
}

// Takes ",P%" from the end of the rule.
Problem take_chance(std::string_view& rule, Chance& chance) {
  const size_t comma = rule.rfind(',');
  if (comma == std::string_view::npos) return {};
  const std::string_view text = rule.substr(comma + 1);
  double percent = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool good = error == std::errc() && stop + 1 == text.data() + text.size() && *stop == '%';
  // Not as (percent < 0): NaN is none either.
  if (!good || !(percent > 0 && percent <= 100))
    return fmt::format("'{}' is no percentage from 0 to 100, as in 5%", text);
  chance.millionth = std::max(static_cast<uint32_t>(percent * 10'000), 1U);
  rule = rule.substr(0, comma);
  return {};
}

Problem parse_code(std::string_view text, uint16_t& code) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error == std::errc() && stop == text.data() + text.size() && code >= 400 && code <= 599)
    return {};
  return fmt::format("'{}' is no code that refuses, 400 to 599", text);
}

Problem parse_times(std::string_view text, Duration& least, Duration& most) {
  const size_t hyphen = text.find('-');
  const auto first = parse_time(text.substr(0, hyphen));
  const auto last = hyphen == std::string_view::npos ? first : parse_time(text.substr(hyphen + 1));
  if (!first || !last || *last < *first)
    return fmt::format("'{}' is no time, as in 50ms, 2s or 10ms-2s, at most 1h", text);
  least = *first;
  most = *last;
  return {};
}

// Cuts "LEFT=RIGHT" at its last '=': patterns may hold one.
Problem cut(std::string_view rule, std::string_view& left, std::string_view& right) {
  const size_t equals = rule.rfind('=');
  if (equals == std::string_view::npos || equals == 0)
    return fmt::format("'{}' is not of the form PLACE=WHAT", rule);
  left = rule.substr(0, equals);
  right = rule.substr(equals + 1);
  return {};
}

}  // namespace

Problem Behaviour::add_delay(std::string_view rule) {
  Rule made{.what = What::kDelay};
  std::string_view name;
  std::string_view times;
  Place place{};
  if (Problem problem = take_chance(rule, made.chance)) return problem;
  if (Problem problem = cut(rule, name, times)) return problem;
  if (Problem problem = parse_place(name, place)) return problem;
  if (Problem problem = parse_times(times, made.least, made.most)) return problem;
  rules_[static_cast<size_t>(place)].push_back(made);
  return {};
}

Problem Behaviour::add_answer(std::string_view rule) {
  Rule made{.what = What::kAnswer};
  std::string_view name;
  std::string_view code;
  Place place{};
  if (Problem problem = take_chance(rule, made.chance)) return problem;
  if (Problem problem = cut(rule, name, code)) return problem;
  if (Problem problem = parse_place(name, place)) return problem;
  if (Problem problem = parse_code(code, made.code)) return problem;
  if (std::ranges::find(kAnswerable, place) == kAnswerable.end())
    return fmt::format("nothing is refused at '{}'", name);
  rules_[static_cast<size_t>(place)].push_back(made);
  return {};
}

Problem Behaviour::add_answer_to(std::string_view rule) {
  std::string_view pattern;
  std::string_view code;
  To made;
  if (Problem problem = cut(rule, pattern, code)) return problem;
  if (Problem problem = parse_code(code, made.code)) return problem;
  made.pattern = pattern;
  to_.push_back(std::move(made));
  return {};
}

Problem Behaviour::add_close(std::string_view rule) {
  Rule made{.what = What::kClose};
  Place place{};
  if (Problem problem = take_chance(rule, made.chance)) return problem;
  if (Problem problem = parse_place(rule, place)) return problem;
  rules_[static_cast<size_t>(place)].push_back(made);
  return {};
}

Problem Behaviour::set_tarpit(std::string_view rule) {
  if (Problem problem = take_chance(rule, tarpit_chance_)) return problem;
  const auto time = parse_time(rule);
  if (!time || time->ns == 0)
    return fmt::format("'{}' is no time, as in 10ms or 1s, at most 1h", rule);
  tarpit_ = *time;
  return {};
}

bool Behaviour::has_rules_for_verbs() const {
  for (const Place place : {Place::kHello, Place::kStartTls, Place::kMail, Place::kRecipient,
                            Place::kData, Place::kReset, Place::kNoop, Place::kQuit}) {
    if (has_rules_at(place)) return true;
  }
  return false;
}

Act Behaviour::act_at(Place place, Prng& prng) const {
  Act act;
  for (const Rule& rule : rules_[static_cast<size_t>(place)]) {
    if (!rule.chance.happens(prng)) continue;
    switch (rule.what) {
      case What::kDelay:
        act.delay =
            act.delay +
            Duration{static_cast<int64_t>(prng.between(static_cast<uint64_t>(rule.least.ns),
                                                       static_cast<uint64_t>(rule.most.ns)))};
        break;
      case What::kAnswer:
        if (act.code == 0) act.code = rule.code;
        break;
      case What::kClose:
        act.close = true;
        break;
    }
  }
  return act;
}

uint16_t Behaviour::code_for(std::string_view recipient) const {
  const auto found =
      std::ranges::find_if(to_, [&](const To& to) { return fits(to.pattern, recipient); });
  return found == to_.end() ? 0 : found->code;
}

Duration Behaviour::draw_tarpit(Prng& prng) const {
  return tarpit_.ns > 0 && tarpit_chance_.happens(prng) ? tarpit_ : Duration{};
}

std::optional<Place> place_of_verb(std::string_view verb) {
  using smtp::verb_key;
  switch (verb_key(verb)) {
    case verb_key("EHLO"):
    case verb_key("HELO"):
      return Place::kHello;
    case verb_key("MAIL"):
      return Place::kMail;
    case verb_key("RCPT"):
      return Place::kRecipient;
    case verb_key("DATA"):
    case verb_key("BDAT"):
      return Place::kData;
    case verb_key("RSET"):
      return Place::kReset;
    case verb_key("NOOP"):
      return Place::kNoop;
    case verb_key("QUIT"):
      return Place::kQuit;
    default:
      if (smtp::equals_ignoring_case(verb, "STARTTLS")) return Place::kStartTls;
      return {};
  }
}

std::optional<Duration> parse_time(std::string_view text) {
  uint32_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return {};
  const std::string_view unit = text.substr(static_cast<size_t>(stop - text.data()));
  Duration one{};
  if (unit == "ms") one = milliseconds(1);
  if (unit == "s") one = seconds(1);
  if (unit == "m" || unit == "min") one = minutes(1);
  if (unit == "h") one = hours(1);
  const Duration time = one * number;
  if (one.ns == 0 || time > hours(1)) return {};
  return time;
}

bool fits(std::string_view pattern, std::string_view text) {
  // Back to the last '*' when what stands behind it does not fit: linear but for that.
  size_t p = 0;
  size_t star = std::string_view::npos;
  size_t from = 0;
  for (size_t t = 0; t < text.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && smtp::to_lower(pattern[p]) == smtp::to_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace relais::sink
