#include "load/size_mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace relais::load {
namespace {

constexpr std::string_view kSizeForm = "write a size as in 10k, or a mix as in 1k:60,10k:30,1m:10";

// The number in front, which is taken off.
bool take_number(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// 0: no unit that we know.
uint64_t unit_of(std::string_view text) {
  std::string unit(text);
  std::ranges::transform(unit, unit.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (unit.empty() || unit == "b") return 1;
  if (unit == "k" || unit == "kb" || unit == "kib") return 1 << 10;
  if (unit == "m" || unit == "mb" || unit == "mib") return 1 << 20;
  if (unit == "g" || unit == "gb" || unit == "gib") return 1 << 30;
  return 0;
}

}  // namespace

std::expected<uint64_t, std::string> parse_size(std::string_view text) {
  std::string_view rest = text;
  uint64_t number = 0;
  const bool has_number = take_number(rest, number);
  const uint64_t unit = has_number ? unit_of(rest) : 0;
  if (unit == 0) return std::unexpected(fmt::format("'{}' is no size; {}", text, kSizeForm));
  if (number == 0)
    return std::unexpected(fmt::format("a message of size {} cannot be sent; {}", text, kSizeForm));
  if (number > SizeMix::kSizeMax / unit)
    return std::unexpected(fmt::format("size {} is too large: at most 1g", text));
  return number * unit;
}

std::expected<SizeMix, std::string> SizeMix::parse(std::string_view text) {
  SizeMix mix;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const size_t colon = item.find(':');
    const auto octets = parse_size(item.substr(0, colon));
    if (!octets) return std::unexpected(octets.error());
    uint64_t weight = 1;
    if (colon != std::string_view::npos) {
      std::string_view rest = item.substr(colon + 1);
      constexpr uint64_t kWeightMax = 1'000'000'000;
      if (!take_number(rest, weight) || !rest.empty() || weight == 0 || weight > kWeightMax) {
        return std::unexpected(
            fmt::format("'{}' is no weight: behind a colon stands a whole number from 1; {}",
                        item.substr(colon + 1), kSizeForm));
      }
    }
    mix.classes_.push_back({*octets, weight});
    mix.weights_ += weight;
    if (mix.classes_.size() > kClassesMax)
      return std::unexpected(fmt::format("more than {} sizes in one mix", kClassesMax));
    if (comma == std::string_view::npos) return mix;
    text.remove_prefix(comma + 1);
  }
}

size_t SizeMix::draw(Prng& random) const {
  if (classes_.size() == 1) return 0;
  uint64_t left = random.below(weights_);
  size_t index = 0;
  while (left >= classes_[index].weight) left -= classes_[index++].weight;
  return index;
}

}  // namespace relais::load
