// The addresses that connections come from, taken in turn: "127.0.1.1-127.0.1.50", CIDR, single
// ones, and lists of those with commas. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace relais::load {

class Sources {
 public:
  static constexpr uint64_t kMax = uint64_t{1} << 24;

  [[nodiscard]] static std::expected<Sources, std::string> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] bool are_all(bool v4) const;
  [[nodiscard]] uint64_t size() const { return size_; }
  // Of all of them, in the order they were given; begins again at the end. Not when empty().
  [[nodiscard]] IpAddress at(uint64_t number) const;

 private:
  struct Range {
    IpAddress first;
    uint64_t size;
  };
  std::vector<Range> ranges_;
  uint64_t size_ = 0;
};

}  // namespace relais::load
