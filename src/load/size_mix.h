// Which sizes messages have, and how often: "10k" or "1k:60,10k:30,100k:9,1m:1" (size:weight, units
// of 1024). Pure; a draw is the caller's random number.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace relais::load {

// "4096", "1k", "10KB", "1m": octets. 0 is no size. An error is one line that says what is wrong
// and how to write it.
[[nodiscard]] std::expected<uint64_t, std::string> parse_size(std::string_view text);

class SizeMix {
 public:
  static constexpr uint64_t kSizeMax = uint64_t{1} << 30;
  static constexpr size_t kClassesMax = 64;
  struct Class {
    uint64_t octets;
    uint64_t weight;
  };

  [[nodiscard]] static std::expected<SizeMix, std::string> parse(std::string_view text);

  [[nodiscard]] const std::vector<Class>& classes() const { return classes_; }
  // Index of a class, as often as its weight says.
  [[nodiscard]] size_t draw(Prng& random) const;

 private:
  std::vector<Class> classes_;
  uint64_t weights_ = 0;
};

}  // namespace relais::load
