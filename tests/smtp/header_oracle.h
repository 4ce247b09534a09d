// What the header filter should do to a whole message, written without a thought for cuts or speed:
// the message is split into lines, the lines are joined to fields, each field is looked at.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/header_filter.h"

namespace relais::smtp::test {

struct Filtered {
  std::string out;
  uint64_t octets = 0;
  uint32_t hops = 0;
  uint32_t local_hops = 0;
  friend bool operator==(const Filtered&, const Filtered&) = default;
};

class Names : public DisplayNames {
 public:
  explicit Names(std::map<std::string, std::string, std::less<>> names)
      : names_(std::move(names)) {}
  [[nodiscard]] std::string_view find(std::string_view address) const override {
    const auto found = names_.find(address);
    return found == names_.end() ? std::string_view{} : found->second;
  }

 private:
  std::map<std::string, std::string, std::less<>> names_;
};

[[nodiscard]] Filtered oracle(std::string_view content, const HeaderRules& rules);

}  // namespace relais::smtp::test
