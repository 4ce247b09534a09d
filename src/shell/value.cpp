#include "shell/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/values.h"
#include "policy/ascii.h"

namespace relais::shell {
namespace {

using policy::ascii_lower;
using policy::equal_ignoring_case;

std::string with_commas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

// 36 MB (37,748,736 bytes), with up to three decimals, as .NET prints a ByteQuantifiedSize.
std::string octets_text(uint64_t count) {
  struct Unit {
    const char* name;
    uint64_t octets;
  };
  constexpr Unit kUnits[] = {
      {"TB", 1ULL << 40}, {"GB", 1ULL << 30}, {"MB", 1ULL << 20}, {"KB", 1ULL << 10}, {"B", 1}};
  const Unit* unit = kUnits;
  while (unit->octets > 1 && count < unit->octets) ++unit;
  std::string number =
      fmt::format("{:.3f}", static_cast<double>(count) / static_cast<double>(unit->octets));
  number.erase(number.find_last_not_of('0') + 1);
  if (number.ends_with('.')) number.pop_back();
  return fmt::format("{} {} ({} bytes)", number, unit->name, with_commas(count));
}

// A .NET TimeSpan: [d.]hh:mm:ss[.fffffff]
std::string duration_text(Duration duration) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t total = duration.ns / kSecond;
  const int64_t fraction = duration.ns % kSecond / 100;
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", total / 3600 % 24, total / 60 % 60, total % 60);
  if (total >= 86'400) text.insert(0, fmt::format("{}.", total / 86'400));
  if (fraction != 0) text += fmt::format(".{:07}", fraction);
  return text;
}

std::string list_text(const List& list, size_t elements_max) {
  std::string text(1, '{');
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == elements_max) {
      text += "...";
      break;
    }
    text += to_text(list[i], elements_max);
  }
  return text += '}';
}

std::string pairs_text(const Pairs& pairs) {
  std::string text("@{");
  for (const auto& [name, value] : pairs) {
    if (text.size() > 2) text += "; ";
    text += fmt::format("{}={}", name, to_text(value));
  }
  return text += '}';
}

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int order_text(std::string_view a, std::string_view b) {
  return order(ascii_lower(a), ascii_lower(b));
}

// "10MB" and "10 MB", also what octets_text printed.
std::optional<uint64_t> octets_of(const Value& value) {
  if (const auto* octets = value.as<Octets>()) return octets->count;
  if (const auto* number = value.as<int64_t>(); number != nullptr && *number >= 0) {
    return static_cast<uint64_t>(*number);
  }
  const auto* text = value.as<std::string>();
  if (text == nullptr) return std::nullopt;
  std::string plain = text->substr(0, text->find('('));
  std::erase(plain, ' ');
  return config::parse_size(plain);
}

std::optional<int64_t> number_of(const Value& value) {
  if (const auto* number = value.as<int64_t>()) return *number;
  if (const auto* truth = value.as<bool>()) return *truth ? 1 : 0;
  const auto* text = value.as<std::string>();
  if (text == nullptr) return std::nullopt;
  int64_t number = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (code == std::errc() && end == text->data() + text->size()) return number;
  if (const auto octets = config::parse_size(*text); octets && *octets <= INT64_MAX) {
    return static_cast<int64_t>(*octets);
  }
  return std::nullopt;
}

std::optional<bool> truth_of(const Value& value) {
  if (const auto* text = value.as<std::string>()) {
    if (equal_ignoring_case(*text, "true")) return true;
    if (equal_ignoring_case(*text, "false")) return false;
  }
  if (value.is_null()) return std::nullopt;
  return is_true(value);
}

std::optional<int64_t> nanoseconds_of(const Value& value) {
  if (const auto* duration = value.as<Duration>()) return duration->ns;
  const auto* text = value.as<std::string>();
  if (text == nullptr) return std::nullopt;
  const auto duration = config::parse_duration(*text);
  if (!duration) return std::nullopt;
  return duration->ns;
}

}  // namespace

List to_list(const Value& value) {
  if (const auto* list = value.as<List>()) return *list;
  if (value.is_null()) return {};
  return {value};
}

std::string to_text(const Value& value, size_t elements_max) {
  struct Visitor {
    size_t elements_max;
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool truth) const { return truth ? "True" : "False"; }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(Octets octets) const { return octets_text(octets.count); }
    std::string operator()(Duration duration) const { return duration_text(duration); }
    std::string operator()(const List& list) const { return list_text(list, elements_max); }
    std::string operator()(const Pairs& pairs) const { return pairs_text(pairs); }
  };
  return std::visit(Visitor{elements_max}, value.data);
}

bool is_true(const Value& value) {
  if (value.is_null()) return false;
  if (const auto* truth = value.as<bool>()) return *truth;
  if (const auto* number = value.as<int64_t>()) return *number != 0;
  if (const auto* text = value.as<std::string>()) return !text->empty();
  if (const auto* list = value.as<List>()) {
    return list->size() == 1 ? is_true(list->front()) : !list->empty();
  }
  return true;
}

std::optional<int> compare(const Value& left, const Value& right) {
  if (left.is_null() || right.is_null()) {
    if (left.is_null() && right.is_null()) return 0;
    return std::nullopt;
  }
  if (left.as<bool>() != nullptr) {
    const auto truth = truth_of(right);
    if (!truth) return std::nullopt;
    return order(*left.as<bool>(), *truth);
  }
  const auto ordered = [](auto a, auto b) -> std::optional<int> {
    if (!a || !b) return std::nullopt;
    return order(*a, *b);
  };
  if (left.as<int64_t>() != nullptr) return ordered(number_of(left), number_of(right));
  if (left.as<Octets>() != nullptr) return ordered(octets_of(left), octets_of(right));
  if (left.as<Duration>() != nullptr) return ordered(nanoseconds_of(left), nanoseconds_of(right));
  return order_text(to_text(left), to_text(right));
}

const Value* Object::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      properties, [&](const auto& pair) { return equal_ignoring_case(pair.first, name); });
  return found == properties.end() ? nullptr : &found->second;
}

namespace {

// A set at the front of `pattern`, "[a-f0]": whether it holds `c`, and its length; 0: it is no set.
std::pair<bool, size_t> match_set(std::string_view pattern, char c) {
  const size_t close = pattern.find(']', 2);
  if (close == std::string_view::npos) return {false, 0};
  bool inside = false;
  for (size_t i = 1; i < close; ++i) {
    const char low = ascii_lower(pattern[i]);
    char high = low;
    if (i + 2 < close && pattern[i + 1] == '-') {
      high = ascii_lower(pattern[i + 2]);
      i += 2;
    }
    if (low <= c && c <= high) inside = true;
  }
  return {inside, close + 1};
}

}  // namespace

bool matches_wildcard(std::string_view text, std::string_view pattern) {
  size_t t = 0;
  size_t p = 0;
  size_t star = std::string_view::npos;  // where to go on when it fails: one character later
  size_t star_text = 0;
  while (t < text.size()) {
    const char c = ascii_lower(text[t]);
    size_t length = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size()) {
      const auto [inside, set_length] =
          pattern[p] == '[' ? match_set(pattern.substr(p), c) : std::pair<bool, size_t>{false, 0};
      if (set_length > 0) {
        length = inside ? set_length : 0;
      } else if (pattern[p] == '?' || ascii_lower(pattern[p]) == c) {
        length = 1;
      }
    }
    if (length > 0) {
      ++t;
      p += length;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?") != std::string_view::npos;
}

}  // namespace relais::shell
